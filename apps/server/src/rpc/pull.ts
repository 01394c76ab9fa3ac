import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';

import { Refused } from '../errors/refused.ts';
import { MalformedMessage } from './service-definition.ts';

export type WritableCall = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

/** Bytes that were written and that the client's window has not let through yet. Beyond it nothing more is asked for. */
const unsentBytesMax = 256 * 1024;

/** Writes what the source yields, and asks for no more while the client's window is full. */
export async function pull(source: AsyncIterable<unknown>, call: WritableCall): Promise<void> {
  const window = new SendWindow(call);
  try {
    for await (const message of source) {
      if (call.cancelled) return;
      window.write(message);
      while (window.isFull) await window.change();
      if (call.cancelled) return;
    }
    call.end();
  } finally {
    window.close();
  }
}

/**
 * What was written and has not left yet. grpc-js counts 16 messages, however large they are, before it says that its buffer
 * is full: bytes are counted here.
 */
class SendWindow {
  readonly #call: WritableCall;
  readonly #onChange = (): void => this.#wake?.();
  #unsentBytes = 0;
  #wake: (() => void) | undefined;

  constructor(call: WritableCall) {
    this.#call = call;
    call.on('cancelled', this.#onChange);
  }

  /** Nothing more should be written now. Never true of a call whose client is gone. */
  get isFull(): boolean {
    return !this.#call.cancelled && (this.#unsentBytes > unsentBytesMax || this.#call.writableNeedDrain);
  }

  write(message: unknown): void {
    const bytes = message instanceof Uint8Array ? message.length : 0;
    this.#unsentBytes += bytes;
    this.#call.write(message, () => {
      this.#unsentBytes -= bytes;
      this.#onChange();
    });
  }

  /** Resolves when something left, or the client did. */
  async change(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }

  close(): void {
    this.#call.off('cancelled', this.#onChange);
  }
}

/**
 * The messages that a client sends on a stream, read one at a time and no faster than they are taken.
 *
 * An async iterator of the stream itself would destroy it, and with it the answers, as soon as a reader stops early.
 */
export class Inbox<T> {
  readonly #call: ServerDuplexStream<T, unknown>;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(call: ServerDuplexStream<T, unknown>) {
    this.#call = call;
    // This is not ideal because grpc-js offers no option for it: by default 16 messages, of 4 MiB each, are read ahead.
    // oxlint-disable-next-line no-underscore-dangle
    (call as unknown as { _readableState: { highWaterMark: number } })._readableState.highWaterMark = 1;
    const wake = (): void => this.#wake?.();
    const end = (): void => {
      this.#ended = true;
      wake();
    };
    call.on('readable', wake);
    call.on('end', end);
    call.on('cancelled', end);
    call.on('error', end);
  }

  /** Takes nothing more: whoever waits for a message gets the end. */
  close(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The client went away, or its deadline passed. */
  get cancelled(): boolean {
    return this.#call.cancelled;
  }

  /** Calls back once the client goes away, also when it had ended its side before. */
  onCancelled(listener: () => void): void {
    this.#call.on('cancelled', listener);
  }

  /** The next message; null once the client has ended its side, or is gone. One reader at a time. */
  async next(): Promise<T | null> {
    for (;;) {
      const message = this.#call.read() as T | MalformedMessage | null;
      if (message instanceof MalformedMessage) throw new Refused({ code: 'malformed-message', message: message.message });
      if (message !== null) return message;
      if (this.#ended || this.#call.cancelled) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }
}
