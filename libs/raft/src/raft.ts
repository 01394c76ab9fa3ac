import { assert, unreachable } from '@env-cli/support';

import { handOut, onLoadedForApply } from './applying.ts';
import type { Effect, InitialState, Message, RaftOptions, Role, Status } from './door.ts';
import { onElectionTimeout, onOwnVoteStored } from './election.ts';
import type { Entry, Index, MemberId, Term } from './entry.ts';
import { onSnapshotInstalled } from './following.ts';
import { onLeaderTick, onPropose } from './leading.ts';
import type { LeaderState, Member } from './member.ts';
import { createMember, leaderOf } from './member.ts';
import { completeChange, onChangeMembership } from './membership.ts';
import type { Progress } from './progress.ts';
import { onRead, retryReads } from './reading.ts';
import { onReceived } from './receiving.ts';
import { advanceCommit, announceCommit, onLoadedFor, onSnapshotFailed, onSnapshotSent, onUnreachable } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { onTransfer } from './transfer.ts';

/** One member's consensus: no clock, no disk, no network. One object a process life; not reentrant. */
export class Raft {
  readonly #member: Member;
  #told: { readonly role: Role; readonly term: Term; readonly leader: MemberId | null };

  constructor(options: RaftOptions, initial: InitialState) {
    this.#member = createMember(options, initial);
    this.#told = { role: 'follower', term: this.#member.term, leader: null };
  }

  /** Everything that follows from one message. A broken invariant throws, and the member must stop. */
  step(message: Message): Effect[] {
    const member = this.#member;
    this.#dispatch(member, message);
    member.out.conclude(member.term, member.votedFor);
    handOut(member);
    if (member.role.kind === 'leader') {
      completeChange(member, member.role);
      member.out.conclude(member.term, member.votedFor);
      announceCommit(member, member.role);
    }
    this.#tellRole(member);
    return member.out.take();
  }

  status(): Status {
    const {
      id,
      role,
      term,
      votedFor,
      log,
      handover,
      configuration,
      configurationIndex,
      configurationConfirmed,
      readRequests,
      installing,
    } = this.#member;
    const reign = role.kind === 'leader' ? role : null;
    return {
      id,
      role: role.kind,
      term,
      votedFor,
      leader: leaderOf(this.#member),
      previousIndex: log.previousIndex,
      lastIndex: log.lastIndex,
      flushedIndex: log.flushedIndex,
      commitIndex: log.commitIndex,
      applyingIndex: handover.handedIndex,
      appliedIndex: handover.appliedIndex,
      configuration,
      configurationIndex,
      configurationConfirmed,
      transferringTo: reign?.transfer?.to ?? null,
      uncommittedBytes: reign?.proposals.bytes ?? 0,
      cacheBytes: log.cacheBytes,
      readsWaiting: reign?.reads.waiting ?? readRequests.waiting,
      installing: installing !== null,
      followers: reign === null ? [] : Array.from(reign.followers.values(), (progress) => progress.status()),
    };
  }

  /** The term of an entry of the log, or of the one before the first; null for one that is not held. */
  termAt(index: Index): Term | null {
    return this.#member.log.termAt(index);
  }

  #dispatch(member: Member, message: Message): void {
    switch (message.kind) {
      case 'tick':
        return onTick(member);
      case 'received':
        return onReceived(member, message.from, message.message);
      case 'propose':
        return onPropose(member, message);
      case 'change-membership':
        return onChangeMembership(member, message);
      case 'replacements':
        member.replacements = message.replacements;
        return undefined;
      case 'transfer':
        return onTransfer(member, message);
      case 'read':
        return onRead(member, message.id);
      case 'stored':
        return onStored(member, message.sequence);
      case 'loaded':
        return onLoaded(member, message.id, message.entries);
      case 'applied':
        return member.handover.applied(message.index);
      case 'released':
        assert(message.index <= member.handover.appliedIndex, 'only what is applied is let go of');
        return member.log.releaseTo(message.index);
      case 'snapshot-sent':
        return ofReign(member, message, (progress) => onSnapshotSent(member, progress, message.index));
      case 'snapshot-failed':
        return ofReign(member, message, onSnapshotFailed);
      case 'snapshot-installed':
        return onSnapshotInstalled(member, message);
      case 'snapshot-refused':
        member.installing = null;
        return undefined;
      case 'unreachable':
        return ofReign(member, { to: message.to, term: member.term }, onUnreachable);
      case 'step-down':
        return member.role.kind === 'leader' ? becomeFollower(member, member.term, null) : undefined;
      default:
        return unreachable(message);
    }
  }

  #tellRole(member: Member): void {
    const { role, term } = this.#told;
    const leader = leaderOf(member);
    if (member.role.kind === role && member.term === term && leader === this.#told.leader) return;
    this.#told = { role: member.role.kind, term: member.term, leader };
    member.out.push({ kind: 'role', ...this.#told });
  }
}

function onTick(member: Member): void {
  if (member.role.kind === 'leader') return onLeaderTick(member, member.role);
  if (++member.electionElapsed >= member.electionTimeout) return onElectionTimeout(member);
  if (++member.heartbeatElapsed < member.limits.heartbeatTicks) return undefined;
  member.heartbeatElapsed = 0;
  return retryReads(member);
}

function onStored(member: Member, sequence: number): void {
  member.log.stored(sequence);
  onOwnVoteStored(member, sequence);
  if (member.role.kind === 'leader') advanceCommit(member, member.role);
}

/** Entries were read: for whom shows by the number that was given with the wish; nobody waits for those of an ended reign. */
function onLoaded(member: Member, id: number, entries: readonly Entry[]): void {
  if (member.handover.loadId === id) return onLoadedForApply(member, entries);
  if (member.role.kind !== 'leader') return;
  for (const progress of member.role.followers.values())
    if (progress.loadId === id) return onLoadedFor(member, progress, entries);
}

/** What concerns a follower of this reign; what concerns an earlier reign's is over. */
function ofReign(
  member: Member,
  { to, term }: { to: MemberId; term: Term },
  then: (progress: Progress, reign: LeaderState) => void,
): void {
  if (member.role.kind !== 'leader' || term !== member.term) return;
  const progress = member.role.followers.get(to);
  if (progress !== undefined) then(progress, member.role);
}
