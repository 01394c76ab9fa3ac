import type { Index, MemberId } from '@env-cli/raft';
import { MalformedBytes } from '@env-cli/support';

import type { AcceptedStream } from './accepted-stream.ts';
import type { RateLimit } from './rate-limit.ts';
import { decodeReply, encodePart, type SnapshotOffer } from './snapshot-bytes.ts';
import { SnapshotPump, type SnapshotSource } from './snapshot-pump.ts';

/** A copy of the state, lent to who streams it. */
export interface LentSnapshot {
  readonly offer: SnapshotOffer;
  readonly source: SnapshotSource;
  /** Called once. `taken`: the receiver has all of it. */
  giveBack(taken: boolean): void;
}

/** What a member does for one that fetches its state. */
export interface FetchHost {
  /** Rejects, with the reason for people, when there is none of this index or later, or no room for a copy. */
  snapshotWanted(from: MemberId, indexMin: Index): Promise<LentSnapshot>;
}

/** Serves one stream of a member that fetches a state. */
export class SnapshotServing {
  readonly #stream: AcceptedStream;
  readonly #host: FetchHost;
  readonly #rate: RateLimit;
  #isWanted = false;
  #isClosed = false;
  #lent: LentSnapshot | null = null;
  #pump: SnapshotPump | null = null;

  constructor(stream: AcceptedStream, host: FetchHost, rate: RateLimit) {
    this.#stream = stream;
    this.#host = host;
    this.#rate = rate;
  }

  /** Throws {@link MalformedBytes} on what does not follow. */
  take(bytes: Uint8Array): void {
    const reply = decodeReply(bytes);
    if (reply.kind === 'want' && !this.#isWanted) {
      this.#isWanted = true;
      void this.#offer(reply.indexMin);
    } else if (reply.kind === 'have' && this.#lent !== null && reply.offset <= this.#lent.source.size) {
      this.#pump?.taken(reply.offset);
    } else if (reply.kind === 'done' && this.#lent !== null) {
      this.#release(true);
      this.#stream.close();
    } else {
      throw new MalformedBytes(`${reply.kind} where something else comes next`);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#release(false);
  }

  async #offer(indexMin: Index): Promise<void> {
    let lent: LentSnapshot;
    try {
      lent = await this.#host.snapshotWanted(this.#stream.memberId as MemberId, indexMin);
    } catch (error) {
      this.#stream.write(encodePart({ kind: 'unavailable', problem: (error as Error).message }));
      return this.#stream.close();
    }
    if (this.#isClosed) return lent.giveBack(false);
    this.#lent = lent;
    this.#pump = new SnapshotPump({
      stream: this.#stream,
      source: lent.source,
      rate: this.#rate,
      onProblem: () => this.#stream.close(),
    });
    this.#stream.write(encodePart({ kind: 'offer', offer: lent.offer }));
    return undefined;
  }

  #release(taken: boolean): void {
    this.#pump?.stop();
    this.#lent?.giveBack(taken);
    this.#lent = null;
  }
}
