import { assert } from '@env-cli/support';

import type { Message } from './door.ts';
import type { Entry, Index, MemberId } from './entry.ts';
import type { Member } from './member.ts';
import { leaderOf } from './member.ts';
import type { Append, Commit, Committed, Heartbeat, SnapshotHeader } from './message.ts';
import { becomeFollower } from './roles.ts';

/** Takes note of a word from the leader of the member's own term. */
export function hearLeader(member: Member, leader: MemberId): void {
  const known = leaderOf(member);
  assert(known === null || known === leader, 'a term has one leader');
  if (known === null) becomeFollower(member, member.term, leader);
  else member.electionElapsed = 0;
}

/** Takes entries that follow one of its own, else says from where they could (raft.pdf §5.3). */
export function onAppend(member: Member, from: MemberId, message: Append): void {
  hearLeader(member, from);
  // The log is about to be replaced. The leader hears of it when that is done.
  if (member.installing !== null) return;
  const { log, out, term } = member;
  const { previousIndex, previousTerm, entries, commit } = message;
  if (previousIndex < log.commitIndex) {
    // Late, or sent by a leader that does not know yet how far we are: what is committed agrees with every leader.
    return out.promise(from, { kind: 'append-accepted', term, matchIndex: log.commitIndex });
  }
  if (!log.has(previousIndex, previousTerm)) {
    const hint = log.lastAtMost(previousIndex, previousTerm);
    const hints = { hintIndex: hint.index, hintTerm: hint.term };
    return out.promise(from, { kind: 'append-rejected', term, rejectedIndex: previousIndex, ...hints });
  }
  const missing = missingOf(member, previousIndex, entries);
  if (missing.length > 0) {
    log.append(missing);
    out.store(missing);
  }
  const matchIndex = (previousIndex + entries.length) as Index;
  // Not further than this message reaches: what is behind may be of a leader that is no more.
  log.commitTo(Math.min(commit, matchIndex) as Index);
  out.promise(from, { kind: 'append-accepted', term, matchIndex });
}

/** The entries from the first one on that the log lacks or has with another term. None: then nothing is truncated, however short the message. */
function missingOf(member: Member, previousIndex: Index, entries: readonly Entry[]): readonly Entry[] {
  if (previousIndex === member.log.lastIndex) return entries;
  const at = entries.findIndex((entry) => !member.log.has(entry.index, entry.term));
  return at < 0 ? [] : at === 0 ? entries : entries.slice(at);
}

export function onCommit(member: Member, from: MemberId, { commit, commitTerm }: Commit): void {
  hearLeader(member, from);
  if (member.installing === null && member.log.has(commit, commitTerm)) member.log.commitTo(commit);
}

/** Somebody, not the leader, tells what it knows to be committed, and is told if more is known here. */
export function onCommitted(member: Member, from: MemberId, { commit, commitTerm }: Committed): void {
  const { log, out, term } = member;
  if (log.has(commit, commitTerm)) log.commitTo(commit);
  const { commitIndex } = log;
  if (commitIndex > commit)
    out.send(from, { kind: 'committed', term, commit: commitIndex, commitTerm: log.termAt(commitIndex)! });
}

/** Answered at once: a heartbeat says only who leads, and its answer only that this was heard. Neither waits for a disk. */
export function onHeartbeat(member: Member, from: MemberId, { round, commit }: Heartbeat): void {
  hearLeader(member, from);
  if (member.installing === null) member.log.commitTo(commit);
  member.out.send(from, { kind: 'heartbeat-reply', term: member.term, round });
}

/** A whole snapshot has arrived. */
export function onSnapshot(member: Member, from: MemberId, { index, indexTerm }: SnapshotHeader): void {
  hearLeader(member, from);
  const { log, out, term } = member;
  if (member.installing !== null) return out.push({ kind: 'discard-snapshot', from, index });
  const known = log.has(index, indexTerm);
  if (!known && index > log.commitIndex) {
    // The own log ends before the snapshot, or disagrees with it: none of it behind the snapshot can be committed.
    member.installing = { from, index, term: indexTerm };
    // Behind the write of the term that this very message may have brought.
    return out.pushLast({ kind: 'install-snapshot', from, index, indexTerm });
  }
  // It would take the state back, or bring what the log brings anyhow: the entries behind it are kept.
  if (known) log.commitTo(index);
  out.push({ kind: 'discard-snapshot', from, index });
  out.promise(from, { kind: 'append-accepted', term, matchIndex: log.commitIndex });
}

/** The snapshot is the state now: the log begins behind it. */
export function onSnapshotInstalled(member: Member, message: Extract<Message, { kind: 'snapshot-installed' }>): void {
  const { index, term } = message;
  const { installing, log, out } = member;
  assert(installing?.index === index && installing.term === term, 'what was installed is what was asked for');
  const sequence = log.reset(index, term);
  member.handover.reset(index);
  member.configuration = message.configuration;
  member.configurationIndex = message.configurationIndex;
  // Which entry brought it, and what follows that one in the logs of others, cannot be told.
  member.configurationConfirmed = false;
  member.installing = null;
  out.promise(leaderOf(member) ?? installing.from, { kind: 'append-accepted', term: member.term, matchIndex: index });
  out.reset(index, sequence);
}
