import type { Entry, Index, Term } from './entry.ts';

/**
 * What members say to one another. The sender is known by the stream that carries it; messages may be lost, doubled, delayed
 * and come in any order. `term` is the sender's term when the message was made, but for `pre-vote-request` (see there).
 *
 * The two unions below are the rule on durability: a promise is held until what it implies is on disk (thesis §3.8), a
 * notice may overtake the disk.
 */
export type PeerMessage = PromiseMessage | NoticeMessage;

/** Sent only when everything that was stored before it is durable: even a refusal tells a term that must not be forgotten. */
export type PromiseMessage =
  PreVoteRequest | PreVoteReply | VoteRequest | VoteReply | AppendAccepted | AppendRejected | StaleTerm;

/** May be sent at once. */
export type NoticeMessage =
  Append | Commit | Heartbeat | HeartbeatReply | ReadRequest | ReadReply | SnapshotHeader | TimeoutNow | Committed;

/** "Would you vote for me in `term`?" Nobody's term changes by it, so a member that slept disturbs nobody (thesis §9.6). */
export interface PreVoteRequest {
  readonly kind: 'pre-vote-request';
  /** The term that the sender would stand in: its own plus one. */
  readonly term: Term;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
}

export interface PreVoteReply {
  readonly kind: 'pre-vote-reply';
  /** Granted: the term that was asked for. Refused: the term of whoever refuses. */
  readonly term: Term;
  readonly granted: boolean;
}

export interface VoteRequest {
  readonly kind: 'vote-request';
  readonly term: Term;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** Its leader told it to stand (`timeout-now`): whoever still hears that leader votes all the same (thesis §4.2.3). */
  readonly transfer: boolean;
}

export interface VoteReply {
  readonly kind: 'vote-reply';
  readonly term: Term;
  readonly granted: boolean;
}

/** Entries that follow (`previousIndex`, `previousTerm`); none asks only whether that entry is there. */
export interface Append {
  readonly kind: 'append';
  readonly term: Term;
  readonly previousIndex: Index;
  readonly previousTerm: Term;
  /** Ascending from `previousIndex` + 1. Followers that need the same range are given the same array, so it can be encoded once. */
  readonly entries: readonly Entry[];
  /** The leader's commit index; it may lie beyond `entries`. */
  readonly commit: Index;
}

export interface AppendAccepted {
  readonly kind: 'append-accepted';
  readonly term: Term;
  /** The sender's log is durable, and the leader's, up to here. */
  readonly matchIndex: Index;
}

/** The entry before was missing or of another term. The hint lets the leader pass over a whole term at a time (raft.pdf §5.3). */
export interface AppendRejected {
  readonly kind: 'append-rejected';
  readonly term: Term;
  /** `previousIndex` of the append that is refused. */
  readonly rejectedIndex: Index;
  /** The highest index at which the logs can agree as far as the sender knows: at most `rejectedIndex`, of a term not above the asked one. */
  readonly hintIndex: Index;
  /** The term of the sender's entry at `hintIndex`; 0 when that is not known. */
  readonly hintTerm: Term;
}

/** Answers a leader of an earlier term, which would otherwise never hear that its reign is over (etcd/raft, `Step`). */
export interface StaleTerm {
  readonly kind: 'stale-term';
  readonly term: Term;
}

/** The commit index alone, when no entries go out that it could ride on. It is not answered; whoever lacks that entry ignores it. */
export interface Commit {
  readonly kind: 'commit';
  readonly term: Term;
  readonly commit: Index;
  /** The term of the entry at `commit`: a log that has it agrees up to there (log matching). */
  readonly commitTerm: Term;
}

export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly term: Term;
  /** A fresh number for each round of heartbeats, ascending while the sender's process lives. */
  readonly round: number;
  /** The leader's commit index as far as the receiver is known to have the log. */
  readonly commit: Index;
}

export interface HeartbeatReply {
  readonly kind: 'heartbeat-reply';
  readonly term: Term;
  readonly round: number;
}

/** A follower asks its leader for a read index. */
export interface ReadRequest {
  readonly kind: 'read-request';
  readonly term: Term;
  /** Fresh for each request, retries too; at most 2^53 − 1. */
  readonly id: number;
}

export interface ReadReply {
  readonly kind: 'read-reply';
  readonly term: Term;
  readonly id: number;
  readonly index: Index;
}

/**
 * What the sender knows to be committed, for one that asked for its pre-vote and has a shorter log, when the sender is no voter itself. It is
 * true whatever the terms of the two are, so they are not looked at; whoever lacks that entry ignores it.
 *
 * Without it, a leader that was removed, and from which nobody heard that its removal is committed, would be asked for its vote for ever by
 * those who need it no more: its log may be the longest, and it does not stand. Or it is the sender that does not know of its own vote: so
 * whoever knows more is committed answers with the same.
 */
export interface Committed {
  readonly kind: 'committed';
  readonly term: Term;
  readonly commit: Index;
  readonly commitTerm: Term;
}

/** The leader hands its reign over: the receiver, whose log is as long as the leader's, stands at once and without a pre-vote (thesis §3.10). */
export interface TimeoutNow {
  readonly kind: 'timeout-now';
  readonly term: Term;
}

/**
 * The head of a snapshot. The loop sends it ahead of the snapshot's bytes on a stream of their own, and hands it to `step`
 * when all of them have arrived and were found whole.
 */
export interface SnapshotHeader {
  readonly kind: 'snapshot';
  /** The `term` of the `send-snapshot` effect. */
  readonly term: Term;
  /** The last entry that is in the snapshot's state, and that entry's term. */
  readonly index: Index;
  readonly indexTerm: Term;
}
