import type { Index } from './entry.ts';
import type { Member } from './member.ts';

/** Asks for entries that are on disk only: `from` up to `to` (exclusive). Returns the number that the answer will carry. */
export function requestLoad(member: Member, from: Index, to: Index, bytesMax: number): number {
  const id = ++member.lastLoadId;
  member.out.push({ kind: 'load', id, from, to, bytesMax });
  return id;
}
