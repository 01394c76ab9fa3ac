import type { ChannelCredentials, Client, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { Hello, HelloRefusal, Introduction } from '@env-cli/replica';
import { MalformedBytes } from '@env-cli/support';

import { decodeHelloAnswer, encodeHello } from './hello-bytes.ts';
import { metadataOf } from './introduction-metadata.ts';
import { dialClient, type peersService } from './service.ts';

export interface DialedStreamOptions {
  readonly method: (typeof peersService)['Messages'];
  readonly address: string;
  readonly credentials: ChannelCredentials;
  readonly hello: Hello;
  /** For a member that may not have heard of this one yet. Null, as by default: there is none. */
  readonly introduction?: Introduction | null;
  /** Looks at who answered. */
  readonly refuse: (hello: Hello) => HelloRefusal | null;
  readonly onOpen: (hello: Hello) => void;
  /** Throws {@link MalformedBytes} on what it cannot read: the stream ends. */
  readonly onFrame: (bytes: Uint8Array) => void;
  /** Once, whatever the reason. `refusal` is what the other side, or this one, had against it. */
  readonly onClosed: (reason: string, refusal: HelloRefusal | null) => void;
}

/** Milliseconds within which a member that was dialed must have answered the hello. */
const helloMsMax = 3_000;

/** One stream to another member, on a connection of its own: hello first, then frames. */
export class DialedStream {
  readonly #options: DialedStreamOptions;
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Uint8Array, Uint8Array>;
  readonly #timer: NodeJS.Timeout;
  #state: 'greeting' | 'open' | 'closed' = 'greeting';

  constructor(options: DialedStreamOptions) {
    this.#options = options;
    this.#client = dialClient(options.address, options.credentials);
    const { path, requestSerialize, responseDeserialize } = options.method;
    this.#call = this.#client.makeBidiStreamRequest<Uint8Array, Uint8Array>(
      path,
      requestSerialize,
      responseDeserialize,
      metadataOf(options.introduction ?? null),
    );
    this.#timer = setTimeout(() => this.close(`no answer within ${helloMsMax} ms`), helloMsMax);
    this.#call.on('data', (bytes: Uint8Array) => this.#take(bytes));
    this.#call.on('error', (error: ServiceError) => this.close(error.details || error.message));
    this.#call.on('end', () => this.close('the other side ended the stream'));
    this.#call.write(encodeHello(options.hello));
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  /** Bytes that were written and did not reach the transport yet. */
  get bufferedBytes(): number {
    return this.#call.writableLength;
  }

  /** Only while it is open. */
  write(bytes: Uint8Array): void {
    this.#call.write(bytes);
  }

  close(reason: string, refusal: HelloRefusal | null = null): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#call.cancel();
    this.#client.close();
    this.#options.onClosed(reason, refusal);
  }

  #take(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    try {
      if (this.#state === 'open') this.#options.onFrame(bytes);
      else this.#greeted(bytes);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.close(`it sent what cannot be read: ${error.message}`);
    }
  }

  #greeted(bytes: Uint8Array): void {
    const answer = decodeHelloAnswer(bytes);
    if ('refusal' in answer) {
      this.close(`refused: ${answer.refusal.message}`, answer.refusal);
      return;
    }
    const refusal = this.#options.refuse(answer.welcome.hello);
    if (refusal !== null) {
      this.close(refusal.message);
      return;
    }
    clearTimeout(this.#timer);
    this.#state = 'open';
    this.#options.onOpen(answer.welcome.hello);
  }
}
