import { assert } from '@env-cli/support';

import type { TermRun } from './door.ts';
import type { Index, Term } from './entry.ts';

/**
 * The term of every entry that the log holds, and of the one before the first: as runs of equal terms, a few numbers for each
 * election since the log begins. So no question about a term ever waits for the disk.
 */
export class TermRuns {
  /** Ascending in both fields; the first run begins at `previousIndex` + 1. */
  #runs: TermRun[];
  #previousIndex: Index;
  #previousTerm: Term;
  #lastIndex: Index;

  constructor(previous: { readonly index: Index; readonly term: Term }, lastIndex: Index, runs: readonly TermRun[]) {
    this.#previousIndex = previous.index;
    this.#previousTerm = previous.term;
    this.#lastIndex = lastIndex;
    this.#runs = [...runs];
    assert(lastIndex >= previous.index, 'a log does not end before it begins');
    assert(
      (runs[0]?.firstIndex ?? previous.index + 1) === previous.index + 1,
      'the first run of terms begins at the first entry',
    );
    assert(runs.length > 0 === lastIndex > previous.index, 'there are runs of terms exactly when there are entries');
    let term: number = previous.term;
    let before: number = previous.index;
    for (const run of runs) {
      assert(run.term >= term && run.firstIndex > before && run.firstIndex <= lastIndex, 'runs of terms ascend within the log');
      term = run.term;
      before = run.firstIndex;
    }
  }

  /** The entry before the first that is held. */
  get previousIndex(): Index {
    return this.#previousIndex;
  }

  get lastIndex(): Index {
    return this.#lastIndex;
  }

  get lastTerm(): Term {
    return this.#runs.at(-1)?.term ?? this.#previousTerm;
  }

  /** The term of the entry at `index`; null when it is behind the last or before `previousIndex`. */
  termAt(index: Index): Term | null {
    if (index > this.#lastIndex || index < this.#previousIndex) return null;
    const at = this.#runAt(index);
    return at < 0 ? this.#previousTerm : this.#runs[at]!.term;
  }

  /**
   * The highest index at or below `index` whose entry has a term of at most `term`: what lies between cannot agree with a log
   * that has `term` at `index`. The index before the first that is known, with term 0, when no entry that is held will do.
   */
  lastAtMost(index: Index, term: Term): { readonly index: Index; readonly term: Term } {
    let candidate = Math.min(index, this.#lastIndex) as Index;
    if (candidate < this.#previousIndex) return { index: candidate, term: 0 as Term };
    for (let at = this.#runAt(candidate); at >= 0; at--) {
      const run = this.#runs[at]!;
      if (run.term <= term) return { index: candidate, term: run.term };
      candidate = (run.firstIndex - 1) as Index;
    }
    if (this.#previousTerm <= term) return { index: candidate, term: this.#previousTerm };
    return { index: Math.max(0, candidate - 1) as Index, term: 0 as Term };
  }

  /** Adds one entry behind the last. */
  push(index: Index, term: Term): void {
    assert(index === this.#lastIndex + 1, 'an entry is appended behind the last');
    assert(term >= this.lastTerm, 'terms never fall along the log');
    if (this.#runs.length === 0 || this.lastTerm !== term) this.#runs.push({ firstIndex: index, term });
    this.#lastIndex = index;
  }

  /** Drops the entries from `index` on. */
  truncateFrom(index: Index): void {
    assert(index > this.#previousIndex, 'what the log let go of is not truncated');
    while (this.#runs.length > 0 && this.#runs.at(-1)!.firstIndex >= index) this.#runs.pop();
    this.#lastIndex = Math.min(this.#lastIndex, index - 1) as Index;
  }

  /** Lets go of the entries up to `index`. */
  releaseTo(index: Index): void {
    const term = this.termAt(index);
    assert(term !== null, 'what is released is held');
    const at = this.#runAt(index);
    const kept = this.#runs.slice(Math.max(at, 0));
    const head = kept[0];
    if (head !== undefined && head.firstIndex <= index) {
      const next = kept[1];
      const runEnds = next === undefined ? this.#lastIndex : next.firstIndex - 1;
      if (runEnds > index) kept[0] = { firstIndex: (index + 1) as Index, term: head.term };
      else kept.shift();
    }
    this.#runs = kept;
    this.#previousIndex = index;
    this.#previousTerm = term;
  }

  /** Where the run of an entry stands in the list; −1 for the entry before the first. */
  #runAt(index: Index): number {
    // Nearly every question is about the newest term.
    let high = this.#runs.length - 1;
    if (high < 0 || this.#runs[high]!.firstIndex <= index) return high;
    let low = -1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#runs[middle]!.firstIndex <= index) low = middle;
      else high = middle;
    }
    return low;
  }
}
