import { isVoter } from './configuration.ts';
import type { MemberId, Term } from './entry.ts';
import { hearLeader } from './following.ts';
import { becomeLeader } from './leading.ts';
import type { Member } from './member.ts';
import { hearsLeader, leaderOf } from './member.ts';
import type { PreVoteReply, PreVoteRequest, VoteReply, VoteRequest } from './message.ts';
import { tally } from './quorum.ts';
import { becomeFollower, leaveRole, raiseTerm, restartElectionTimer } from './roles.ts';

/** The election timeout has passed without a leader's word. */
export function onElectionTimeout(member: Member): void {
  if (mayStand(member)) return standForPreVote(member);
  becomeFollower(member, member.term, null);
}

/** The leader hands its reign over. Whoever may not stand does nothing, and the leader goes on after a while. */
export function onTimeoutNow(member: Member, from: MemberId): void {
  hearLeader(member, from);
  if (!mayStand(member)) return;
  leaveRole(member, null);
  standForElection(member, true);
}

/**
 * Only a voter stands, none whose log is about to be replaced, and none that knows of a committed configuration which has not taken
 * effect here: quorums of configurations that do not follow one another need not meet.
 */
function mayStand(member: Member): boolean {
  const next = member.log.configurations[0];
  const isCurrent = next === undefined || next > member.log.commitIndex;
  return isCurrent && isVoter(member.configuration, member.id) && member.installing === null;
}

/** Asks whether an election could be won, without disturbing anybody's term. */
function standForPreVote(member: Member): void {
  leaveRole(member, null);
  restartElectionTimer(member);
  const votes = new Map([[member.id, true]]);
  member.role = { kind: 'pre-candidate', votes };
  const term = (member.term + 1) as Term;
  if (tally(member.configuration, votes) === 'won') return standForElection(member, false);
  const { lastIndex, lastTerm } = member.log;
  requestVotes(member, { kind: 'pre-vote-request', term, lastIndex, lastTerm });
}

/** Moves to the next term and votes for itself; both are durable before anybody hears of it. */
function standForElection(member: Member, transfer: boolean): void {
  raiseTerm(member, (member.term + 1) as Term);
  member.votedFor = member.id;
  restartElectionTimer(member);
  member.role = { kind: 'candidate', votes: new Map(), sequence: member.log.writes.nextSequence };
  const { lastIndex, lastTerm } = member.log;
  requestVotes(member, { kind: 'vote-request', term: member.term, lastIndex, lastTerm, transfer });
}

function requestVotes(member: Member, request: PreVoteRequest | VoteRequest): void {
  const { voters, votersOutgoing } = member.configuration;
  for (const id of new Set([...voters, ...votersOutgoing])) if (id !== member.id) member.out.promise(id, request);
}

/** Everything up to this write is durable: the own vote counts from now on. */
export function onOwnVoteStored(member: Member, sequence: number): void {
  if (member.role.kind === 'candidate' && member.role.sequence <= sequence) countVote(member, member.id, true);
}

export function onPreVoteRequest(member: Member, from: MemberId, { term, lastIndex, lastTerm }: PreVoteRequest): void {
  const free = term > member.term || (term === member.term && canVoteFor(member, from));
  const { log, out } = member;
  const covered = log.isCoveredBy(lastIndex, lastTerm);
  const granted = free && !hearsLeader(member) && covered;
  out.promise(from, { kind: 'pre-vote-reply', term: granted ? term : member.term, granted });
  // It could not stand itself. Where that follows from what the other does not know of, it would ask in vain for ever.
  if (covered || isVoter(member.configuration, member.id)) return;
  const { commitIndex } = log;
  out.send(from, { kind: 'committed', term: member.term, commit: commitIndex, commitTerm: log.termAt(commitIndex)! });
}

/** Of the member's own term, or an earlier one, which is refused. */
export function onVoteRequest(member: Member, from: MemberId, { term, lastIndex, lastTerm }: VoteRequest): void {
  const granted = term === member.term && canVoteFor(member, from) && member.log.isCoveredBy(lastIndex, lastTerm);
  if (granted) {
    member.votedFor = from;
    member.electionElapsed = 0;
  }
  member.out.promise(from, { kind: 'vote-reply', term: member.term, granted });
}

/** One vote a term, first come, first served; none once the term's leader is known (raft.pdf §5.2). */
function canVoteFor(member: Member, candidate: MemberId): boolean {
  return member.votedFor === candidate || (member.votedFor === null && leaderOf(member) === null);
}

/** Of the asked term when it is granted, of the member's own when it is not. */
export function onPreVoteReply(member: Member, from: MemberId, { term, granted }: PreVoteReply): void {
  if (member.role.kind !== 'pre-candidate' || (granted && term !== member.term + 1)) return;
  countVote(member, from, granted);
}

export function onVoteReply(member: Member, from: MemberId, { granted }: VoteReply): void {
  if (member.role.kind === 'candidate') countVote(member, from, granted);
}

function countVote(member: Member, from: MemberId, granted: boolean): void {
  const { role } = member;
  if ((role.kind !== 'pre-candidate' && role.kind !== 'candidate') || role.votes.has(from)) return;
  role.votes.set(from, granted);
  const result = tally(member.configuration, role.votes);
  if (result === 'lost') becomeFollower(member, member.term, null);
  else if (result === 'won' && role.kind === 'pre-candidate') standForElection(member, false);
  else if (result === 'won') becomeLeader(member);
}
