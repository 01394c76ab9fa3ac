export type { Entry, EntryKind, HardState, Index, MemberId, Term } from './entry.ts';
