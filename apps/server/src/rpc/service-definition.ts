import type { DescService } from '@bufbuild/protobuf';
import { grpcService } from '@env-cli/wire';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/** What stands in the place of a request whose bytes are not those of its type. */
export class MalformedMessage {
  /** The message that was expected. */
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** An answer that is encoded already: what many readers get is encoded once. */
export type Encoded = Uint8Array;

/**
 * A generated service as this server serves it.
 *
 * A request that cannot be decoded becomes a {@link MalformedMessage}: grpc-js would answer INTERNAL, which is kept for
 * faults of ours. An answer may be {@link Encoded}.
 */
export function serviceDefinition(service: DescService): ServiceDefinition {
  const messages = new Map(service.methods.map((method) => [method.name, method.input.typeName]));
  return Object.fromEntries(
    Object.entries(grpcService(service)).map(([name, definition]) => {
      const { requestDeserialize, responseSerialize, ...rest } = definition as MethodDefinition<unknown, unknown>;
      const guarded: MethodDefinition<unknown, unknown> = {
        ...rest,
        requestDeserialize: (bytes) => {
          try {
            return requestDeserialize(bytes);
          } catch {
            return new MalformedMessage(messages.get(name) ?? name);
          }
        },
        responseSerialize: (answer) =>
          answer instanceof Uint8Array ? Buffer.from(answer.buffer, answer.byteOffset, answer.length) : responseSerialize(answer),
      };
      return [name, guarded];
    }),
  );
}
