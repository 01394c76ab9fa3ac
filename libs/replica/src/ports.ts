import type { Entry, HardState, Index, Term } from '@env-cli/raft';

/**
 * One request to the log: all of it is durable, or the member stops.
 *
 * Entries follow one another by index. When the first stands at or below the log's last index, everything from there on
 * is replaced (raft.pdf §5.3): the caller has made sure that nothing committed is among it.
 */
export interface LogWrite {
  /** Term and vote, when they changed. They are durable with the entries of the same write, or before them. */
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
}

/** What a log holds when it is opened. */
export interface LogContents {
  readonly hardState: HardState;
  /** The index and term of the entry before the first that is held: (0, 0) for a log that begins at its beginning. */
  readonly previous: { readonly index: Index; readonly term: Term };
  readonly lastIndex: Index;
  /** For each run of entries of one term its first index, ascending. Tells the term of every entry that is held. */
  readonly termRuns: readonly { readonly firstIndex: Index; readonly term: Term }[];
}

/**
 * The log on disk.
 *
 * Calls are carried out in the order in which they are made; callbacks come in that order and never before the call
 * returns. A write or sync that fails is neither retried nor answered: the store calls `onFailure` (given when it was
 * opened), once, and nothing after it is acknowledged (docs/ARCHITECTURE.md, "The log").
 */
export interface LogStore {
  /** What was found at the start. */
  readonly contents: LogContents;
  /** Calls `durable` once the write, and all before it, are on disk. Writes that wait share one fdatasync. */
  append(write: LogWrite, durable: () => void): void;
  /**
   * Reads entries from `from` on (inclusive) up to `to` (exclusive), in order, at most `maxBytes` of data but at least one entry.
   *
   * Answers an empty list when `from` is no longer (or not yet) held. Entries whose `append` is not durable yet may be answered.
   */
  read(from: Index, to: Index, maxBytes: number, done: (entries: Entry[]) => void): void;
  /** Lets go of entries up to `upTo` (inclusive), in whole segments, when it suits the store. */
  release(upTo: Index): void;
  /** After a snapshot was installed: forgets all entries and begins anew behind (`index`, `term`). Term and vote are kept. */
  reset(index: Index, term: Term, done: () => void): void;
  /** Finishes what was asked for, and closes the files. */
  close(): Promise<void>;
}
