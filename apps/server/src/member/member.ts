import type { Command, CommandResult, StateHashes } from '@env-cli/environments';
import type { ReadTables } from '@env-cli/keyspace';

import type { BackupCopied } from './backup-copy.ts';
import type { MemberWish, OrderAnswer } from './member-orders.ts';
import type { Scrubbed } from './scrubber.ts';

/** A command as the API thread makes it: the member adds the request id under which it waits for the result. */
export type Proposal = Omit<Command, 'requestId'>;

/** A time by `performance.now()` of this process: milliseconds, monotonic. */
export type MonotonicMs = number;

/** What a command came to, once this member has applied it. */
export interface Applied {
  readonly result: CommandResult;
  /** The log index of the entry that carried the command. A read at this index or above sees it. */
  readonly appliedIndex: number;
}

/** What a read demands of the state that answers it. */
export interface ReadNeed {
  /**
   * `strong`: a read index confirmed by a quorum after this call. `fresh-within`: at most `maxLagMs` behind the leader,
   * measured on this member's clock. `any`: whatever is here. All of them also wait for `appliedIndex`.
   */
  readonly freshness:
    { readonly kind: 'strong' } | { readonly kind: 'fresh-within'; readonly maxLagMs: number } | { readonly kind: 'any' };
  /** The lowest applied index that will do (of a token), or 0. */
  readonly appliedIndex: number;
  readonly deadline: MonotonicMs;
}

/** Why the member could not do what was asked. What each becomes on the wire is one table in the API. */
export type UnavailableCode =
  /** Nobody leads, or the leader is not reached: certainly not proposed. */
  | 'no-leader'
  /** A limit on waiting commands or uncommitted bytes is reached: certainly not proposed. */
  | 'too-busy'
  /** It was proposed, and whether it will be applied is not known. */
  | 'outcome-unknown'
  /** The deadline passed before it was proposed, or before the read could be answered. */
  | 'deadline-exceeded'
  /** This member is further behind than the read allows: ask the leader. */
  | 'too-stale'
  /** The member is stopping. */
  | 'stopping';

/** The one error that a {@link Member} rejects with. */
export class MemberUnavailable extends Error {
  override readonly name = 'MemberUnavailable';
  readonly code: UnavailableCode;

  constructor(code: UnavailableCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** How this member sees the cluster at this moment. Kept up to date by the consensus thread; reading it costs nothing. */
export interface MemberView {
  readonly memberId: number;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  /** Null when none is known. */
  readonly leaderId: number | null;
  /** The leader's API address, as its hello told it; null when not known. */
  readonly leaderApiAddress: string | null;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstLogIndex: number;
  /** Whether nobody needs a vote of those who went any more, also after a power loss of all (docs/decisions/0036). */
  readonly configurationConfirmed: boolean;
  readonly lastLogIndex: number;
  readonly logBytes: number;
  /** The feature level that this member's state has; 0 before the first entry is applied. */
  readonly featureLevel: number;
  /** Every member of the configuration that was applied last, this one included. */
  readonly members: readonly {
    readonly memberId: number;
    readonly peerAddress: string;
    /** Null until its hello told it. */
    readonly apiAddress: string | null;
    readonly voter: boolean;
    /** Whether it stands in raft's configuration, voting or not: one that is being added, or forgotten, does not. */
    readonly takesPart: boolean;
    /** The member that goes when this one becomes a voter; null: nobody. */
    readonly replaces: number | null;
    readonly connected: boolean;
    /** The highest feature level that its program understands, as its last hello said; null before the first. */
    readonly featureLevelMax: number | null;
  }[];
}

/** One member of the cluster as the API thread sees it: propose, read, follow. */
export interface Member {
  /** This member's cluster, epoch and number. They are fixed while the process runs. */
  readonly identity: { readonly clusterId: Uint8Array; readonly epoch: number; readonly memberId: number };

  /** How things stand. */
  view(): MemberView;

  /**
   * Proposes a command here or, through one hop, at the leader; resolves once this member has applied it.
   *
   * A refusal by the state machine is a result, not an error. Rejects with {@link MemberUnavailable}.
   */
  propose(proposal: Proposal, deadline: MonotonicMs): Promise<Applied>;

  /**
   * Runs `work` on one consistent snapshot that satisfies `need`. Reads that wait are answered in batches from one snapshot.
   *
   * `work` runs on this thread, synchronously; it must be bounded. Rejects with {@link MemberUnavailable}, or with what `work` throws.
   */
  read<T>(need: ReadNeed, work: (tables: ReadTables) => T): Promise<T>;

  /**
   * Has the consensus thread do something about members. What is refused is an answer, not an error. Rejects with {@link MemberUnavailable}: by the
   * deadline what came of it is not known.
   */
  order(wish: MemberWish, deadline: MonotonicMs): Promise<OrderAnswer>;

  /** Calls `listener` after each batch that was applied, with the newest revision. Returns what ends it. */
  onApplied(listener: (revision: number) => void): () => void;

  /** Calls `listener` when the state was replaced by a snapshot: whoever follows the changes must begin anew. Returns what ends it. */
  onStateReplaced(listener: () => void): () => void;

  /** Calls `listener` when this member begins or ends to lead. Returns what ends it. */
  onLeadership(listener: (leading: { readonly term: number } | null) => void): () => void;

  /** Calls `listener` with what this member holds right after an entry that was marked: equal on all members. Returns what ends it. */
  onHashes(listener: (hashes: StateHashes) => void): () => void;

  /** Calls `listener` when the whole state was read again; `index`: the last entry in it. Returns what ends it. */
  onScrubbed(listener: (scrubbed: Scrubbed, index: number) => void): () => void;

  /**
   * Copies the newest state that is applied here into a new file, as a backup (libs/snapshot-file). Reads and writes go on meanwhile.
   *
   * `checked`: the file is synced, and then read again and checked in full. Rejects with a reason for people, also when `signal` aborts;
   * what the file holds then is worth nothing, and the caller's to remove.
   */
  backUp(path: string, options: { readonly checked: boolean; readonly signal?: AbortSignal }): Promise<BackupCopied>;

  /** Figures of the other threads for /metrics: names without the `env_cli_` prefix, values in base units. */
  metrics(): Promise<Readonly<Record<string, number>>>;

  /** Settles when the member stopped by itself: a failed fsync, a full disk, a broken invariant. Rejects with the reason, for people. */
  readonly stopped: Promise<void>;

  /**
   * Takes no more proposals, lets what waits finish within `graceMs`, makes a checkpoint and closes the files. Rejects, when all is
   * closed, if that failed: nothing that was acknowledged is lost, and the next start replays the log.
   */
  stop(graceMs: number): Promise<void>;
}
