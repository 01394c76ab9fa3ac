import { appendOwn } from './appending.ts';
import type { Message } from './door.ts';
import type { Index, MemberId } from './entry.ts';
import { sizeOf } from './entry-cache.ts';
import type { LeaderState, Member } from './member.ts';
import { leaderOf } from './member.ts';
import { membersOf } from './configuration.ts';
import { promoteRipe } from './membership.ts';
import { Progress } from './progress.ts';
import { Proposals } from './proposals.ts';
import { tally } from './quorum.ts';
import { ReadRounds } from './read-rounds.ts';
import { becomeFollower, leaveRole } from './roles.ts';
import { beginRound } from './rounds.ts';
import { onTransferTick } from './transfer.ts';

/** Begins a reign with an empty entry: what earlier terms left is committed with it, and the commit index known (raft.pdf §8). */
export function becomeLeader(member: Member): void {
  leaveRole(member, member.id);
  const reign: LeaderState = {
    kind: 'leader',
    followers: new Map(),
    proposals: new Proposals(),
    reads: new ReadRounds(member.lastRound),
    catchUps: new Map(),
    transfer: null,
    retireIndex: null,
  };
  member.role = reign;
  member.electionElapsed = 0;
  member.heartbeatElapsed = 0;
  followMembers(member, reign, false);
  appendOwn(member, reign, 'noop', new Uint8Array(0));
}

/**
 * Follows exactly the members of the configuration, each as far as is known. Whoever comes into it is taken for `active` until the next check of
 * the quorum: it has had no time to answer yet.
 */
export function followMembers(member: Member, reign: LeaderState, active: boolean): void {
  const { followers } = reign;
  const { configurationIndex: commit, log, term } = member;
  const ids = membersOf(member.configuration).filter((id) => id !== member.id);
  for (const id of followers.keys()) {
    if (ids.includes(id)) continue;
    // Its last word from here: if it has the configuration without it, it knows that it was removed. Nobody else tells it.
    member.out.send(id, { kind: 'commit', term, commit, commitTerm: log.termAt(commit)! });
    followers.delete(id);
  }
  for (const id of ids) {
    if (followers.has(id)) continue;
    const progress = new Progress(id, (log.lastIndex + 1) as Index, member.limits);
    progress.active = active;
    followers.set(id, progress);
  }
}

/** Takes a proposal, or refuses it. */
export function onPropose(member: Member, { id, data }: Extract<Message, { kind: 'propose' }>): void {
  const { role, limits, out } = member;
  if (role.kind !== 'leader') {
    const leader = leaderOf(member);
    const refusal = leader === null ? ({ code: 'no-leader' } as const) : ({ code: 'not-leader', leader } as const);
    return out.push({ kind: 'proposal-refused', id, refusal });
  }
  if (role.transfer !== null || role.retireIndex !== null) {
    const refusal = { code: 'transferring', to: role.transfer?.to ?? null } as const;
    return out.push({ kind: 'proposal-refused', id, refusal });
  }
  if (data.length > limits.entryBytesMax) {
    const refusal = { code: 'too-large', sizeBytes: data.length, limitBytes: limits.entryBytesMax } as const;
    return out.push({ kind: 'proposal-refused', id, refusal });
  }
  const bytes = role.proposals.bytes + sizeOf({ data });
  if (role.proposals.bytes > 0 && bytes > limits.uncommittedBytesMax) {
    const refusal = { code: 'too-many-uncommitted-bytes', sizeBytes: bytes, limitBytes: limits.uncommittedBytesMax } as const;
    return out.push({ kind: 'proposal-refused', id, refusal });
  }
  const entry = appendOwn(member, role, 'command', data);
  role.proposals.add(id, entry.index, sizeOf(entry));
  out.push({ kind: 'proposed', id, index: entry.index, term: entry.term });
}

/** A leader's tick: checks its quorum each election timeout, beats each heartbeat interval. */
export function onLeaderTick(member: Member, reign: LeaderState): void {
  const { limits } = member;
  if (++member.electionElapsed >= limits.electionTicks) {
    member.electionElapsed = 0;
    // Without a quorum it can commit nothing, and must not keep clients, nor followers that hear only it (thesis §6.2).
    if (!isHeardByQuorum(member, reign)) return becomeFollower(member, member.term, null);
    for (const progress of reign.followers.values()) progress.active = false;
  }
  onTransferTick(member, reign);
  promoteRipe(member, reign);
  if (++member.heartbeatElapsed < limits.heartbeatTicks) return;
  member.heartbeatElapsed = 0;
  for (const progress of reign.followers.values()) progress.nudge = true;
  beginRound(member, reign);
}

function isHeardByQuorum(member: Member, reign: LeaderState): boolean {
  const heard = new Map<MemberId, boolean>([[member.id, true]]);
  for (const progress of reign.followers.values()) heard.set(progress.id, progress.active);
  return tally(member.configuration, heard) === 'won';
}
