import { assert } from '@env-cli/support';

import type { MemberId, Term } from './entry.ts';
import type { LeaderState, Member } from './member.ts';
import { leaderOf } from './member.ts';

/** Moves to a later term, in which no vote is given yet. The vote of a term is never taken back (canonical/raft#196). */
export function raiseTerm(member: Member, term: Term): void {
  assert(term > member.term, 'terms only rise');
  member.term = term;
  member.votedFor = null;
}

/** Begins a new wait of [electionTicks, 2 × electionTicks) ticks (raft.pdf §5.2). */
export function restartElectionTimer(member: Member): void {
  member.electionElapsed = 0;
  member.electionTimeout = member.limits.electionTicks + member.random(member.limits.electionTicks);
}

/** Follows `leader`, or nobody yet, in `term`: the member's own or a later one. */
export function becomeFollower(member: Member, term: Term, leader: MemberId | null): void {
  // A higher term alone does not restart the wait: else a candidate that cannot win would hold back one that can.
  if (member.role.kind !== 'follower' || leader !== null) restartElectionTimer(member);
  if (term > member.term) raiseTerm(member, term);
  leaveRole(member, leader);
  member.role = { kind: 'follower', leader };
}

/** Settles what the role that ends has promised; `leader` is the one that is followed next. */
export function leaveRole(member: Member, leader: MemberId | null): void {
  if (member.role.kind === 'leader') endReign(member, member.role);
  else if (leaderOf(member) !== leader) {
    for (const id of member.readRequests.abandon()) {
      member.out.push({ kind: 'read-refused', id, refusal: { code: 'leader-lost' } });
    }
  }
}

function endReign(member: Member, reign: LeaderState): void {
  // They are in this log and perhaps in others': the next leader decides (raft.md, item 21).
  const lost = reign.proposals.idsBehind(member.log.commitIndex);
  if (lost.length > 0) member.out.push({ kind: 'proposals-lost', ids: lost });
  if (reign.transfer !== null) member.out.push({ kind: 'transfer-ended', id: reign.transfer.id, outcome: 'reign-ended' });
  for (const read of reign.reads.abandon()) {
    // Followers find out by themselves and ask the next leader.
    if (read.asker === null) member.out.push({ kind: 'read-refused', id: read.id, refusal: { code: 'leader-lost' } });
  }
  member.lastRound = reign.reads.begun;
}
