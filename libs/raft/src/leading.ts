import type { Message } from './door.ts';
import type { Entry, EntryKind, Index, MemberId } from './entry.ts';
import { sizeOf } from './entry-cache.ts';
import type { LeaderState, Member } from './member.ts';
import { leaderOf } from './member.ts';
import { membersOf } from './configuration.ts';
import { Progress } from './progress.ts';
import { Proposals } from './proposals.ts';
import { tally } from './quorum.ts';
import { ReadRounds } from './read-rounds.ts';
import { sendAppends } from './replication.ts';
import { becomeFollower, leaveRole } from './roles.ts';
import { beginRound } from './rounds.ts';

/** Begins a reign with an empty entry: what earlier terms left is committed with it, and the commit index known (raft.pdf §8). */
export function becomeLeader(member: Member): void {
  leaveRole(member, member.id);
  const reign: LeaderState = {
    kind: 'leader',
    followers: new Map(),
    proposals: new Proposals(),
    reads: new ReadRounds(member.lastRound),
  };
  member.role = reign;
  member.electionElapsed = 0;
  member.heartbeatElapsed = 0;
  updateFollowers(member, reign);
  appendOwn(member, reign, 'noop', new Uint8Array(0));
}

/** Follows exactly the members of the configuration, each as far as is known. */
export function updateFollowers(member: Member, reign: LeaderState): void {
  const ids = membersOf(member.configuration).filter((id) => id !== member.id);
  for (const id of reign.followers.keys()) if (!ids.includes(id)) reign.followers.delete(id);
  for (const id of ids) {
    if (!reign.followers.has(id)) reign.followers.set(id, new Progress(id, (member.log.lastIndex + 1) as Index, member.limits));
  }
}

/** Appends one entry, sends it to everybody, and stores it meanwhile. */
function appendOwn(member: Member, reign: LeaderState, kind: EntryKind, data: Uint8Array): Entry {
  const entry: Entry = { index: (member.log.lastIndex + 1) as Index, term: member.term, kind, data };
  const entries = [entry];
  member.log.append(entries);
  member.out.store(entries);
  for (const progress of reign.followers.values()) sendAppends(member, progress, false);
  return entry;
}

/** Takes a proposal, or refuses it. */
export function onPropose(member: Member, { id, data }: Extract<Message, { kind: 'propose' }>): void {
  const { role, limits, out } = member;
  if (role.kind !== 'leader') {
    const leader = leaderOf(member);
    const refusal = leader === null ? ({ code: 'no-leader' } as const) : ({ code: 'not-leader', leader } as const);
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
