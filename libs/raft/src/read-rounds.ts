import type { Index, MemberId } from './entry.ts';

/** A wish for a read index: of this member itself (`asker` null), or of a follower by its request's id. */
export interface ReadWish {
  readonly asker: MemberId | null;
  readonly id: number;
}

/** A wish, the commit index when it came, and the round of heartbeats whose answers by a quorum will grant it. */
interface WaitingRead extends ReadWish {
  readonly index: Index;
  readonly round: number;
}

/**
 * The reads that wait at a leader (raft.pdf §8; etcd/raft, read.go). A read is granted when a quorum has answered a round of
 * heartbeats that began after it came: then nobody else led in between, and the commit index of its coming is true.
 *
 * Rounds have ascending numbers and none is begun twice, so that an answer to an earlier round can never vouch for a later
 * read (etcd#20418); a later round vouches for every earlier one.
 */
export class ReadRounds {
  /** In the order in which they came, so ascending by round. */
  #waiting: WaitingRead[] = [];
  /** Those that came before the leader committed anything of its own term: it does not know the commit index yet (etcd#7331). */
  #postponed: ReadWish[] = [];
  #begun: number;
  #confirmed: number;

  /** `begun` is the last round that this process ever began. */
  constructor(begun: number) {
    this.#begun = begun;
    this.#confirmed = begun;
  }

  get waiting(): number {
    return this.#waiting.length + this.#postponed.length;
  }

  get begun(): number {
    return this.#begun;
  }

  /** Whether reads wait for a round, and none is under way that could be waited for first. */
  get due(): boolean {
    return this.#confirmed === this.#begun && this.#waiting.length > 0;
  }

  /** Keeps a wish until {@link release}. */
  postpone(wish: ReadWish): void {
    this.#postponed.push(wish);
  }

  /** Takes a wish for the next round; `commitIndex` is the leader's now. */
  add(wish: ReadWish, commitIndex: Index): void {
    this.#waiting.push({ ...wish, index: commitIndex, round: this.#begun + 1 });
  }

  /** The leader has committed an entry of its term: what was postponed waits for the next round. */
  release(commitIndex: Index): void {
    for (const wish of this.#postponed) this.add(wish, commitIndex);
    this.#postponed = [];
  }

  /** Begins the next round; the caller sends its heartbeats. Returns its number. */
  begin(): number {
    return ++this.#begun;
  }

  /** A quorum has answered this round or later ones: returns the reads that it grants. */
  confirm(round: number): readonly WaitingRead[] {
    if (round <= this.#confirmed) return [];
    this.#confirmed = round;
    const open = this.#waiting.findIndex((read) => read.round > round);
    return this.#waiting.splice(0, open < 0 ? this.#waiting.length : open);
  }

  /** Everything that still waits, when the reign ends. */
  abandon(): readonly ReadWish[] {
    return [...this.#waiting, ...this.#postponed];
  }
}
