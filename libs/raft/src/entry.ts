import type { Brand } from '@env-cli/support';

/** The number of a log entry, from 1; 0 is "before the first". At most 2^53 − 1. */
export type Index = Brand<number, 'Index'>;

/** The number of a leader's reign, from 1; 0 is "before the first election". At most 2^53 − 1. */
export type Term = Brand<number, 'Term'>;

/** A member's number: 1 … 2^32 − 1, given once and never used again, for a lost disk loses its votes too. */
export type MemberId = Brand<number, 'MemberId'>;

/**
 * What an entry is for: `noop` opens a term, `command` carries bytes for the state machine, `configuration` the set of members.
 */
export type EntryKind = 'noop' | 'command' | 'configuration';

/** One entry of the log. */
export interface Entry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  /** For `command` the bytes that were proposed; for `configuration` an encoded configuration; for `noop` empty. */
  readonly data: Uint8Array;
}

/** What a member must never forget: the highest term it saw and whom it voted for in it (raft.pdf figure 2, "persistent state"). */
export interface HardState {
  readonly term: Term;
  /** Null when no vote was given in this term. */
  readonly votedFor: MemberId | null;
}
