import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';

import { Refused } from '../errors/refused.ts';
import { MalformedMessage } from './service-definition.ts';

export type WritableCall = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

/** Writes what the source yields, and asks for no more while the client's window is full. */
export async function pull(source: AsyncIterable<unknown>, call: WritableCall): Promise<void> {
  for await (const message of source) {
    if (call.cancelled) return;
    if (!call.write(message)) await drained(call);
    if (call.cancelled) return;
  }
  call.end();
}

function drained(call: WritableCall): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      call.off('cancelled', done);
      resolve();
    };
    call.on('drain', done);
    call.on('cancelled', done);
    if (call.cancelled) done();
  });
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
