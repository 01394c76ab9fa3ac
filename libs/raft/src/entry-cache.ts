import { assert } from '@env-cli/support';

import type { Entry, Index } from './entry.ts';

/** What an entry costs beside its data, on disk, on the wire and in memory: so that many empty ones are bounded too. */
const entryOverheadBytes = 64;

/** What an entry counts for in every bound on bytes. */
export function sizeOf(entry: { readonly data: Uint8Array }): number {
  return entry.data.length + entryOverheadBytes;
}

/**
 * The newest entries of the log, in memory and without a gap up to the last. Followers, the disk and the state are all given these
 * objects themselves.
 */
export class EntryCache {
  readonly #bytesMax: number;
  /** Entries from `#head` on; what is before has been evicted and is cut off now and then. */
  #entries: (Entry | undefined)[] = [];
  #head = 0;
  #nextIndex: Index;
  #bytes = 0;
  #slice: { readonly from: Index; readonly bytesMax: number; readonly end: Index; readonly entries: readonly Entry[] } | null =
    null;

  /** `nextIndex` is the one that the next entry will have. */
  constructor(nextIndex: Index, bytesMax: number) {
    this.#nextIndex = nextIndex;
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The first entry that is here; one behind the last when none is. */
  get firstIndex(): Index {
    return (this.#nextIndex - (this.#entries.length - this.#head)) as Index;
  }

  push(entry: Entry): void {
    assert(entry.index === this.#nextIndex, 'the cache has no gap');
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
    this.#nextIndex = (entry.index + 1) as Index;
  }

  truncateFrom(index: Index): void {
    while (this.#nextIndex > index && this.#entries.length > this.#head) {
      this.#bytes -= sizeOf(this.#entries.pop()!);
      this.#nextIndex = (this.#nextIndex - 1) as Index;
    }
    this.#nextIndex = Math.min(this.#nextIndex, index) as Index;
    this.#slice = null;
  }

  /** Forgets the oldest beyond the bound, none above `flushedIndex`: what is not on disk yet is nowhere else. */
  evict(flushedIndex: Index): void {
    while (this.#bytes > this.#bytesMax && this.#entries.length > this.#head && this.firstIndex <= flushedIndex)
      this.#evictOldest();
  }

  /** Forgets the entries up to `index`, which the log lets go of. */
  releaseTo(index: Index): void {
    while (this.#entries.length > this.#head && this.firstIndex <= index) this.#evictOldest();
  }

  /**
   * Entries from `from` up to `end` (exclusive), at most `bytesMax` but at least one. The same question is answered with the same
   * array, so that what goes to several followers is encoded once.
   */
  slice(from: Index, end: Index, bytesMax: number): readonly Entry[] {
    assert(from >= this.firstIndex && from < end && end <= this.#nextIndex, 'entries are taken from the cache where it has them');
    const memo = this.#slice;
    if (memo !== null && memo.from === from && memo.end === end && memo.bytesMax === bytesMax) return memo.entries;
    const entries: Entry[] = [];
    let bytes = 0;
    const offset = this.#entries.length - this.#nextIndex;
    for (let index: number = from; index < end; index++) {
      const entry = this.#entries[index + offset]!;
      bytes += sizeOf(entry);
      if (bytes > bytesMax && entries.length > 0) break;
      entries.push(entry);
    }
    this.#slice = { from, bytesMax, end, entries };
    return entries;
  }

  #evictOldest(): void {
    this.#bytes -= sizeOf(this.#entries[this.#head]!);
    this.#entries[this.#head++] = undefined;
    this.#slice = null;
    // Cutting off what is dead costs a copy of what lives: done when that is the smaller part.
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
