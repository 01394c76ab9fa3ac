import type { CommandResult, CommittedEntry, EntryOutcome, StateHashes } from '@env-cli/environments';
import type { Tables } from '@env-cli/keyspace';
import type { Configuration, Entry, HardState, Index, MemberId, PeerMessage, Term } from '@env-cli/raft';

import type { Forward, ForwardAnswer } from './forward.ts';
import type { ReplicaView } from './view.ts';

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
  /** Indexes of the entries that are held of the kind `configuration`, ascending. */
  readonly configurations: readonly Index[];
}

/**
 * The log on disk.
 *
 * Writes and resets are carried out in the order in which they are made, and answered in that order; so are reads among
 * themselves, and each sees the writes that were asked for before it. No callback comes before the call returns. A write or sync that fails is neither retried nor answered: the store calls `onFailure` (given when it was
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
   * Answers an empty list when `from` is no longer (or not yet) held. May answer fewer than there are (a read ends at the end of a
   * file, say): whoever wants more asks again. Entries whose `append` is not durable yet may be answered.
   */
  read(from: Index, to: Index, maxBytes: number, done: (entries: Entry[]) => void): void;
  /** Lets go of entries up to `upTo` (inclusive), in whole segments, when it suits the store. */
  release(upTo: Index): void;
  /** After a snapshot was installed: forgets all entries and begins anew behind (`index`, `term`). Term and vote are kept. */
  reset(index: Index, term: Term, done: () => void): void;
  /** Finishes what was asked for, and closes the files. */
  close(): Promise<void>;
}

/** Time, as the loop sees it. The simulator's twin is ticked by hand. */
export interface Clock {
  /** Milliseconds of a clock that never goes back; its zero means nothing. Fractions are allowed. */
  monotonicMs(): number;
  /** Milliseconds since 1970 as this member's wall clock has it: it may jump. */
  wallMs(): number;
}

/**
 * The way to the other members. What is sent may be lost, doubled or late; nothing waits here for a slow member, it is dropped.
 *
 * What comes in is handed to `Replica.received`, `Replica.forwarded` and `Replica.forwardAnswered`.
 */
export interface Peers {
  send(to: MemberId, message: PeerMessage): void;
  /** The turn ends: what was sent in it goes out, one frame a member. */
  flush(): void;
  /** Hands a batch of commands to the leader. False when there is no connection or no room: then it certainly did not go out. */
  forward(to: MemberId, forward: Forward): boolean;
  answerForward(to: MemberId, answer: ForwardAnswer): void;
}

/** What takes committed entries, in order. In a member it is the apply thread behind a port; it answers by `Replica.applied`. */
export interface Applier {
  apply(entries: readonly Entry[]): void;
}

/** Who asked, on this member. In a member it is the API thread behind a port. */
export interface Origin {
  /** These commands were certainly not proposed, or (`outcome-unknown`) may or may not be applied. By request counter. */
  refused(counters: readonly number[], code: ProposalRefusedCode): void;
  /**
   * These commands went to the leader of `term`, which takes them in this very term or never. So once an entry of a later
   * term is applied here and they are not, they never will be.
   */
  forwarded(counters: readonly number[], term: Term): void;
  /** A state that applied `index` may answer the reads of this number. */
  readReady(id: number, index: Index): void;
  readRefused(id: number, code: ReadRefusedCode): void;
  /** How things stand, when that changed: at once when the role did, else with a tick. */
  view(view: ReplicaView): void;
}

export type ProposalRefusedCode = 'no-leader' | 'too-busy' | 'deadline-exceeded' | 'outcome-unknown' | 'stopping' | 'too-large';

export type ReadRefusedCode = 'no-leader' | 'too-busy' | 'deadline-exceeded' | 'stopping';

/** Whole states on the move. What comes of each call is said to the replica by its methods of the same nouns. */
export interface Snapshots {
  /** Streams a state of index ≥ `indexMin` to a member. Then `Replica.snapshotBegun`, and `snapshotSent` or `snapshotFailed`. */
  send(to: MemberId, term: Term, indexMin: Index): void;
  /** Makes what `from` sent the state, after everything that was handed to the applier. Then `snapshotInstalled` or `snapshotRefused`. */
  install(from: MemberId, index: Index, indexTerm: Term): void;
  discard(from: MemberId, index: Index): void;
}

/** What a state that came whole holds. */
export interface InstalledSnapshot {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: Configuration;
  /** See `InitialState.configurationIndex`. */
  readonly configurationIndex: Index;
}

/** The state on disk, as the apply loop needs it. */
export interface StateStore {
  /**
   * Runs `work` in one transaction, which is visible to readers when the call returns. When `work` throws, nothing of it happened.
   *
   * A failure of the disk is thrown too, and the member stops.
   */
  transact(work: (tables: Tables) => void): void;
  /** Whether a checkpoint should begin: enough time or enough writing has passed since the last. None is due while one runs. */
  checkpointDue(nowMs: number): boolean;
  /**
   * Makes what is applied now survive a crash, while transactions go on. Calls `done` with the applied index that it holds,
   * never before the call returns. A failure stops the member and is not answered.
   */
  checkpoint(nowMs: number, done: (appliedIndex: number) => void): void;
}

/** What entries do to the tables: a function of the two alone, however entries are grouped into transactions. */
export interface StateMachine {
  begin(tables: Tables): MachineTransaction;
}

export interface MachineTransaction {
  apply(entry: CommittedEntry): EntryOutcome;
  /**
   * Writes what the entries changed; the applied index and term are among the rows, so that they are of the same transaction.
   * Tells the newest revision, and whether work is left that only further entries move on.
   */
  finish(): { readonly revision: number; readonly backgroundDue: boolean };
}

/** What one transaction of the apply loop did. */
export interface AppliedBatch {
  /** The last entry that it holds. */
  readonly index: Index;
  readonly term: Term;
  readonly revision: number;
  /** The results of commands that this member's API took in since its start, in the order of the log. */
  readonly results: readonly AppliedResult[];
  /** State hashes that an entry of it asked for; the newest if several did. */
  readonly hashes: StateHashes | null;
}

export interface AppliedResult {
  /** `RequestId.counter`. */
  readonly counter: number;
  /** The index of the entry that carried the command. */
  readonly index: Index;
  readonly result: CommandResult;
}

/** Whom the apply loop tells. In a member: the API thread (what was applied) and the consensus thread (all three), each straight. */
export interface ApplyObserver {
  /** After the transaction: readers see it. */
  applied(batch: AppliedBatch): void;
  checkpointed(appliedIndex: number): void;
  backgroundDue(): void;
}
