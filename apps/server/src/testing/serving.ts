import { tmpdir } from 'node:os';
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema, grpcService, type Status, StatusSchema } from '@env-cli/wire';
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';

import { Api, type ApiOptions } from '../api.ts';
import { addReflection, apiServices, HealthService } from '../health.ts';
import type { Member } from '../member/member.ts';
import type { MirrorWorker } from '../mirrors/mirror-worker.ts';
import { type ListeningApi, listen } from '../nest-app.ts';
import type { FaultSink } from '../rpc/faults.ts';
import { plainSecrets } from '../secrets/secrets.ts';
import { testAwsDefaults } from './aws-defaults.ts';

/** A fault of ours, as a test sees it. */
export interface SeenFault {
  readonly where: string;
  readonly what: string;
  readonly stack: string;
}

/** A worker that delivers nothing and knows nothing. */
export const idleWorker: MirrorWorker = {
  status: () => null,
  plan: (_mirror, environments) =>
    Promise.resolve(environments.map((environment) => ({ environment, items: [], refusedBecause: null }))),
};

/** A member's API, served on a free port. */
export class Serving {
  readonly api: Api;
  readonly faults: readonly SeenFault[];
  /** Calls that ended: `/envcli.v1.Environments/Get OK`. */
  readonly ended: string[] = [];
  readonly #listening: ListeningApi;

  private constructor(api: Api, listening: ListeningApi, faults: readonly SeenFault[], ended: string[]) {
    this.api = api;
    this.#listening = listening;
    this.faults = faults;
    this.ended = ended;
  }

  static async of(member: Member, options: Partial<ApiOptions> & { readonly worker?: MirrorWorker } = {}): Promise<Serving> {
    const faults: SeenFault[] = [];
    const sink: FaultSink = {
      unexpected: (where, what, stack) => faults.push({ where, what, stack }),
      broken: (error) => faults.push({ where: 'invariant', what: error.message, stack: String(error.stack) }),
    };
    const ended: string[] = [];
    const api = new Api(member, options.worker ?? idleWorker, {
      defaultDeadlineMs: 10_000,
      defaultConsistency: 'strong',
      watchProgressIntervalMs: 60_000,
      awsDefaults: testAwsDefaults,
      storageBytes: () => 1_000,
      mapBytes: 2 ** 30,
      folderProblem: () => null,
      dataDir: tmpdir(),
      faults: sink,
      secrets: plainSecrets,
      ...options,
    });
    const health = new HealthService();
    const listening = await listen(
      api,
      {
        address: '127.0.0.1:0',
        services: apiServices,
        faults: sink,
        ended: (method, code) => ended.push(`${method} ${status[code]}`),
        prepare: (server) => {
          health.addTo(server);
          addReflection(server);
        },
        drainTimeoutMs: () => 1_000,
      },
      { log: () => {}, warn: () => {}, error: () => {} },
    );
    health.set(true);
    return new Serving(api, listening, faults, ended);
  }

  get address(): string {
    return `127.0.0.1:${this.#listening.port}`;
  }

  async close(): Promise<void> {
    this.api.drain();
    await this.#listening.close();
    this.api.close();
  }
}

/** How a call failed: the status, and the reason that its details give. */
export class CallFailed extends Error {
  readonly code: string;
  readonly reason: string;
  readonly details: Status | null;
  readonly facts: Readonly<Record<string, string>>;

  constructor(error: Pick<ServiceError, 'code' | 'details' | 'metadata'>) {
    super(`${status[error.code]}: ${error.details}`);
    this.code = status[error.code];
    const [bytes] = error.metadata.get('grpc-status-details-bin');
    this.details = bytes instanceof Uint8Array ? fromBinary(StatusSchema, bytes) : null;
    const info = this.details === null ? undefined : infoOf(this.details);
    this.reason = info?.reason ?? '';
    this.facts = info?.metadata ?? {};
  }
}

/** The `ErrorInfo` of a status. */
export function infoOf(failure: Status) {
  return anyUnpack(failure.details.at(0)!, ErrorInfoSchema);
}

export interface CallSettings {
  /** Defaults to none: the member's own default holds. */
  readonly deadlineMs?: number;
  readonly metadata?: Readonly<Record<string, string | Buffer>>;
}

type MethodsOf<S extends DescService> = S['method'];

/** A client of one address that knows every service. */
export class TestClient {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  /** Makes a unary call. Rejects with {@link CallFailed}. */
  call<S extends DescService, M extends keyof MethodsOf<S> & string>(
    service: S,
    method: M,
    request: MessageInitShape<MethodsOf<S>[M]['input']>,
    { deadlineMs, metadata = {} }: CallSettings = {},
  ): Promise<MessageShape<MethodsOf<S>[M]['output']>> {
    const desc = service.method[method] as DescMethod;
    const definition = grpcService(service)[desc.name]!;
    const sent = new Metadata();
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        create(desc.input as DescMessage, request as never),
        sent,
        deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
        (error, answer) => (error === null ? resolve(answer as never) : reject(new CallFailed(error))),
      );
    });
  }

  /** Opens a two-way stream. */
  stream<S extends DescService, M extends keyof MethodsOf<S> & string>(
    service: S,
    method: M,
  ): TestStream<MethodsOf<S>[M]['input'], MethodsOf<S>[M]['output']> {
    const desc = service.method[method] as DescMethod;
    const definition = grpcService(service)[desc.name]!;
    const stream = this.#client.makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
    );
    return new TestStream(desc.input, stream as never);
  }

  /** Sends bytes in the place of a request. */
  raw(path: string, bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, asIs, asIs, bytes, { deadline: Date.now() + 5_000 }, (error, answer) =>
        error === null ? resolve(answer!) : reject(new CallFailed(error)),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** One two-way stream, read message by message. */
export class TestStream<In extends DescMessage, Out extends DescMessage> {
  readonly call: ClientDuplexStream<unknown, MessageShape<Out>>;
  readonly #input: DescMessage;
  readonly #received: MessageShape<Out>[] = [];
  #end: { readonly error: CallFailed | null } | null = null;
  #wake: (() => void) | undefined;

  constructor(input: DescMessage, call: ClientDuplexStream<unknown, MessageShape<Out>>) {
    this.#input = input;
    this.call = call;
    call.on('error', (error: ServiceError) => this.#setEnd(new CallFailed(error)));
    call.on('end', () => this.#setEnd(null));
  }

  send(request: MessageInitShape<In>): void {
    this.call.write(create(this.#input, request as never));
  }

  /** Begins to read, and waits for the next message; null at the end. Rejects with {@link CallFailed}. */
  async next(): Promise<MessageShape<Out> | null> {
    if (this.call.listenerCount('data') === 0) {
      this.call.on('data', (message: MessageShape<Out>) => {
        this.#received.push(message);
        this.#wake?.();
      });
    }
    for (;;) {
      const message = this.#received.shift();
      if (message !== undefined) return message;
      if (this.#end !== null) {
        if (this.#end.error !== null) throw this.#end.error;
        return null;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The next message that satisfies a test. */
  async find(test: (message: MessageShape<Out>) => boolean): Promise<MessageShape<Out>> {
    for (;;) {
      const message = await this.next();
      if (message === null) throw new Error('the stream ended before the message that was looked for');
      if (test(message)) return message;
    }
  }

  end(): void {
    this.call.end();
  }

  cancel(): void {
    this.call.cancel();
  }

  #setEnd(error: CallFailed | null): void {
    this.#end ??= { error };
    this.#wake?.();
  }
}
