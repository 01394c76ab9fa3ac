import { assert } from '@env-cli/support';

import type { Entry, Index, MemberId, Term } from './entry.ts';
import { sizeOf } from './entry-cache.ts';
import { requestLoad } from './loads.ts';
import type { LeaderState, Member } from './member.ts';
import type { AppendAccepted, AppendRejected, HeartbeatReply } from './message.ts';
import type { Progress } from './progress.ts';
import { reachedByQuorum } from './quorum.ts';
import { beginRound, confirmRounds } from './rounds.ts';
import { retireIfTold, tellToStand } from './transfer.ts';

const noEntries: readonly Entry[] = [];

/** Sends a follower what it lacks, as far as its window lets it; `evenEmpty` when something has to be asked even so. */
export function sendAppends(member: Member, progress: Progress, evenEmpty: boolean): void {
  const { log, limits } = member;
  let ask = evenEmpty;
  while (!progress.paused) {
    const previousTerm = log.termAt((progress.nextIndex - 1) as Index);
    if (previousTerm === null) return startSnapshot(member, progress);
    const pending = progress.nextIndex <= log.lastIndex && !progress.inflights.full;
    if (pending && progress.nextIndex < log.cachedFromIndex) return loadFor(member, progress);
    // A full window, or nothing new: an empty append finds out what became of the earlier ones (etcd#14633).
    if (!pending && !ask) return;
    ask = false;
    const end = (log.lastIndex + 1) as Index;
    const entries = pending ? log.slice(progress.nextIndex, end, limits.appendBytesMax) : noEntries;
    sendAppend(member, progress, previousTerm, entries);
  }
}

function sendAppend(member: Member, progress: Progress, previousTerm: Term, entries: readonly Entry[]): void {
  const { commitIndex } = member.log;
  const previousIndex = (progress.nextIndex - 1) as Index;
  member.out.send(progress.id, { kind: 'append', term: member.term, previousIndex, previousTerm, entries, commit: commitIndex });
  const last = (previousIndex + entries.length) as Index;
  progress.sentCommit = Math.max(progress.sentCommit, Math.min(commitIndex, last)) as Index;
  if (progress.state === 'probe') progress.probeSent = true;
  else if (entries.length > 0) {
    progress.nextIndex = (last + 1) as Index;
    let bytes = 0;
    for (const entry of entries) bytes += sizeOf(entry);
    progress.inflights.add(last, bytes);
  }
}

/** Asks for entries that are on disk only: one load a follower, up to what is in memory. */
function loadFor(member: Member, progress: Progress): void {
  if (progress.loadId === null)
    progress.loadId = requestLoad(member, progress.nextIndex, member.log.cachedFromIndex, member.limits.appendBytesMax);
}

/** Entries for this follower were read from the log. */
export function onLoadedFor(member: Member, progress: Progress, entries: readonly Entry[]): void {
  progress.loadId = null;
  const [first] = entries;
  // The log was released meanwhile: the next regular heartbeat's answer finds what to do.
  if (first === undefined) return;
  const { log } = member;
  for (const { index, term } of entries) {
    assert(index <= log.previousIndex || log.has(index, term), 'what a leader reads from its log is what it holds');
  }
  const previousTerm = log.termAt((progress.nextIndex - 1) as Index);
  // The follower may have moved while the disk was read.
  const wanted = first.index === progress.nextIndex && !progress.paused && !progress.inflights.full;
  if (wanted && previousTerm !== null) sendAppend(member, progress, previousTerm, entries);
  sendAppends(member, progress, false);
}

/** The follower lacks what the log has let go of. Nobody is sent a snapshot who does not answer at all. */
function startSnapshot(member: Member, progress: Progress): void {
  if (!progress.active) return;
  progress.becomeSnapshot();
  member.out.push({ kind: 'send-snapshot', to: progress.id, term: member.term, indexMin: member.log.previousIndex });
}

/** A snapshot was installed: the follower is probed behind it. Its own answer may have come first, or comes still. */
export function onSnapshotSent(member: Member, progress: Progress, index: Index): void {
  if (progress.state !== 'snapshot') return;
  progress.becomeProbe(Math.min(index, member.log.lastIndex) + 1);
  progress.probeSent = true;
}

/** The next regular heartbeat's answer begins anew. */
export function onSnapshotFailed(progress: Progress): void {
  if (progress.state !== 'snapshot') return;
  progress.becomeProbe();
  progress.probeSent = true;
}

export function onUnreachable(progress: Progress): void {
  // What is on the way is probably lost: to send more of it ahead would only be refused.
  if (progress.state === 'replicate') progress.becomeProbe();
}

export function onAppendAccepted(member: Member, reign: LeaderState, from: MemberId, { matchIndex }: AppendAccepted): void {
  const progress = reign.followers.get(from);
  // No follower can agree with entries that were never sent: whoever says so is not believed.
  if (progress === undefined || matchIndex > member.log.lastIndex) return;
  progress.active = true;
  const news = progress.accepted(matchIndex);
  if (!news && !(progress.state === 'probe' && progress.matchIndex === matchIndex)) return;
  if (progress.state === 'replicate') progress.inflights.acknowledge(matchIndex);
  // In `snapshot` too, once its log reaches ours: the snapshot's own report may never come (etcd#10308).
  else if (progress.state === 'probe' || matchIndex >= member.log.previousIndex) progress.becomeReplicate();
  if (news) {
    // It moves: nothing has to be found out by the next heartbeat.
    progress.nudge = false;
    advanceCommit(member, reign);
    tellToStand(member, reign, progress);
  }
  sendAppends(member, progress, false);
}

export function onAppendRejected(member: Member, reign: LeaderState, from: MemberId, message: AppendRejected): void {
  const progress = reign.followers.get(from);
  if (progress === undefined) return;
  progress.active = true;
  const { rejectedIndex, hintIndex, hintTerm } = message;
  // Where our log has no entry of a term as low as the hint's, it cannot agree either: skip a term at a time (raft.pdf §5.3).
  const hint = hintTerm > 0 ? member.log.lastAtMost(hintIndex, hintTerm).index : hintIndex;
  if (progress.rejected(rejectedIndex, hint)) sendAppends(member, progress, true);
}

export function onHeartbeatReply(member: Member, reign: LeaderState, from: MemberId, { round }: HeartbeatReply): void {
  const progress = reign.followers.get(from);
  if (progress === undefined || round > reign.reads.begun) return;
  progress.active = true;
  if (progress.nudge) {
    progress.nudge = false;
    progress.probeSent = false;
    if (progress.matchIndex < member.log.lastIndex || progress.state === 'probe') sendAppends(member, progress, true);
  }
  if (round <= progress.answeredRound) return;
  progress.answeredRound = round;
  confirmRounds(member, reign);
  retireIfTold(member, reign);
}

/**
 * Moves the commit index to what a quorum has on disk, the leader itself only as far as it has flushed; but only to an entry of its
 * own term, which commits all before it (raft.pdf §5.4.2, figure 8).
 */
export function advanceCommit(member: Member, reign: LeaderState): void {
  const { log } = member;
  const reached = reachedByQuorum(member.configuration, (voter) =>
    voter === member.id ? log.flushedIndex : (reign.followers.get(voter)?.matchIndex ?? 0),
  ) as Index;
  if (reached > log.commitIndex && log.has(reached, member.term)) {
    log.commitTo(reached);
    reign.reads.release(reached);
    if (reign.reads.due) beginRound(member, reign);
  }
  reign.proposals.settle(Math.min(log.commitIndex, log.flushedIndex) as Index);
}

/** Tells whoever has the entries that they are committed, unless something that was sent in this step has told it. */
export function announceCommit(member: Member, reign: LeaderState): void {
  const { log, term } = member;
  const commit = log.commitIndex;
  for (const progress of reign.followers.values()) {
    if (progress.state !== 'replicate' || progress.sentCommit >= commit || progress.nextIndex <= commit) continue;
    progress.sentCommit = commit;
    member.out.send(progress.id, { kind: 'commit', term, commit, commitTerm: log.termAt(commit)! });
  }
}
