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

export interface SnapshotServingOptions {
  readonly stream: AcceptedStream;
  readonly host: FetchHost;
  /** See `SnapshotSendingOptions.rate`. */
  readonly rate: RateLimit;
  /** Milliseconds without its wish, and then without a byte more that it has written, after which the receiver is given up. */
  readonly silenceMsMax: number;
  /** For people. */
  readonly report: (message: string) => void;
}

/** Serves one stream of a member that fetches a state. */
export class SnapshotServing {
  readonly #options: SnapshotServingOptions;
  #isWanted = false;
  #isClosed = false;
  #lent: LentSnapshot | null = null;
  #pump: SnapshotPump | null = null;
  #takenBytes = -1;
  /**
   * A receiver whose disk hangs goes on answering pings: without a limit it would keep a file that may be as large as the state. It does not run while the
   * state is copied, for then the receiver waits.
   */
  #patience: NodeJS.Timeout | undefined;

  constructor(options: SnapshotServingOptions) {
    this.#options = options;
    this.#waitForMore();
  }

  /** Throws {@link MalformedBytes} on what does not follow. */
  take(bytes: Uint8Array): void {
    const reply = decodeReply(bytes);
    if (reply.kind === 'want' && !this.#isWanted) {
      this.#isWanted = true;
      clearTimeout(this.#patience);
      void this.#offer(reply.indexMin);
    } else if (reply.kind === 'have' && this.#lent !== null && reply.offset <= this.#lent.source.size) {
      if (reply.offset > this.#takenBytes) {
        this.#takenBytes = reply.offset;
        this.#waitForMore();
      }
      this.#pump?.taken(reply.offset);
    } else if (reply.kind === 'done' && this.#lent !== null) {
      this.#release(true);
      this.#options.stream.close();
    } else {
      throw new MalformedBytes(`${reply.kind} where something else comes next`);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#patience);
    this.#release(false);
  }

  async #offer(indexMin: Index): Promise<void> {
    const { stream, host, rate } = this.#options;
    let lent: LentSnapshot;
    try {
      lent = await host.snapshotWanted(stream.memberId as MemberId, indexMin);
    } catch (error) {
      stream.write(encodePart({ kind: 'unavailable', problem: (error as Error).message }));
      return stream.close();
    }
    if (this.#isClosed) return lent.giveBack(false);
    this.#lent = lent;
    this.#pump = new SnapshotPump({ stream, source: lent.source, rate, onProblem: () => stream.close() });
    stream.write(encodePart({ kind: 'offer', offer: lent.offer }));
    this.#waitForMore();
    return undefined;
  }

  #waitForMore(): void {
    const { stream, silenceMsMax, report } = this.#options;
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      const doing = this.#isWanted ? 'done nothing with the state that it fetches' : 'not said which state it fetches';
      report(`member ${stream.memberId} has ${doing} for ${silenceMsMax} ms: its stream is closed`);
      stream.close();
    }, silenceMsMax);
  }

  #release(taken: boolean): void {
    this.#pump?.stop();
    this.#lent?.giveBack(taken);
    this.#lent = null;
  }
}
