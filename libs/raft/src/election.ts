import { isVoter } from './configuration.ts';
import type { MemberId, Term } from './entry.ts';
import { becomeLeader } from './leading.ts';
import type { Member } from './member.ts';
import { hearsLeader, leaderOf } from './member.ts';
import type { PreVoteReply, PreVoteRequest, VoteReply, VoteRequest } from './message.ts';
import { tally } from './quorum.ts';
import { becomeFollower, leaveRole, raiseTerm, restartElectionTimer } from './roles.ts';

/** The election timeout has passed without a leader's word. */
export function onElectionTimeout(member: Member): void {
  // Only a voter stands, and none whose log is about to be replaced.
  if (isVoter(member.configuration, member.id) && member.installing === null) return standForPreVote(member);
  becomeFollower(member, member.term, null);
}

/** Asks whether an election could be won, without disturbing anybody's term. */
function standForPreVote(member: Member): void {
  leaveRole(member, null);
  restartElectionTimer(member);
  const votes = new Map([[member.id, true]]);
  member.role = { kind: 'pre-candidate', votes };
  const term = (member.term + 1) as Term;
  if (tally(member.configuration, votes) === 'won') return standForElection(member);
  requestVotes(member, 'pre-vote-request', term);
}

/** Moves to the next term and votes for itself; both are durable before anybody hears of it. */
function standForElection(member: Member): void {
  raiseTerm(member, (member.term + 1) as Term);
  member.votedFor = member.id;
  restartElectionTimer(member);
  member.role = { kind: 'candidate', votes: new Map(), sequence: member.log.writes.nextSequence };
  requestVotes(member, 'vote-request', member.term);
}

function requestVotes(member: Member, kind: 'pre-vote-request' | 'vote-request', term: Term): void {
  const { voters, votersOutgoing } = member.configuration;
  const { lastIndex, lastTerm } = member.log;
  for (const id of new Set([...voters, ...votersOutgoing])) {
    if (id !== member.id) member.out.promise(id, { kind, term, lastIndex, lastTerm });
  }
}

/** Everything up to this write is durable: the own vote counts from now on. */
export function onOwnVoteStored(member: Member, sequence: number): void {
  if (member.role.kind === 'candidate' && member.role.sequence <= sequence) countVote(member, member.id, true);
}

export function onPreVoteRequest(member: Member, from: MemberId, { term, lastIndex, lastTerm }: PreVoteRequest): void {
  const free = term > member.term || (term === member.term && canVoteFor(member, from));
  const granted = free && !hearsLeader(member) && member.log.isCoveredBy(lastIndex, lastTerm);
  member.out.promise(from, { kind: 'pre-vote-reply', term: granted ? term : member.term, granted });
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
  else if (result === 'won' && role.kind === 'pre-candidate') standForElection(member);
  else if (result === 'won') becomeLeader(member);
}
