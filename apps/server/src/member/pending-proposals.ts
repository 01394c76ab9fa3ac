import type { CommandResult } from '@env-cli/environments';
import type { ProposalRefusedCode } from '@env-cli/replica';

import { type Applied, MemberUnavailable } from './member.ts';

interface Pending {
  readonly resolve: (applied: Applied) => void;
  readonly reject: (error: MemberUnavailable) => void;
  readonly deadlineMs: number;
  /** The leader's term for which it was forwarded; 0 when it was not. */
  forwardedTerm: number;
}

/**
 * The consensus thread says which commands passed their deadline before they were proposed, with its next tick. So long is
 * waited for it, because without its word the outcome is unknown.
 */
const wordMs = 150;

/** What is said of a command that has no result. */
export type FailedCode = (typeof codeOutside)[ProposalRefusedCode];

/** Commands of this API thread whose result is not known. */
export class PendingProposals {
  readonly #pending = new Map<number, Pending>();
  /** No deadline is before this: most sweeps have nothing to look for. */
  #deadlineMsMin = Number.POSITIVE_INFINITY;
  /** No forwarded command waits for a term above this: most batches have nothing to look for. */
  #forwardedTermMin = Number.POSITIVE_INFINITY;

  /** How many ended without a result, by what whoever asked was told. */
  readonly failed: Record<FailedCode, number> = {
    'no-leader': 0,
    'too-busy': 0,
    'deadline-exceeded': 0,
    'outcome-unknown': 0,
    stopping: 0,
  };

  get size(): number {
    return this.#pending.size;
  }

  add(counter: number, deadlineMs: number): Promise<Applied> {
    if (deadlineMs < this.#deadlineMsMin) this.#deadlineMsMin = deadlineMs;
    return new Promise((resolve, reject) => {
      this.#pending.set(counter, { resolve, reject, deadlineMs, forwardedTerm: 0 });
    });
  }

  applied(counter: number, appliedIndex: number, result: CommandResult): void {
    const pending = this.#pending.get(counter);
    this.#pending.delete(counter);
    pending?.resolve({ result, appliedIndex });
  }

  refused(counters: readonly number[], code: ProposalRefusedCode): void {
    for (const counter of counters) this.#refuse(counter, code);
  }

  forwarded(counters: readonly number[], term: number): void {
    this.#forwardedTermMin = Math.min(this.#forwardedTermMin, term);
    for (const counter of counters) {
      const pending = this.#pending.get(counter);
      if (pending !== undefined) pending.forwardedTerm = term;
    }
  }

  /** An entry of this term was applied. What was forwarded for an earlier one, and was not applied by now, never will be. */
  termApplied(term: number): void {
    if (term <= this.#forwardedTermMin) return;
    this.#forwardedTermMin = Number.POSITIVE_INFINITY;
    for (const [counter, { forwardedTerm }] of this.#pending) {
      if (forwardedTerm === 0) continue;
      if (forwardedTerm < term) this.#refuse(counter, 'no-leader');
      else this.#forwardedTermMin = Math.min(this.#forwardedTermMin, forwardedTerm);
    }
  }

  /**
   * The state was replaced by one that came whole. What was applied on the way to it was told to nobody here: each of these may be
   * among it, and that an entry of a later term follows proves nothing any more.
   */
  stateReplaced(): void {
    this.refuseAll('outcome-unknown');
    this.#forwardedTermMin = Number.POSITIVE_INFINITY;
  }

  /** Ends what waits in vain. */
  sweep(nowMs: number): void {
    if (this.#deadlineMsMin + wordMs > nowMs) return;
    this.#deadlineMsMin = Number.POSITIVE_INFINITY;
    for (const [counter, { deadlineMs }] of this.#pending) {
      if (deadlineMs + wordMs <= nowMs) this.#refuse(counter, 'outcome-unknown');
      else this.#deadlineMsMin = Math.min(this.#deadlineMsMin, deadlineMs);
    }
  }

  refuseAll(code: 'outcome-unknown'): void {
    for (const counter of this.#pending.keys()) this.#refuse(counter, code);
  }

  #refuse(counter: number, code: ProposalRefusedCode): void {
    const pending = this.#pending.get(counter);
    this.#pending.delete(counter);
    if (pending === undefined) return;
    this.failed[codeOutside[code]]++;
    pending.reject(new MemberUnavailable(codeOutside[code], texts[code]));
  }
}

const codeOutside = {
  'no-leader': 'no-leader',
  'too-busy': 'too-busy',
  'deadline-exceeded': 'deadline-exceeded',
  'outcome-unknown': 'outcome-unknown',
  stopping: 'stopping',
  // The API checks sizes against limits that are below the core's: an entry of one command is never too large.
  'too-large': 'too-busy',
} as const satisfies Record<ProposalRefusedCode, MemberUnavailable['code']>;

const texts: Record<ProposalRefusedCode, string> = {
  'no-leader': 'no leader took the command: it was not applied and never will be. Try again.',
  'too-busy': 'too many commands wait already: this one was not proposed. Try again later.',
  'deadline-exceeded': 'the deadline passed before the command was proposed.',
  'outcome-unknown':
    'the command was proposed, and whether it will be applied is not known. A retry in the same session happens once.',
  stopping: 'this member is stopping: the command was not proposed. Ask another member.',
  'too-large': 'the command is larger than an entry of the log may be.',
};
