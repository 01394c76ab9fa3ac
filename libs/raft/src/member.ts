import type { CatchUp } from './catch-up.ts';
import type { Configuration } from './configuration.ts';
import type { InitialState, RaftOptions } from './door.ts';
import type { Index, MemberId, Term } from './entry.ts';
import { Handover } from './handover.ts';
import type { Limits } from './limits.ts';
import { limitsOf } from './limits.ts';
import { LogView } from './log-view.ts';
import type { Progress } from './progress.ts';
import type { Proposals } from './proposals.ts';
import { ReadRequests } from './read-requests.ts';
import type { ReadRounds } from './read-rounds.ts';
import { StepOutput } from './step-output.ts';

/** Everything that one member knows. The functions beside it are the protocol; nothing else holds state. */
export interface Member {
  readonly id: MemberId;
  readonly limits: Limits;
  readonly random: (boundExclusive: number) => number;
  readonly log: LogView;
  readonly out: StepOutput;
  /** What is handed out to be applied. */
  readonly handover: Handover;
  /** The reads that wait for the leader's answer. */
  readonly readRequests: ReadRequests;
  configuration: Configuration;
  configurationIndex: Index;
  /** See {@link Status.configurationConfirmed}. */
  configurationConfirmed: boolean;
  /** Who goes when a joining learner becomes a voter. */
  replacements: ReadonlyMap<MemberId, MemberId>;
  term: Term;
  votedFor: MemberId | null;
  role: RoleState;
  /** Ticks since the leader was heard, a vote given or a campaign begun; at a leader since it checked its quorum. */
  electionElapsed: number;
  /** What `electionElapsed` must reach before this member stands: drawn anew each time. */
  electionTimeout: number;
  /** Ticks since the last round of heartbeats; at a follower since it last asked again for its reads. */
  heartbeatElapsed: number;
  /** The last round of heartbeats that was begun in an earlier reign of this process. */
  lastRound: number;
  lastLoadId: number;
  /** The snapshot that is being installed. */
  installing: { readonly from: MemberId; readonly index: Index; readonly term: Term } | null;
}

/** The shapes of a role. What a leader knows ends with its reign, because it is nowhere else. */
export type RoleState = FollowerState | PreCandidateState | CandidateState | LeaderState;

interface FollowerState {
  readonly kind: 'follower';
  readonly leader: MemberId | null;
}

/** Asks whether an election could be won (thesis §9.6). */
export interface PreCandidateState {
  readonly kind: 'pre-candidate';
  readonly votes: Map<MemberId, boolean>;
}

export interface CandidateState {
  readonly kind: 'candidate';
  readonly votes: Map<MemberId, boolean>;
  /** The write of the own vote, which counts when that is durable. */
  readonly sequence: number;
}

export interface LeaderState {
  readonly kind: 'leader';
  /** Every other member of the configuration. */
  readonly followers: Map<MemberId, Progress>;
  readonly proposals: Proposals;
  readonly reads: ReadRounds;
  /** How far each joining learner is on its way to be a voter. */
  readonly catchUps: Map<MemberId, CatchUp>;
  /** The reign is being handed over. */
  transfer: Transfer | null;
  /**
   * Where the log ended when it was confirmed that this leader is no voter any more; null before. It leaves its reign when a quorum
   * knows that all up to there is committed.
   */
  retireIndex: Index | null;
}

export interface Transfer {
  /** The loop's number. */
  readonly id: number;
  readonly to: MemberId;
  /** Since it began. */
  ticks: number;
}

/** A member that starts is a follower that has heard nobody (raft.pdf §5.2). */
export function createMember(options: RaftOptions, initial: InitialState): Member {
  const limits = limitsOf(options);
  const log = new LogView(initial, limits.cacheBytesMax);
  const { hardState } = initial.log;
  return {
    id: options.id,
    limits,
    random: options.random,
    log,
    out: new StepOutput(log, hardState),
    handover: new Handover(initial.applied),
    // 2^32 starting points, a million requests apart: an answer to a request of an earlier life finds none of ours.
    readRequests: new ReadRequests(options.random(2 ** 32) * 2 ** 20),
    configuration: initial.configuration,
    configurationIndex: initial.configurationIndex,
    // A leader's log may end with the very entry that this state had applied, or have let go of it; a snapshot's state has it from elsewhere.
    configurationConfirmed:
      initial.log.previous.index === 0 && initial.log.configurations.every((index) => index > initial.applied),
    replacements: new Map(),
    term: hardState.term,
    votedFor: hardState.votedFor,
    role: { kind: 'follower', leader: null },
    electionElapsed: 0,
    electionTimeout: limits.electionTicks + options.random(limits.electionTicks),
    heartbeatElapsed: 0,
    lastRound: 0,
    lastLoadId: 0,
    installing: null,
  };
}

/** Whom this member takes for the leader of its term. */
export function leaderOf(member: Member): MemberId | null {
  if (member.role.kind === 'leader') return member.id;
  return member.role.kind === 'follower' ? member.role.leader : null;
}

/**
 * Whether a leader was heard less than the shortest election timeout ago. Then nobody is helped against it: a member that was
 * removed or cut off cannot disturb those who are well (raft.pdf §6, thesis §4.2.3).
 */
export function hearsLeader(member: Member): boolean {
  return leaderOf(member) !== null && member.electionElapsed < member.limits.electionTicks;
}
