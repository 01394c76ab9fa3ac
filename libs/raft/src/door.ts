import type { Configuration } from './configuration.ts';
import type { Entry, HardState, Index, MemberId, Term } from './entry.ts';
import type { ConfigurationRefusal, MembershipChange } from './membership-change.ts';
import type { PeerMessage } from './message.ts';

/** Everything that can happen to a member. Time passing is a message like any other. */
export type Message =
  /** One unit of time has passed. After a pause the loop hands in what was received first, then *one* tick. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'received'; readonly from: MemberId; readonly message: PeerMessage }
  /** A wish to append one entry; `id` is the loop's own number for it. Answered by `proposed` or `proposal-refused`. */
  | { readonly kind: 'propose'; readonly id: number; readonly data: Uint8Array }
  /**
   * A wish to change who takes part: all of `changes` at once, or nothing. Answered by `proposed` or `change-refused`; `id` is a number
   * like a proposal's. It is in effect when the configuration at the index that was `proposed` is handed out; if that is
   * joint (voters differ by more than one), the leader leaves it by itself. It is over when what it led to is confirmed (`Status.configurationConfirmed`).
   */
  | { readonly kind: 'change-membership'; readonly id: number; readonly changes: readonly MembershipChange[] }
  /**
   * Which voter goes when a joining learner becomes one, as the host's state knows it: learner → voter, no voter twice. Takes the place of what was said before;
   * nothing until it is said. It only tells what a leader asks of the log in one change, so members need not have heard the same.
   */
  | { readonly kind: 'replacements'; readonly replacements: ReadonlyMap<MemberId, MemberId> }
  /**
   * A wish that this leader hand its reign to `to`, or (null) to the voter that has most of its log. Answered by `transfer-refused`
   * or, when it is over, `transfer-ended`. Proposals are refused meanwhile.
   */
  | { readonly kind: 'transfer'; readonly id: number; readonly to: MemberId | null }
  /**
   * A wish for a read index, on any member; answered by `read-ready` or `read-refused`. Many that wait share one round.
   *
   * The same answer bounds staleness (architecture.md, `EVENTUAL`): the loop notes its monotonic time when it hands this in;
   * the index was the leader's commit index, and its leadership confirmed by a quorum, at some moment after that.
   */
  | { readonly kind: 'read'; readonly id: number }
  /** The `store` or `reset` of this sequence, and all before it, are durable, and their messages handed to the peers. */
  | { readonly kind: 'stored'; readonly sequence: number }
  /** What a `load` found: entries from its `from` on, in order; fewer than asked for, or none, when the log let go of them. */
  | { readonly kind: 'loaded'; readonly id: number; readonly entries: readonly Entry[] }
  /** Entries up to `index` (inclusive) of the `apply` effects are in the state. Frees room for further ones. */
  | { readonly kind: 'applied'; readonly index: Index }
  /** The log is about to let go of entries up to `index` (inclusive, at most what is applied). Said before `LogStore.release`. */
  | { readonly kind: 'released'; readonly index: Index }
  /** The receiver has said that it installed, or did not need, the snapshot of a `send-snapshot`; `index` is the snapshot's. */
  | { readonly kind: 'snapshot-sent'; readonly to: MemberId; readonly term: Term; readonly index: Index }
  /** The stream of a `send-snapshot` broke, or the receiver could not install it. */
  | { readonly kind: 'snapshot-failed'; readonly to: MemberId; readonly term: Term }
  /** The snapshot of an `install-snapshot` is now the state, durably. `configuration` is the one that the snapshot holds; `configurationIndex`: see {@link InitialState}. */
  | {
      readonly kind: 'snapshot-installed';
      readonly index: Index;
      readonly term: Term;
      readonly configuration: Configuration;
      readonly configurationIndex: Index;
    }
  /** The snapshot of an `install-snapshot` could not be installed; the state is what it was. */
  | { readonly kind: 'snapshot-refused' }
  /** A message to this member was not delivered. Optional, and quick to forget: it only ends pipelining until the member answers. */
  | { readonly kind: 'unreachable'; readonly to: MemberId }
  /** The loop found that it was paused for longer than an election timeout, or wants to stop: a leader lets go of its reign. */
  | { readonly kind: 'step-down' };

/**
 * Everything a member can ask of the world.
 *
 * The effects of one step are begun in order, and those of a step before those of the next. None has to be finished before the next
 * begins: what must wait for the disk waits inside `store`, what must wait for anything else is asked for when that has happened.
 */
export type Effect =
  | { readonly kind: 'send'; readonly to: MemberId; readonly message: PeerMessage }
  | StoreEffect
  | ResetEffect
  | LoadEffect
  /** Entries for the state: committed, flushed in the own log, in order, none twice. Answered by `applied`, which may cover several. */
  | { readonly kind: 'apply'; readonly entries: readonly Entry[] }
  /** The proposal is in the leader's log. Whether it will be committed shows when it is applied, or in `proposals-lost`. */
  | { readonly kind: 'proposed'; readonly id: number; readonly index: Index; readonly term: Term }
  | { readonly kind: 'proposal-refused'; readonly id: number; readonly refusal: ProposalRefusal }
  | { readonly kind: 'change-refused'; readonly id: number; readonly refusal: ChangeRefusal }
  | { readonly kind: 'transfer-refused'; readonly id: number; readonly refusal: TransferRefusal }
  | { readonly kind: 'transfer-ended'; readonly id: number; readonly outcome: TransferOutcome }
  /** Leadership ended before these were committed: *outcome unknown*. They may yet be committed by the next leader. */
  | { readonly kind: 'proposals-lost'; readonly ids: readonly number[] }
  /** A state that has applied `index` is one that a linearizable read may be answered from. */
  | { readonly kind: 'read-ready'; readonly id: number; readonly index: Index }
  | { readonly kind: 'read-refused'; readonly id: number; readonly refusal: ReadRefusal }
  /** Role, term or leader changed. At most one in a step; it tells what holds at the step's end. */
  | { readonly kind: 'role'; readonly role: Role; readonly term: Term; readonly leader: MemberId | null }
  /**
   * A follower lacks entries that the log let go of. The loop streams a snapshot of index ≥ `indexMin`, headed by `SnapshotHeader`
   * with this `term`, keeps the log behind that index, and says `snapshot-sent` or `snapshot-failed`. One stream a member: a further
   * effect for it replaces the earlier.
   */
  | { readonly kind: 'send-snapshot'; readonly to: MemberId; readonly term: Term; readonly indexMin: Index }
  /**
   * The snapshot that `from` sent is wanted: the loop lets the apply thread finish what it was given, builds the new state, switches
   * to it durably and says `snapshot-installed`, or `snapshot-refused`. Entries are neither accepted nor applied meanwhile.
   *
   * Not before every write that was asked for is durable, the `store` of this step too: a state must not be of a term of which its log
   * has not heard.
   */
  | { readonly kind: 'install-snapshot'; readonly from: MemberId; readonly index: Index; readonly indexTerm: Term }
  /** The snapshot that `from` sent is old, not needed or comes while another is installed: its file can go. */
  | { readonly kind: 'discard-snapshot'; readonly from: MemberId; readonly index: Index };

/** `LogStore.append` (libs/replica): when it is durable, `messages` are sent, then `stored` is said. In the order of `sequence`. */
export interface StoreEffect {
  readonly kind: 'store';
  /** Ascending by 1 over `store` and `reset` alike. */
  readonly sequence: number;
  /** Null when it did not change. */
  readonly hardState: HardState | null;
  /** May be empty, and begins at or below the log's last index when a conflict is overwritten. */
  readonly entries: readonly Entry[];
  readonly messages: readonly Envelope[];
}

/** `LogStore.reset` after a snapshot was installed: the log begins anew behind (`index`, `term`). Then as for `store`. */
export interface ResetEffect {
  readonly kind: 'reset';
  readonly sequence: number;
  readonly index: Index;
  readonly term: Term;
  readonly messages: readonly Envelope[];
}

/** `LogStore.read`: for a follower that is behind, or to apply what is no longer in memory. Answered by `loaded`, always. */
export interface LoadEffect {
  readonly kind: 'load';
  readonly id: number;
  /** Inclusive. */
  readonly from: Index;
  /** Exclusive. */
  readonly to: Index;
  /** Of data; one entry comes in any case. */
  readonly bytesMax: number;
}

export interface Envelope {
  readonly to: MemberId;
  readonly message: PeerMessage;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/** Why a proposal was not taken. Nothing of it was written: it may be tried again, here or elsewhere. */
export type ProposalRefusal =
  | { readonly code: 'not-leader'; readonly leader: MemberId }
  | { readonly code: 'no-leader' }
  /** The leader holds as much as it may that no quorum, or not its own disk, has yet: a quorum is away, or a disk slow. */
  | { readonly code: 'too-many-uncommitted-bytes'; readonly sizeBytes: number; readonly limitBytes: number }
  | { readonly code: 'too-large'; readonly sizeBytes: number; readonly limitBytes: number }
  | TransferringRefusal;

/** The reign is being handed over, to `to`, or (null) by a leader that is no voter any more: there is a leader again within an election timeout. */
export interface TransferringRefusal {
  readonly code: 'transferring';
  readonly to: MemberId | null;
}

/** Why a change of the configuration was not taken. Nothing was written. */
export type ChangeRefusal =
  | ConfigurationRefusal
  | { readonly code: 'not-leader'; readonly leader: MemberId }
  | { readonly code: 'no-leader' }
  | TransferringRefusal
  /** The one at `index` has not taken effect, or is joint and not left yet. One change is under way at a time. */
  | { readonly code: 'change-in-flight'; readonly index: Index }
  /** The leader is new and has not committed anything in its term: a change of an earlier term may still be committed (thesis §4.1). */
  | { readonly code: 'term-not-committed'; readonly term: Term };

/** Why a reign is not handed over. */
export type TransferRefusal =
  | { readonly code: 'not-leader'; readonly leader: MemberId }
  | { readonly code: 'no-leader' }
  | TransferringRefusal
  | { readonly code: 'already-leader' }
  | { readonly code: 'unknown-member'; readonly member: MemberId }
  /** It is a learner, or leaves with the joint configuration. */
  | { readonly code: 'not-a-voter'; readonly member: MemberId }
  /** There is no other voter. */
  | { readonly code: 'no-other-voter' };

/** `reign-ended`: this member leads no more; who does is told by `role`. The others: it leads on, and takes proposals again. */
export type TransferOutcome = 'reign-ended' | 'timed-out' | 'target-left';

/** Why a read index was not found. A read may always be asked for again. */
export type ReadRefusal =
  | { readonly code: 'no-leader' }
  /** The leader that was asked lost its reign, or another came, before it answered. */
  | { readonly code: 'leader-lost' }
  | { readonly code: 'too-many-reads'; readonly limit: number };

/** What a member is given for its life. One tick is `tickMs` milliseconds to the loop and nothing to the core. */
export interface RaftOptions {
  readonly id: MemberId;
  /** An integer drawn evenly from 0 … `boundExclusive` − 1; `boundExclusive` is 1 … 2^32. */
  readonly random: (boundExclusive: number) => number;
  /**
   * Ticks without a word from a leader after which a follower stands for election.
   *
   * Each wait is drawn from [electionTicks, 2 × electionTicks), so that two members seldom stand at once (raft.pdf §5.2).
   * A leader that no quorum answered for so long steps down. Must exceed `heartbeatTicks`; etcd suggests ten times it. Defaults to 10.
   */
  readonly electionTicks?: number;
  /** Ticks between two rounds of heartbeats. Defaults to 1. */
  readonly heartbeatTicks?: number;
  /** Appends on the way to one follower. Defaults to 256. */
  readonly inflightMessagesMax?: number;
  /** Bytes of entries on the way to one follower; should exceed bandwidth × round trip (30 ms at 1 Gbit/s: 4 MB). Defaults to 8 MiB. */
  readonly inflightBytesMax?: number;
  /** Bytes of entries in one append, and in one `load`; one larger entry goes alone. Defaults to 1 MiB. */
  readonly appendBytesMax?: number;
  /** Bytes of one proposal. Defaults to 4 MiB. */
  readonly entryBytesMax?: number;
  /**
   * Bytes that a leader has proposed and that are not committed, or not flushed in its own log, yet. One proposal is always let in.
   * Defaults to 32 MiB.
   */
  readonly uncommittedBytesMax?: number;
  /** Bytes that were handed out to be applied and are not reported as applied; one entry always goes. Defaults to 16 MiB. */
  readonly applyingBytesMax?: number;
  /** Bytes of the newest entries kept in memory; what is not flushed is kept beyond that. Defaults to 64 MiB. */
  readonly cacheBytesMax?: number;
  /**
   * Ticks for which a joining learner must have kept up with the log, and answered, without a break, before it is made a voter. It keeps up
   * while each round of replication takes less than `electionTicks` (thesis §4.2.1). Defaults to 30 (3 seconds at a tick of 100 ms).
   */
  readonly promotionTicks?: number;
  /** Voters, leaving voters and learners of a configuration. Defaults to 32. */
  readonly membersMax?: number;
  /** Reads that wait for a read index, of this member's own and of followers. Defaults to 4,096. */
  readonly readsWaitingMax?: number;
}

/** What a member finds when it starts. */
export interface InitialState {
  /** `LogStore.contents`. */
  readonly log: {
    readonly hardState: HardState;
    /** The entry before the first that is held: (0, 0) for a log that begins at its beginning. */
    readonly previous: { readonly index: Index; readonly term: Term };
    readonly lastIndex: Index;
    /** For each run of entries of one term its first index, ascending. */
    readonly termRuns: readonly TermRun[];
    /** Indexes of the entries of the kind `configuration`, ascending. */
    readonly configurations: readonly Index[];
  };
  /**
   * What the state has applied: at least `log.previous.index` and at most `log.lastIndex`, and an entry of the term that the log has
   * there. Whoever calls has refused a lost disk, and begun anew a log that a snapshot's state has overtaken.
   */
  readonly applied: Index;
  /** The configuration that the state holds. */
  readonly configuration: Configuration;
  /** The index of the entry that brought it; 0 where that is not known, as in a state, which does not keep it. What takes effect from then on has its own. */
  readonly configurationIndex: Index;
}

export interface TermRun {
  readonly firstIndex: Index;
  readonly term: Term;
}

/** What a member knows of itself, for people, metrics and the loop. */
export interface Status {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly votedFor: MemberId | null;
  readonly leader: MemberId | null;
  /** The first entry of the log that is held is the one after this. */
  readonly previousIndex: Index;
  readonly lastIndex: Index;
  /** The log is durable up to here. */
  readonly flushedIndex: Index;
  readonly commitIndex: Index;
  /** Handed out to be applied up to here. */
  readonly applyingIndex: Index;
  readonly appliedIndex: Index;
  /** The one that is in effect here. */
  readonly configuration: Configuration;
  /** The index of the entry that brought it, if it took effect since the start or the last snapshot; else what was given then. */
  readonly configurationIndex: Index;
  /**
   * Whether a quorum of this configuration finds its voters in effect whatever becomes of its members: another entry with the same ones was committed behind
   * the one that brought them. Until then a cluster that lost power could need a vote of somebody who was removed. False where that is
   * not known, as after a restart behind a change, or on a log that does not begin at its beginning: the next leader confirms it then.
   */
  readonly configurationConfirmed: boolean;
  /** To whom the reign is being handed over; null when it is not, or on whoever does not lead. */
  readonly transferringTo: MemberId | null;
  readonly uncommittedBytes: number;
  readonly cacheBytes: number;
  readonly readsWaiting: number;
  /** Whether a snapshot is being installed. */
  readonly installing: boolean;
  /** Every other member, as its leader sees it; empty on whoever does not lead. */
  readonly followers: readonly FollowerStatus[];
}

export interface FollowerStatus {
  readonly id: MemberId;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly matchIndex: Index;
  readonly nextIndex: Index;
  /** Whether it answered since the last check of the quorum. */
  readonly active: boolean;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
}
