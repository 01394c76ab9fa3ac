import type { CommandResult } from '@env-cli/environments';
import type { MemberIdentity } from '@env-cli/keyspace';
import type { ProposalBatch, ProposalRefusedCode, ReadRefusedCode } from '@env-cli/replica';
import type { MessagePort } from 'node:worker_threads';

import type { TlsPaths } from '../security/tls-files.ts';
import type { MemberView } from './member.ts';
import type { MemberOrder, OrderAnswer } from './member-orders.ts';
import type { KnownCluster } from './neighbours.ts';
import type { Scrubbed } from './scrubber.ts';

/** What both workers are given. Ids and options are copied; the ports are theirs. */
interface WorkerStart {
  readonly dataDir: string;
  readonly formingId: Uint8Array;
  readonly clusterId: Uint8Array;
  readonly memberId: number;
  readonly diskId: Uint8Array;
  /** `RequestId.startNonce` of this start. */
  readonly startNonce: number;
}

export interface ApplyStart extends WorkerStart {
  readonly consensus: MessagePort;
  readonly api: MessagePort;
  readonly mapBytes: number | null;
  readonly scrubIntervalMs: number;
}

export interface ConsensusStart extends WorkerStart {
  readonly apply: MessagePort;
  readonly api: MessagePort;
  /** The data of the cluster's first entry. */
  readonly founding: Uint8Array;
  /** Where a member that joins finds the others until it has their state; none of one that has been part of its cluster. */
  readonly joinMembers: readonly { readonly memberId: number; readonly address: string }[];
  /** Whether the directory was founded before this start: then it has a log. */
  readonly isFounded: boolean;
  readonly listen: { readonly host: string; readonly port: number };
  readonly apiAddress: string;
  /** Null: members believe one another's word. */
  readonly tls: TlsPaths | null;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly slowLeaderMs: number | null;
  readonly snapshotBytesPerSecondMax: number | null;
  readonly logSegmentBytes: number | null;
  readonly logTailEntriesMax: number | null;
  readonly state: StateReport;
}

/** How a state stands that was opened or installed. */
export interface StateReport {
  readonly path: string;
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly revision: number;
  /** Raft's configuration, encoded; null before its first change, while those who founded the cluster vote. */
  readonly membership: Uint8Array | null;
  /** None before the first entry is applied. */
  readonly members: readonly MemberIdentity[];
  /** The highest number that a member was ever given. */
  readonly memberIdLast: number;
  readonly epoch: number;
  readonly featureLevel: number;
  /** Who comes in the place of whom (`Roster.replacements`). */
  readonly replacements: ReadonlyMap<number, number>;
}

/** From the API thread to the consensus thread: everything of one turn of the event loop in one message. */
export interface ApiToConsensus {
  readonly batches: readonly ProposalBatch[];
  /** Numbers of reads that want a read index, and the time by which they want it (the process's monotonic clock). */
  readonly reads: readonly { readonly id: number; readonly deadlineMs: number }[];
  readonly orders: readonly MemberOrder[];
}

/** From the consensus thread to the API thread. */
export interface ConsensusToApi {
  readonly refused: readonly { readonly counters: readonly number[]; readonly code: ProposalRefusedCode }[];
  readonly forwarded: readonly { readonly counters: readonly number[]; readonly term: number }[];
  readonly readsReady: readonly { readonly id: number; readonly index: number }[];
  readonly readsRefused: readonly { readonly id: number; readonly code: ReadRefusedCode }[];
  readonly ordersAnswered: readonly { readonly id: number; readonly answer: OrderAnswer }[];
  readonly view: MemberView | null;
}

/** Entries on their way from the consensus thread to the apply thread, flat: one buffer that is handed over, not copied. */
export interface FlatEntries {
  readonly firstIndex: number;
  readonly terms: Float64Array;
  readonly kinds: Uint8Array;
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

export type ConsensusToApply = { readonly kind: 'entries'; readonly entries: FlatEntries } | SnapshotOrder;

/** What the consensus thread asks of the state besides entries. */
export type SnapshotOrder =
  /** Copy the state into a file. Answered by `spooled` or `spool-failed`. */
  | { readonly kind: 'spool' }
  /** Make this file the state, after all entries that were sent. Answered by `installed` or `install-refused`. */
  | { readonly kind: 'install'; readonly path: string };

export type ApplyToConsensus =
  | { readonly kind: 'applied'; readonly index: number }
  | { readonly kind: 'checkpointed'; readonly index: number }
  | { readonly kind: 'background-due' }
  /** Members came or went, or the feature level rose, with the entries that were applied. */
  | ({ readonly kind: 'cluster-changed' } & KnownCluster)
  | { readonly kind: 'spooled'; readonly path: string; readonly index: number; readonly term: number }
  | { readonly kind: 'spool-failed'; readonly problem: string }
  | { readonly kind: 'installed'; readonly state: StateReport }
  | { readonly kind: 'install-refused'; readonly problem: string };

/** Results of one transaction for the API thread: the common ones flat, the others (refusals, replays) by their place. */
export interface FlatResults {
  readonly counters: Float64Array;
  readonly indexes: Float64Array;
  /** 0: see `others`; 1: applied; 2: unchanged. */
  readonly kinds: Uint8Array;
  readonly revisions: Float64Array;
  readonly others: readonly { readonly place: number; readonly result: CommandResult }[];
}

export type ApplyToApi =
  | {
      readonly kind: 'applied';
      readonly index: number;
      readonly term: number;
      readonly revision: number;
      /** Null when none of the commands was this member's. */
      readonly results: FlatResults | null;
      /** State hashes that the command of an entry asked for. */
      readonly hashes: { readonly index: number; readonly bytes: Uint8Array } | null;
    }
  /** All rows were read, up to those that log index `index` brought. */
  | { readonly kind: 'scrubbed'; readonly scrubbed: Scrubbed; readonly index: number }
  /** The state is another one now: readers open it, and let go of the old one. */
  | { readonly kind: 'state-replaced'; readonly state: StateReport };

export interface ThreadLog {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

/** What a worker tells whoever started it, on the worker's own port. */
export type WorkerEvent<Opened> =
  | { readonly kind: 'opened'; readonly report: Opened }
  | { readonly kind: 'log'; readonly log: ThreadLog }
  | { readonly kind: 'metrics'; readonly id: number; readonly values: Record<string, number> }
  /**
   * The worker stopped by itself. `diskFull`: the reserve is to be given back. `refused`: the code of a `MemberRefused`, or null when
   * it was something else.
   */
  | { readonly kind: 'failed'; readonly message: string; readonly diskFull: boolean; readonly refused: string | null }
  | { readonly kind: 'closed' };

/** What whoever started a worker tells it, on the worker's own port. */
export type WorkerOrder = { readonly kind: 'close' | 'abandon' } | { readonly kind: 'metrics'; readonly id: number };
