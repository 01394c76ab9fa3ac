import type { Entry, Index, Term } from '@env-cli/raft';
import { assert } from '@env-cli/support';

import type { EntryId } from './batch.ts';

/** Entries of one term, from `firstIndex` on. */
export interface TermRun {
  readonly firstIndex: Index;
  readonly term: Term;
}

/** The terms of the entries of a log, which of them are configurations, and where it begins and ends: what must be known of entries without reading them. */
export class Terms {
  #previous: EntryId;
  #lastIndex: Index;
  #runs: TermRun[] = [];
  /** Indexes of the entries that hold a configuration, ascending. */
  #configurations: Index[] = [];

  constructor(previous: EntryId) {
    this.#previous = previous;
    this.#lastIndex = previous.index;
  }

  /** The entry before the first. */
  get previous(): EntryId {
    return this.#previous;
  }

  get last(): EntryId {
    return { index: this.#lastIndex, term: this.#runs.at(-1)?.term ?? this.#previous.term };
  }

  get runs(): readonly TermRun[] {
    return this.#runs;
  }

  get configurations(): readonly Index[] {
    return this.#configurations;
  }

  /** The entry at `index`, which must be held or be the one before the first. */
  at(index: number): EntryId {
    assert(index >= this.#previous.index && index <= this.#lastIndex, 'the term that is asked for is one of the log');
    const run = this.#runs.findLast(({ firstIndex }) => firstIndex <= index);
    return { index: index as Index, term: run?.term ?? this.#previous.term };
  }

  /** Puts entries behind `previous`, in place of what is there. */
  replaceBehind(previous: EntryId, entries: readonly Entry[]): void {
    if (previous.index < this.#previous.index) this.#previous = previous;
    else assert(this.at(previous.index).term === previous.term, 'entries follow an entry of the log');
    while ((this.#runs.at(-1)?.firstIndex ?? 0) > previous.index) this.#runs.pop();
    while ((this.#configurations.at(-1) ?? 0) > previous.index) this.#configurations.pop();
    this.#lastIndex = previous.index;
    for (const { index, term, kind } of entries) {
      assert(index === this.#lastIndex + 1, 'the entries of a write follow one another');
      if (this.#runs.length === 0 || this.#runs.at(-1)?.term !== term) this.#runs.push({ firstIndex: index, term });
      if (kind === 'configuration') this.#configurations.push(index);
      this.#lastIndex = index;
    }
  }

  /** Forgets the entries up to `index`. */
  release(index: Index): void {
    this.#previous = this.at(index);
    const next = (index + 1) as Index;
    const kept = this.#runs.findLastIndex(({ firstIndex }) => firstIndex <= next);
    if (kept >= 0) this.#runs = this.#runs.slice(kept).map((run) => (run.firstIndex < next ? { ...run, firstIndex: next } : run));
    if (index === this.#lastIndex) this.#runs = [];
    this.#configurations = this.#configurations.filter((held) => held > index);
  }
}
