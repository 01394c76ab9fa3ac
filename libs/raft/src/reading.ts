import type { MemberId } from './entry.ts';
import type { Member } from './member.ts';
import { leaderOf } from './member.ts';
import type { ReadReply, ReadRequest } from './message.ts';
import { addWish } from './rounds.ts';

/** A wish for a read index of this member's own. */
export function onRead(member: Member, id: number): void {
  const { role, limits, out, readRequests } = member;
  const leader = leaderOf(member);
  if (leader === null) return out.push({ kind: 'read-refused', id, refusal: { code: 'no-leader' } });
  const waiting = role.kind === 'leader' ? role.reads.waiting : readRequests.waiting;
  if (waiting >= limits.readsWaitingMax) {
    return out.push({ kind: 'read-refused', id, refusal: { code: 'too-many-reads', limit: limits.readsWaitingMax } });
  }
  if (role.kind === 'leader') return addWish(member, role, { asker: null, id });
  readRequests.add(id);
  if (readRequests.due) requestRead(member, leader);
}

/** Asks the leader on behalf of every read that waits here. */
function requestRead(member: Member, leader: MemberId): void {
  member.out.send(leader, { kind: 'read-request', term: member.term, id: member.readRequests.send() });
}

/** Once a heartbeat interval: asks again, with a fresh id, for the request or its answer may be lost. */
export function retryReads(member: Member): void {
  const leader = leaderOf(member);
  if (leader !== null && member.readRequests.waiting > 0) requestRead(member, leader);
}

/** A follower asks. Over the limit it is not answered, and asks again. */
export function onReadRequest(member: Member, from: MemberId, { id }: ReadRequest): void {
  const { role } = member;
  if (role.kind === 'leader' && role.reads.waiting < member.limits.readsWaitingMax) addWish(member, role, { asker: from, id });
}

export function onReadReply(member: Member, { id: request, index }: ReadReply): void {
  for (const id of member.readRequests.answered(request)) member.out.push({ kind: 'read-ready', id, index });
  const leader = leaderOf(member);
  if (leader !== null && member.readRequests.due) requestRead(member, leader);
}
