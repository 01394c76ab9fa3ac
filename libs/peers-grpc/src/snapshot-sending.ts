import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Hello, HelloRefusal, Introduction } from '@env-cli/replica';
import { MalformedBytes } from '@env-cli/support';

import { DialedStream } from './dialed-stream.ts';
import type { RateLimit } from './rate-limit.ts';
import { peersService } from './service.ts';
import { decodeReply, encodePart, type SnapshotOffer } from './snapshot-bytes.ts';
import { SnapshotPump, type SnapshotSource } from './snapshot-pump.ts';

export interface SnapshotSendingOptions {
  readonly address: string;
  readonly hello: () => Hello;
  readonly introduction: () => Introduction | null;
  readonly credentials: () => ChannelCredentials;
  readonly refuse: (hello: Hello) => HelloRefusal | null;
  readonly offer: SnapshotOffer;
  readonly source: SnapshotSource;
  /** What goes out in a second, of all snapshots together: what is left of the link and the disk belongs to the log. */
  readonly rate: RateLimit;
  /** Milliseconds without a byte written by the receiver after which it is given up. */
  readonly silenceMsMax: number;
  /** Once: null when the receiver installed it, or did not need it. */
  readonly done: (problem: string | null) => void;
}

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
  #pump: SnapshotPump | null = null;
  /** On the present stream. */
  #takenBytes = 0;
  /** On any stream: what is sent again is no progress. */
  #mostTakenBytes = -1;
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
    this.#pump?.stop();
    this.#stream?.close('the snapshot is no longer wanted');
  }

  #dial(): void {
    this.#tries++;
    const { address, hello, introduction, credentials, refuse, offer, source, rate } = this.#options;
    const stream = new DialedStream({
      method: peersService.Snapshot,
      address,
      hello: hello(),
      introduction: introduction(),
      credentials: credentials(),
      refuse,
      onOpen: () => stream.write(encodePart({ kind: 'offer', offer })),
      onFrame: (bytes) => this.#replied(bytes),
      onClosed: (reason) => this.#broke(reason),
    });
    this.#stream = stream;
    this.#pump = new SnapshotPump({ stream, source, rate, onProblem: (problem) => this.#end(problem) });
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
        return this.#pump?.taken(reply.offset);
      case 'want':
        throw new MalformedBytes('a wish where a snapshot is sent already');
    }
  }

  #broke(reason: string): void {
    this.#stream = null;
    this.#pump?.stop();
    if (this.#ended) return;
    if (this.#tries >= triesMax) {
      this.#end(reason);
      return;
    }
    this.#takenBytes = 0;
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
