import { unreachable } from '@env-cli/support';

import { isMember } from './configuration.ts';
import { onPreVoteReply, onPreVoteRequest, onTimeoutNow, onVoteReply, onVoteRequest } from './election.ts';
import type { MemberId } from './entry.ts';
import { onAppend, onCommit, onCommitted, onHeartbeat, onSnapshot } from './following.ts';
import type { Member } from './member.ts';
import { hearsLeader } from './member.ts';
import type { PeerMessage } from './message.ts';
import { onReadReply, onReadRequest } from './reading.ts';
import { onAppendAccepted, onAppendRejected, onHeartbeatReply } from './replication.ts';
import { becomeFollower } from './roles.ts';

/** What a peer said: first its term decides, then its kind (raft.pdf §5.1). */
export function onReceived(member: Member, from: MemberId, message: PeerMessage): void {
  if (message.kind === 'committed') return onCommitted(member, from, message);
  if (isAnswer(message) && !isMember(member.configuration, from)) return;
  if (message.term < member.term) return refuseEarlierTerm(member, from, message);
  if (message.term > member.term && !admitLaterTerm(member, from, message)) return;
  const { role } = member;
  switch (message.kind) {
    case 'pre-vote-request':
      return onPreVoteRequest(member, from, message);
    case 'pre-vote-reply':
      return onPreVoteReply(member, from, message);
    case 'vote-request':
      return onVoteRequest(member, from, message);
    case 'vote-reply':
      return onVoteReply(member, from, message);
    case 'append':
      return onAppend(member, from, message);
    case 'commit':
      return onCommit(member, from, message);
    case 'heartbeat':
      return onHeartbeat(member, from, message);
    case 'snapshot':
      return onSnapshot(member, from, message);
    case 'append-accepted':
      return role.kind === 'leader' ? onAppendAccepted(member, role, from, message) : undefined;
    case 'append-rejected':
      return role.kind === 'leader' ? onAppendRejected(member, role, from, message) : undefined;
    case 'heartbeat-reply':
      return role.kind === 'leader' ? onHeartbeatReply(member, role, from, message) : undefined;
    case 'read-request':
      return onReadRequest(member, from, message);
    case 'read-reply':
      return onReadReply(member, message);
    case 'timeout-now':
      return onTimeoutNow(member, from);
    case 'stale-term':
      // It has done its work: the term was raised, or is known.
      return undefined;
    default:
      return unreachable(message);
  }
}

/** Follows a message into its later term. False when the message is not even looked at. */
function admitLaterTerm(member: Member, from: MemberId, message: PeerMessage): boolean {
  // It asks about a term that nobody is in yet; so does the grant that answers it. A refusal has the term of whoever refuses.
  if (message.kind === 'pre-vote-request' || (message.kind === 'pre-vote-reply' && message.granted)) return true;
  if (message.kind === 'vote-request' && !message.transfer && hearsLeader(member)) return false;
  becomeFollower(member, message.term, isLeadersWord(message) ? from : null);
  return true;
}

/** Answers whoever asks in an earlier term, so that it hears of this one. What answers a question of an earlier term is nothing any more. */
function refuseEarlierTerm(member: Member, from: MemberId, message: PeerMessage): void {
  if (message.kind === 'snapshot') member.out.push({ kind: 'discard-snapshot', from, index: message.index });
  // Dropped, two members of different terms could refuse each other for ever (etcd#8498).
  if (message.kind === 'pre-vote-request') onPreVoteRequest(member, from, message);
  else if (message.kind === 'vote-request') onVoteRequest(member, from, message);
  // A leader that is not told keeps a member that it cannot lead from ever being led (etcd/raft, `Step`).
  else if (isLeadersWord(message)) member.out.promise(from, { kind: 'stale-term', term: member.term });
}

/** Whether only the leader of a term says this. */
function isLeadersWord({ kind }: PeerMessage): boolean {
  return kind === 'append' || kind === 'commit' || kind === 'heartbeat' || kind === 'snapshot' || kind === 'timeout-now';
}

/**
 * Whether it answers a leader or a candidate. They ask members only, so the answer of anybody else comes late, of one that was removed: its
 * term must end no reign (etcd/raft, `ErrStepPeerNotFound`). Whoever asks or leads, though, may be of a configuration that is not known here yet.
 */
function isAnswer({ kind }: PeerMessage): boolean {
  switch (kind) {
    case 'pre-vote-reply':
    case 'vote-reply':
    case 'append-accepted':
    case 'append-rejected':
    case 'heartbeat-reply':
    case 'stale-term':
      return true;
    case 'pre-vote-request':
    case 'vote-request':
    case 'append':
    case 'commit':
    case 'heartbeat':
    case 'read-request':
    case 'read-reply':
    case 'snapshot':
    case 'timeout-now':
    case 'committed':
      return false;
    default:
      return unreachable(kind);
  }
}
