import { assert } from '@env-cli/support';

import type { InitialState } from './door.ts';
import type { Entry, Index, Term } from './entry.ts';
import { EntryCache } from './entry-cache.ts';
import { TermRuns } from './term-runs.ts';
import { Writes } from './writes.ts';

/**
 * The log as its member sees it: the term of every entry, the newest entries themselves, how far it is on disk and how far it is
 * committed. What is older than the cache is on disk only, and is asked for with a `load`.
 */
export class LogView {
  readonly #cacheBytesMax: number;
  #terms: TermRuns;
  #cache: EntryCache;
  readonly #writes: Writes;
  #commitIndex: Index;
  /** Configuration entries that have not taken effect, ascending. */
  #configurations: Index[];

  constructor(initial: InitialState, cacheBytesMax: number) {
    const { previous, lastIndex, termRuns } = initial.log;
    assert(initial.applied >= previous.index && initial.applied <= lastIndex, 'the state has applied a place within its log');
    this.#cacheBytesMax = cacheBytesMax;
    this.#terms = new TermRuns(previous, lastIndex, termRuns);
    this.#cache = new EntryCache((lastIndex + 1) as Index, cacheBytesMax);
    this.#writes = new Writes(lastIndex);
    // What is applied was committed; how much more was is for a leader to say (raft.pdf §5.3).
    this.#commitIndex = initial.applied;
    this.#configurations = initial.log.configurations.filter((index) => index > initial.applied);
    this.#commitCertain();
  }

  get previousIndex(): Index {
    return this.#terms.previousIndex;
  }

  get lastIndex(): Index {
    return this.#terms.lastIndex;
  }

  get lastTerm(): Term {
    return this.#terms.lastTerm;
  }

  get flushedIndex(): Index {
    return this.#writes.flushedIndex;
  }

  get commitIndex(): Index {
    return this.#commitIndex;
  }

  /** The first entry that is in memory; one behind the last when none is. */
  get cachedFromIndex(): Index {
    return this.#cache.firstIndex;
  }

  get cacheBytes(): number {
    return this.#cache.bytes;
  }

  /** The writes that are on their way to the disk. */
  get writes(): Writes {
    return this.#writes;
  }

  /** The term of an entry, or of the one before the first; null for what is not held. */
  termAt(index: Index): Term | null {
    return this.#terms.termAt(index);
  }

  /** Whether (index, term) is in the log; then all before it agrees with whoever has it too (raft.pdf §5.3, log matching). */
  has(index: Index, term: Term): boolean {
    return this.#terms.termAt(index) === term;
  }

  /** See {@link TermRuns.lastAtMost}. */
  lastAtMost(index: Index, term: Term): { readonly index: Index; readonly term: Term } {
    return this.#terms.lastAtMost(index, term);
  }

  /** Whether a log that ends with (index, term) lacks nothing that could be committed here (raft.pdf §5.4.1). */
  isCoveredBy(index: Index, term: Term): boolean {
    return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex);
  }

  /** Indexes of the configurations in this log that have not taken effect, ascending: at most one of them is not committed. */
  get configurations(): readonly Index[] {
    return this.#configurations;
  }

  /** The configuration of an entry took effect. */
  configurationAdopted(index: Index): void {
    this.#configurations = this.#configurations.filter((other) => other > index);
  }

  /** Appends entries; what stands at the first's index or behind is replaced. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.index <= this.lastIndex) {
      assert(first.index > this.#commitIndex, 'what is committed is never overwritten');
      this.#terms.truncateFrom(first.index);
      this.#cache.truncateFrom(first.index);
      this.#configurations = this.#configurations.filter((index) => index < first.index);
    }
    for (const entry of entries) {
      this.#terms.push(entry.index, entry.term);
      this.#cache.push(entry);
      if (entry.kind === 'configuration') this.#configurations.push(entry.index);
    }
    this.#commitCertain();
  }

  /** Entries that are in memory: from `from` up to `end` (exclusive), at most `bytesMax` but at least one. */
  slice(from: Index, end: Index, bytesMax: number): readonly Entry[] {
    return this.#cache.slice(from, end, bytesMax);
  }

  /** The commit index rises to `index`, or stays where it is. */
  commitTo(index: Index): void {
    if (index <= this.#commitIndex) return;
    assert(index <= this.lastIndex, 'what is committed is in the log (else this disk lost what it promised)');
    this.#commitIndex = index;
  }

  /** A write, and all before it, are durable. */
  stored(sequence: number): void {
    this.#writes.stored(sequence);
    this.#cache.evict(this.#writes.flushedIndex);
  }

  /** Lets go of the entries up to `index`. */
  releaseTo(index: Index): void {
    if (index <= this.previousIndex) return;
    this.#terms.releaseTo(index);
    this.#cache.releaseTo(index);
  }

  /** Begins anew behind a snapshot that ends with (index, term). Returns the sequence of the write that does so on disk. */
  reset(index: Index, term: Term): number {
    this.#terms = new TermRuns({ index, term }, index, []);
    this.#cache = new EntryCache((index + 1) as Index, this.#cacheBytesMax);
    this.#commitIndex = index;
    this.#configurations = [];
    return this.#writes.beginReset(index);
  }

  /**
   * A leader proposes a configuration only when the one before has taken effect. So of two in a log the first is committed, although nobody
   * may have said so since this process started.
   */
  #commitCertain(): void {
    const certain = this.#configurations.at(-2);
    if (certain !== undefined) this.commitTo(certain);
  }
}
