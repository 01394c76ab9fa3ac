import type { Entry, EntryKind, Index } from './entry.ts';
import type { LeaderState, Member } from './member.ts';
import { sendAppends } from './replication.ts';

/** A leader appends one entry, sends it to everybody, and stores it meanwhile. */
export function appendOwn(member: Member, reign: LeaderState, kind: EntryKind, data: Uint8Array): Entry {
  const entry: Entry = { index: (member.log.lastIndex + 1) as Index, term: member.term, kind, data };
  const entries = [entry];
  member.log.append(entries);
  member.out.store(entries);
  for (const progress of reign.followers.values()) sendAppends(member, progress, false);
  return entry;
}
