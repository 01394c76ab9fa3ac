import type { Term } from '@env-cli/raft';

import type { ProposalBatch } from './proposal-batch.ts';

/**
 * Commands on their one hop to the leader. Whoever is asked and does not lead in `term` refuses all of them: a forwarded
 * batch never travels on, and is never proposed in a later term. That makes a lost one certain (`Origin.forwarded`).
 */
export interface Forward {
  /** Ascending while the sender's process lives. */
  readonly id: number;
  readonly term: Term;
  /** `deadlinesMs` are those of the receiver's clock: the way carries what remains. */
  readonly batch: ProposalBatch;
}

/** What the leader did with a forwarded batch. */
export interface ForwardAnswer {
  readonly id: number;
  /** So many of its commands, from the first on, were proposed or had passed their deadline; the rest were refused by `code`. */
  readonly accepted: number;
  /** Null when all were accepted. */
  readonly code: ForwardRefusedCode | null;
}

/** In the order of their codes on the wire. */
export const forwardRefusedCodes = ['not-leader', 'too-busy', 'too-large', 'stopping'] as const;

export type ForwardRefusedCode = (typeof forwardRefusedCodes)[number];
