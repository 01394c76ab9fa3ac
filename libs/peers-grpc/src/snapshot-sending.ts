import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Hello, HelloRefusal } from '@env-cli/replica';

import { DialedStream } from './dialed-stream.ts';
import { peersService } from './service.ts';
import { decodeReply, encodePart, type SnapshotOffer } from './snapshot-bytes.ts';

/** A finished snapshot's file. */
export interface SnapshotSource {
  readonly size: number;
  /** The bytes from `offset` on, at most `maxBytes`; none at the end. */
  readAt(offset: number, maxBytes: number): Promise<Uint8Array>;
}

export interface SnapshotSendingOptions {
  readonly address: string;
  readonly hello: () => Hello;
  readonly credentials: () => ChannelCredentials;
  readonly refuse: (hello: Hello) => HelloRefusal | null;
  readonly offer: SnapshotOffer;
  readonly source: SnapshotSource;
  /** The most that goes out in a second: what is left of the link and the disk belongs to the log. */
  readonly bytesPerSecondMax: number;
  /** Milliseconds without a byte written by the receiver after which it is given up. */
  readonly silenceMsMax: number;
  /** Once: null when the receiver installed it, or did not need it. */
  readonly done: (problem: string | null) => void;
}

const chunkBytes = 512 * 1024;

/** Bytes on their way that the receiver has not written. */
const windowBytesMax = 4 * 1024 * 1024;

/** A stream that breaks is dialed again, from where the receiver is: so often in a row without any progress. */
const triesMax = 5;
const retryMs = 500;

/** Milliseconds that a receiver may take to install what has arrived: ten million environments take minutes. */
const installMsMax = 30 * 60 * 1000;

/** Sends one snapshot to one member, on a connection of its own, at a bounded rate, from where an earlier try ended. */
export class SnapshotSending {
  readonly #options: SnapshotSendingOptions;
  #stream: DialedStream | null = null;
  #tries = 0;
  #takenBytes = 0;
  /** On any stream: what is sent again is no progress. */
  #mostTakenBytes = -1;
  #sentBytes = 0;
  #sending = false;
  #ended = false;
  #timer: NodeJS.Timeout | null = null;
  /**
   * The sender keeps its log from this snapshot on until the receiver has it. A receiver whose disk hangs goes on answering pings:
   * without a limit it would fill the sender's disk.
   */
  #patience: NodeJS.Timeout | undefined;

  constructor(options: SnapshotSendingOptions) {
    this.#options = options;
    this.#waitFor(options.silenceMsMax);
    this.#dial();
  }

  /** Gives up. `done` is not called any more. */
  cancel(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    this.#stream?.close('the snapshot is no longer wanted');
  }

  #dial(): void {
    this.#tries++;
    const { address, hello, credentials, refuse, offer } = this.#options;
    const stream = new DialedStream({
      method: peersService.Snapshot,
      address,
      hello: hello(),
      credentials: credentials(),
      refuse,
      onOpen: () => stream.write(encodePart({ kind: 'offer', offer })),
      onFrame: (bytes) => this.#replied(bytes),
      onClosed: (reason) => this.#broke(reason),
    });
    this.#stream = stream;
  }

  #replied(bytes: Uint8Array): void {
    const reply = decodeReply(bytes);
    switch (reply.kind) {
      case 'done':
        return this.#end(null);
      case 'refused':
        return this.#end(reply.problem);
      case 'have':
        if (reply.offset > this.#options.source.size) return this.#end('the receiver has more than there is');
        if (reply.offset > this.#mostTakenBytes) {
          this.#mostTakenBytes = reply.offset;
          this.#tries = 1;
        }
        if (reply.offset > this.#takenBytes)
          this.#waitFor(reply.offset === this.#options.source.size ? installMsMax : this.#options.silenceMsMax);
        this.#takenBytes = reply.offset;
        this.#sentBytes = Math.max(this.#sentBytes, reply.offset);
        void this.#send();
    }
    return undefined;
  }

  async #send(): Promise<void> {
    const stream = this.#stream;
    if (this.#sending || stream === null) return;
    this.#sending = true;
    try {
      while (this.#mayGoOn(stream) && (await this.#sendChunk(stream)));
    } catch (error) {
      this.#end(`the file of the snapshot cannot be read: ${(error as Error).message}`);
    } finally {
      this.#sending = false;
    }
  }

  /** False when it is no longer this stream's turn. */
  async #sendChunk(stream: DialedStream): Promise<boolean> {
    const { source, bytesPerSecondMax } = this.#options;
    const offset = this.#sentBytes;
    const bytes = await source.readAt(offset, chunkBytes);
    if (stream !== this.#stream || !stream.open) return false;
    if (bytes.length === 0) {
      this.#end('the file of the snapshot is shorter than it was');
      return false;
    }
    stream.write(encodePart({ kind: 'chunk', offset, bytes }));
    this.#sentBytes = offset + bytes.length;
    await pause((bytes.length / bytesPerSecondMax) * 1000);
    return true;
  }

  /** Whether there is more to send on this stream, and room for it on the way. */
  #mayGoOn(stream: DialedStream): boolean {
    const isRoom = this.#sentBytes < this.#options.source.size && this.#sentBytes - this.#takenBytes < windowBytesMax;
    return stream === this.#stream && stream.open && isRoom;
  }

  #broke(reason: string): void {
    this.#stream = null;
    if (this.#ended) return;
    if (this.#tries >= triesMax) {
      this.#end(reason);
      return;
    }
    this.#takenBytes = 0;
    this.#sentBytes = 0;
    this.#timer = setTimeout(() => this.#dial(), retryMs * this.#tries);
  }

  #waitFor(milliseconds: number): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#end(`the receiver has done nothing with it for ${milliseconds} ms`), milliseconds);
  }

  #end(problem: string | null): undefined {
    if (this.#ended) return;
    this.cancel();
    this.#options.done(problem);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
