import { assert } from '@env-cli/support';

import { decodeConfiguration, haveSameQuorums } from './configuration.ts';
import type { Entry, Index } from './entry.ts';
import { followMembers } from './leading.ts';
import { requestLoad } from './loads.ts';
import type { Member } from './member.ts';
import { advanceCommit, sendAppends } from './replication.ts';
import { onConfigurationOfReign } from './transfer.ts';

/**
 * Hands out what may be applied and was not yet: committed, and flushed in the own log, for a state must never be ahead of its
 * log; as much as there is room for.
 */
export function handOut(member: Member): void {
  const { log, handover, limits } = member;
  while (member.installing === null) {
    const next = (handover.handedIndex + 1) as Index;
    const end = (Math.min(log.commitIndex, log.flushedIndex) + 1) as Index;
    const room = handover.roomBytes(limits.applyingBytesMax);
    if (next >= end || room === 0) return;
    if (next < log.cachedFromIndex) {
      const to = Math.min(end, log.cachedFromIndex) as Index;
      if (handover.loadId === null) handover.loadId = requestLoad(member, next, to, Math.min(room, limits.appendBytesMax));
      return;
    }
    handOutEntries(member, log.slice(next, end, room));
  }
}

/** Entries that are to be applied were read from the log. */
export function onLoadedForApply(member: Member, entries: readonly Entry[]): void {
  member.handover.loadId = null;
  if (member.installing !== null) return;
  assert(entries.length > 0, 'the log holds what is not applied yet');
  for (const entry of entries) assert(member.log.has(entry.index, entry.term), 'what is committed is what was read from the log');
  handOutEntries(member, entries);
}

function handOutEntries(member: Member, entries: readonly Entry[]): void {
  member.handover.handOut(entries);
  member.out.push({ kind: 'apply', entries });
  for (const entry of entries) if (entry.kind === 'configuration') adoptConfiguration(member, entry);
}

/**
 * A configuration takes effect when it is handed out to be applied, as in etcd/raft, and not when it is appended, as in the
 * paper: so it never has to be taken back when the log is truncated, and the state and the snapshots hold it at the
 * same index. That is safe because a leader proposes one only when the one before has taken effect and something of its own term is
 * committed (`membership.ts`), and because nobody stands for election that knows of a committed one which has not (`election.ts`).
 */
function adoptConfiguration(member: Member, entry: Entry): void {
  const before = member.configuration;
  member.configuration = decodeConfiguration(entry.data);
  member.configurationConfirmed = haveSameQuorums(before, member.configuration);
  member.configurationIndex = entry.index;
  member.log.configurationAdopted(entry.index);
  const { role } = member;
  if (role.kind !== 'leader') return;
  followMembers(member, role, true);
  onConfigurationOfReign(member, role);
  // Other voters, another quorum: what they have may be committed by now, and the new ones have nothing.
  advanceCommit(member, role);
  for (const progress of role.followers.values()) sendAppends(member, progress, progress.state === 'probe');
}
