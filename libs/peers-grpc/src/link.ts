import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Hello, HelloRefusal, Introduction } from '@env-cli/replica';

import { DialedStream, type DialedStreamOptions } from './dialed-stream.ts';

export interface LinkOptions extends Pick<DialedStreamOptions, 'method' | 'address' | 'refuse' | 'onOpen' | 'onFrame'> {
  /** Made anew for each try: what a member says of itself changes. */
  readonly hello: () => Hello;
  readonly introduction?: () => Introduction | null;
  /** Made anew for each try as well: certificates change. */
  readonly credentials: () => ChannelCredentials;
  /** Why the member that was dialed with these is believed no more; null: it is. */
  readonly doubt: (dialed: ChannelCredentials) => string | null;
  /** The stream that was open is closed: what was on its way may be lost. */
  readonly onBroken: () => void;
  readonly onFailed: (reason: string, refusal: HelloRefusal | null) => void;
  /** 0 inclusive to 1 exclusive. */
  readonly random: () => number;
}

const backoffMsMin = 50;
const backoffMsMax = 1_000;

/** A stream to one member that is dialed again whenever it breaks, each time a little later, and never in step with others. */
export class Link {
  readonly #options: LinkOptions;
  #stream: DialedStream | null = null;
  #credentials: ChannelCredentials | null = null;
  #retry: NodeJS.Timeout | null = null;
  #backoffMs = backoffMsMin;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#dial();
  }

  get address(): string {
    return this.#options.address;
  }

  get open(): boolean {
    return this.#stream?.open === true;
  }

  /** The bytes that wait in this process, or null while the stream is not open. */
  get bufferedBytes(): number | null {
    return this.#stream?.open === true ? this.#stream.bufferedBytes : null;
  }

  /** False when it is not open. */
  write(bytes: Uint8Array): boolean {
    if (this.#stream?.open !== true) return false;
    this.#stream.write(bytes);
    return true;
  }

  /** Gives up the stream, to dial anew. */
  break(reason: string): void {
    this.#stream?.close(reason);
  }

  /** The other member is there: what waits to be dialed again is dialed now. */
  redial(): void {
    if (this.#retry === null || this.#closed) return;
    clearTimeout(this.#retry);
    this.#dial();
  }

  /** Called now and then: gives up a stream to a member whose certificate does not hold any more. */
  checkSecurity(): void {
    const doubt = this.#credentials === null ? null : this.#options.doubt(this.#credentials);
    if (doubt !== null) this.break(doubt);
  }

  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#stream?.close('this member closes its links');
  }

  #dial(): void {
    this.#retry = null;
    let opened = false;
    const { method, address, hello, introduction, credentials, refuse, onOpen, onFrame, onBroken, onFailed } = this.#options;
    this.#credentials = credentials();
    this.#stream = new DialedStream({
      method,
      address,
      hello: hello(),
      introduction: introduction?.() ?? null,
      credentials: this.#credentials,
      refuse,
      onOpen: (answered) => {
        opened = true;
        this.#backoffMs = backoffMsMin;
        onOpen(answered);
      },
      onFrame,
      onClosed: (reason, refusal) => {
        this.#stream = null;
        if (this.#closed) return;
        this.#redialLater();
        if (opened) onBroken();
        onFailed(reason, refusal);
      },
    });
  }

  #redialLater(): void {
    const waitMs = this.#backoffMs * (0.5 + this.#options.random() / 2);
    this.#backoffMs = Math.min(backoffMsMax, this.#backoffMs * 2);
    this.#retry = setTimeout(() => this.#dial(), waitMs);
  }
}
