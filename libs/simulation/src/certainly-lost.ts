import { decodeEntryData, requestIdOf } from '@env-cli/environments';
import type { Entry, Term } from '@env-cli/raft';

import { Violation } from './checks.ts';

/**
 * Holds members to their word: of a command they say either that nobody knows, or that it was not applied and never will be. A
 * client without a session sends the second kind again, so whoever says it too early has it done twice.
 */
export class CertainlyLost {
  readonly #committed = new Set<number>();
  readonly #lost = new Map<number, string>();
  #seenIndex = 0;

  /** These entries are committed. Counters are unique in a run. */
  committed(entries: readonly Entry[]): void {
    for (const { index, kind, data } of entries) {
      if (index <= this.#seenIndex) continue;
      this.#seenIndex = index;
      if (kind !== 'command') continue;
      for (const command of decodeEntryData(data).commands) {
        const { counter } = requestIdOf(command)!;
        this.#committed.add(counter);
        this.#check(counter);
      }
    }
  }

  /** A client was told that this command never will be applied. */
  told(counter: number, why: string): void {
    this.#lost.set(counter, why);
    this.#check(counter);
  }

  #check(counter: number): void {
    const why = this.#lost.get(counter);
    if (why === undefined || !this.#committed.has(counter)) return;
    throw new Violation('what is said to be lost is never applied', `command ${counter} was refused (${why}) and is committed`);
  }
}

/** The commands of one life of a member that it forwarded, as its API thread knows them (`Origin.forwarded`). */
export class Forwarded {
  readonly #terms = new Map<number, Term>();

  sent(counters: readonly number[], term: Term): void {
    for (const counter of counters) this.#terms.set(counter, term);
  }

  answered(counter: number): void {
    this.#terms.delete(counter);
  }

  /** An entry of this term was applied: returns what went for an earlier one and had no result by now. */
  settledBy(term: Term): number[] {
    const settled = [...this.#terms].filter(([, sentFor]) => sentFor < term).map(([counter]) => counter);
    for (const counter of settled) this.#terms.delete(counter);
    return settled;
  }

  /** The process died, or its state was replaced: results may have been passed over, and nothing is certain any more. */
  forget(): void {
    this.#terms.clear();
  }
}
