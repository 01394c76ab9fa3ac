import type { MemberId } from '../entry.ts';
import type { Append, Commit, Heartbeat, PeerMessage, VoteReply, VoteRequest } from '../message.ts';
import { entriesOf, index, term, TestMember } from './test-member.ts';
import type { TestMemberOptions } from './test-member.ts';

/** An append of entries with the given terms, behind (`previousIndex`, `previousTerm`). */
export function append(
  ofTerm: number,
  [previousIndex, previousTerm]: readonly [number, number],
  terms: readonly number[] = [],
  commit = 0,
): Append {
  return {
    kind: 'append',
    term: term(ofTerm),
    previousIndex: index(previousIndex),
    previousTerm: term(previousTerm),
    entries: entriesOf(terms, previousIndex + 1),
    commit: index(commit),
  };
}

export function heartbeat(ofTerm: number, commit = 0, round = 1): Heartbeat {
  return { kind: 'heartbeat', term: term(ofTerm), round, commit: index(commit) };
}

export function commitNotice(ofTerm: number, [at, atTerm]: readonly [number, number]): Commit {
  return { kind: 'commit', term: term(ofTerm), commit: index(at), commitTerm: term(atTerm) };
}

export function voteRequest(ofTerm: number, [lastIndex, lastTerm]: readonly [number, number], transfer = false): VoteRequest {
  return { kind: 'vote-request', term: term(ofTerm), lastIndex: index(lastIndex), lastTerm: term(lastTerm), transfer };
}

export function preVoteRequest(ofTerm: number, [lastIndex, lastTerm]: readonly [number, number]): PeerMessage {
  return { kind: 'pre-vote-request', term: term(ofTerm), lastIndex: index(lastIndex), lastTerm: term(lastTerm) };
}

export function voteReply(ofTerm: number, granted = true): VoteReply {
  return { kind: 'vote-reply', term: term(ofTerm), granted };
}

export function preVoteReply(ofTerm: number, granted = true): PeerMessage {
  return { kind: 'pre-vote-reply', term: term(ofTerm), granted };
}

export function accepted(ofTerm: number, matchIndex: number): PeerMessage {
  return { kind: 'append-accepted', term: term(ofTerm), matchIndex: index(matchIndex) };
}

export function rejected(ofTerm: number, rejectedIndex: number, [hintIndex, hintTerm]: readonly [number, number]): PeerMessage {
  return {
    kind: 'append-rejected',
    term: term(ofTerm),
    rejectedIndex: index(rejectedIndex),
    hintIndex: index(hintIndex),
    hintTerm: term(hintTerm),
  };
}

export function heartbeatReply(ofTerm: number, round: number): PeerMessage {
  return { kind: 'heartbeat-reply', term: term(ofTerm), round };
}

export function othersOf(member: TestMember): MemberId[] {
  const { voters, votersOutgoing } = member.status.configuration;
  return [...new Set([...voters, ...votersOutgoing])].filter((id) => id !== member.id);
}

/** A member whose wait for a leader has just ended: it asks for pre-votes, unless it is alone. */
export function preCandidate(options: TestMemberOptions = {}): TestMember {
  const member = new TestMember(options);
  for (let ticks = 0; member.status.role === 'follower' && ticks < 100; ticks++) member.tick();
  return member;
}

/** A member that stands for election in the next term. */
export function candidate(options: TestMemberOptions = {}): TestMember {
  const member = preCandidate(options);
  const asked = member.status.term + 1;
  for (const from of othersOf(member)) if (member.status.role === 'pre-candidate') member.receive(from, preVoteReply(asked));
  return member;
}

/** A member that everybody has just elected; what it sent so far is forgotten. */
export function leader(options: TestMemberOptions = {}): TestMember {
  const member = candidate(options);
  for (const from of othersOf(member))
    if (member.status.role === 'candidate') member.receive(from, voteReply(member.status.term));
  if (member.status.role !== 'leader') throw new Error(`it is ${member.status.role}`);
  member.takeOutbox();
  return member;
}

/** Lets a follower of this leader accept everything that is in the leader's log. */
export function acceptAll(member: TestMember, ...from: readonly MemberId[]): void {
  for (const id of from) member.receive(id, accepted(member.status.term, member.status.lastIndex));
}
