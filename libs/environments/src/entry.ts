import type { CommandOutcome } from './result.ts';

/** One committed entry of the log, as apply takes it. */
export interface CommittedEntry {
  readonly index: number;
  readonly term: number;
  readonly kind: 'noop' | 'command' | 'configuration';
  /** For `command` what `encodeEntryData` made; for `configuration` opaque bytes; for `noop` empty. */
  readonly data: Uint8Array;
}

/** The data of a command entry: what waited at the leader when it proposed. */
export interface EntryData {
  /** The leader's wall clock, milliseconds since 1970. */
  readonly stampMs: number;
  /** Milliseconds of the leader's monotonic clock since its previous entry of this term; 0 for its first. */
  readonly deltaMs: number;
  /** Encoded commands, 256 at most. None at all is allowed: such an entry moves time and the background work. */
  readonly commands: readonly Uint8Array[];
}

/** What applying an entry came to: one outcome a command, in their order. */
export interface EntryOutcome {
  readonly outcomes: readonly CommandOutcome[];
  /** The state hashes right after this entry, when one of its commands is `mark-hashes`. */
  readonly hashes: StateHashes | null;
}

/** What two members with the same state agree on. */
export interface StateHashes {
  readonly index: number;
  /** 8 bytes a table, in the order of `tableNames` without `meta`; then 8 bytes of the chain over all entries so far. */
  readonly bytes: Uint8Array;
}
