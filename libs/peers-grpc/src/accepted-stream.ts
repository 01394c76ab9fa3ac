import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Hello, HelloRefusal } from '@env-cli/replica';
import { MalformedBytes } from '@env-cli/support';

import { decodeHello, encodeHelloAnswer } from './hello-bytes.ts';

/** Who answers a hello, or why nobody does. */
export type Greeting = { readonly hello: Hello } | { readonly refusal: HelloRefusal };

export interface AcceptedStreamOptions {
  readonly call: ServerDuplexStream<Uint8Array, Uint8Array>;
  /** Looks at who called, and says who answers. */
  readonly greet: (hello: Hello) => Greeting;
  readonly onOpen: (stream: AcceptedStream, hello: Hello) => void;
  /** Throws {@link MalformedBytes} on what it cannot read: the stream ends. */
  readonly onFrame: (stream: AcceptedStream, bytes: Uint8Array) => void;
  /** Only after `onOpen`; once. */
  readonly onClosed: (stream: AcceptedStream) => void;
  /** For people. */
  readonly report: (message: string) => void;
}

/** Milliseconds that a caller has to introduce itself. */
const helloMsMax = 3_000;

/** A stream that another member dialed: its hello first, then frames. */
export class AcceptedStream {
  readonly #options: AcceptedStreamOptions;
  readonly #timer: NodeJS.Timeout;
  #state: 'greeting' | 'open' | 'closed' = 'greeting';
  /** Who dialed; 0 before it said so. */
  memberId = 0;

  /** Listens to a call from its first message on. */
  static accept(options: AcceptedStreamOptions): AcceptedStream {
    return new AcceptedStream(options);
  }

  private constructor(options: AcceptedStreamOptions) {
    this.#options = options;
    const { call } = options;
    this.#timer = setTimeout(() => this.close(), helloMsMax);
    call.on('data', (bytes: Uint8Array) => this.#take(bytes));
    call.on('error', () => this.close());
    call.on('end', () => this.close());
    call.on('cancelled', () => this.close());
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== 'closed') this.#options.call.write(bytes);
  }

  close(): void {
    if (this.#state === 'closed') return;
    const opened = this.#state === 'open';
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#options.call.end();
    if (opened) this.#options.onClosed(this);
  }

  #take(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    try {
      if (this.#state === 'open') this.#options.onFrame(this, bytes);
      else this.#greet(decodeHello(bytes));
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      const who = this.memberId === 0 ? this.#options.call.getPeer() : `member ${this.memberId}`;
      this.#options.report(`${who} sent what cannot be read (${error.message}): its stream is closed`);
      this.close();
    }
  }

  #greet(hello: Hello): void {
    const answer = this.#options.greet(hello);
    if ('refusal' in answer) {
      // While a cluster forms, members meet that are not ready: nobody has to do anything.
      if (answer.refusal.code !== 'not-formed') {
        this.#options.report(`${this.#options.call.getPeer()} is refused: ${answer.refusal.message}`);
      }
      this.write(encodeHelloAnswer(answer));
      this.close();
      return;
    }
    clearTimeout(this.#timer);
    this.memberId = hello.memberId;
    this.#state = 'open';
    this.write(encodeHelloAnswer({ welcome: { hello: answer.hello, founding: new Uint8Array() } }));
    this.#options.onOpen(this, hello);
  }
}
