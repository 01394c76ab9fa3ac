import { assert } from '@env-cli/support';

import type { Index } from './entry.ts';

/** A write that is not durable yet, and the last entry that is known to be when it is: 0 for none. */
interface PendingWrite {
  readonly sequence: number;
  attestedIndex: Index;
}

/**
 * Which entries of the log are on disk, while writes are on their way to it.
 *
 * The guard against the ABA race (raft.md, item 19): a write attests an entry only as long as no later write, durable or not, has
 * overwritten it. So an acknowledgement that comes after the overwriting was asked for says nothing on the new entries, even
 * when one of them has index and term of an old one again.
 */
export class Writes {
  /** Oldest first. */
  #pending: PendingWrite[] = [];
  #sequence = 0;
  #flushedIndex: Index;

  constructor(flushedIndex: Index) {
    this.#flushedIndex = flushedIndex;
  }

  /** The log is durable up to here. Falls only when entries are overwritten. */
  get flushedIndex(): Index {
    return this.#flushedIndex;
  }

  /** Whether nothing is on its way to the disk. */
  get idle(): boolean {
    return this.#pending.length === 0;
  }

  /** The sequence that the next write will have. */
  get nextSequence(): number {
    return this.#sequence + 1;
  }

  /** Notes a write of the entries `first` … `last`; `last` is `first` − 1 when it has none. Returns its sequence. */
  begin(first: Index, last: Index): number {
    const sequence = ++this.#sequence;
    const hasEntries = last >= first;
    if (hasEntries) this.#overwriteFrom(first);
    this.#pending.push({ sequence, attestedIndex: hasEntries ? last : (0 as Index) });
    return sequence;
  }

  /** Notes that the log begins anew behind `index`, up to which everything is in a state that is durable. Returns the sequence. */
  beginReset(index: Index): number {
    this.#overwriteFrom(1 as Index);
    this.#flushedIndex = index;
    const sequence = ++this.#sequence;
    this.#pending.push({ sequence, attestedIndex: 0 as Index });
    return sequence;
  }

  /** The write of this sequence and all before it are durable. */
  stored(sequence: number): void {
    assert(sequence <= this.#sequence, 'only what was asked for is reported as stored');
    let done = 0;
    for (const write of this.#pending) {
      if (write.sequence > sequence) break;
      this.#flushedIndex = Math.max(this.#flushedIndex, write.attestedIndex) as Index;
      done++;
    }
    if (done > 0) this.#pending.splice(0, done);
  }

  #overwriteFrom(first: Index): void {
    this.#flushedIndex = Math.min(this.#flushedIndex, first - 1) as Index;
    const newest = this.#pending.findLast((write) => write.attestedIndex > 0);
    // Appending behind the last is nearly always the case, and needs no look at each.
    if (newest === undefined || newest.attestedIndex < first) return;
    for (const write of this.#pending) write.attestedIndex = Math.min(write.attestedIndex, first - 1) as Index;
  }
}
