import type { MemberId } from '@env-cli/raft';
import { MalformedBytes } from '@env-cli/support';

import type { AcceptedStream } from './accepted-stream.ts';
import { decodePart, encodeReply, type SnapshotOffer } from './snapshot-bytes.ts';

/** Where the bytes of a snapshot go. */
export interface SnapshotSink {
  /** What is there already, of an earlier stream. */
  readonly receivedBytes: number;
  append(bytes: Uint8Array): Promise<void>;
}

/** What a member does with snapshots that others send. */
export interface SnapshotHost {
  /** Rejects when there is no room for it. */
  snapshotOffered(from: MemberId, offer: SnapshotOffer): Promise<SnapshotSink>;
  /** All bytes are there. Resolves to null once it is installed or found not to be needed, else to what is wrong with it. */
  snapshotArrived(from: MemberId, offer: SnapshotOffer): Promise<string | null>;
}

/** Takes in one stream of a snapshot, a chunk at a time. */
export class SnapshotReceiving {
  readonly #stream: AcceptedStream;
  readonly #host: SnapshotHost;
  #offer: SnapshotOffer | null = null;
  #sink: SnapshotSink | null = null;
  /** Chunks are written one after another. The sender's window bounds how many wait. */
  #writing: Promise<void> = Promise.resolve();
  #expectedBytes = 0;
  #closed = false;

  constructor(stream: AcceptedStream, host: SnapshotHost) {
    this.#stream = stream;
    this.#host = host;
  }

  /** Throws {@link MalformedBytes} on what does not follow. */
  take(bytes: Uint8Array): void {
    const part = decodePart(bytes);
    if (part.kind === 'offer') {
      if (this.#offer !== null) throw new MalformedBytes('a second snapshot in one stream');
      this.#offer = part.offer;
      this.#then(() => this.#begin(part.offer));
      return;
    }
    if (part.kind === 'unavailable') throw new MalformedBytes('no snapshot where one was brought');
    if (this.#offer === null || part.offset !== this.#expectedBytes) {
      throw new MalformedBytes(`a chunk at byte ${part.offset} of a snapshot, where byte ${this.#expectedBytes} comes next`);
    }
    this.#expectedBytes += part.bytes.length;
    if (this.#expectedBytes > this.#offer.sizeBytes) throw new MalformedBytes('a snapshot that is longer than was said');
    this.#then(() => this.#write(part.bytes));
  }

  /** The stream is over: what waits of it is not written any more, for the next one begins behind what is. */
  close(): void {
    this.#closed = true;
  }

  async #begin(offer: SnapshotOffer): Promise<void> {
    this.#sink = await this.#host.snapshotOffered(this.#stream.memberId as MemberId, offer);
    this.#expectedBytes = this.#sink.receivedBytes;
    this.#stream.write(encodeReply({ kind: 'have', offset: this.#sink.receivedBytes }));
    await this.#arriveIfWhole();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const sink = this.#sink;
    if (sink === null || this.#closed) return;
    await sink.append(bytes);
    this.#stream.write(encodeReply({ kind: 'have', offset: sink.receivedBytes }));
    await this.#arriveIfWhole();
  }

  async #arriveIfWhole(): Promise<void> {
    if (this.#offer === null || this.#sink?.receivedBytes !== this.#offer.sizeBytes) return;
    const problem = await this.#host.snapshotArrived(this.#stream.memberId as MemberId, this.#offer);
    this.#stream.write(encodeReply(problem === null ? { kind: 'done' } : { kind: 'refused', problem }));
  }

  #then(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch((error: unknown) => {
      this.#stream.write(encodeReply({ kind: 'refused', problem: (error as Error).message }));
      this.#stream.close();
    });
  }
}
