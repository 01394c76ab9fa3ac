import { type MemoryTables, readProgress } from '@env-cli/keyspace';
import type { Index, MemberId, Term } from '@env-cli/raft';

/** A whole state on its way from one member to another. */
export interface Spool {
  readonly rows: MemoryTables;
  readonly index: Index;
  readonly indexTerm: Term;
  /** The `term` of the wish that it answers. */
  readonly term: Term;
  readonly from: MemberId;
  /** The sender's process: what comes back to a later one finds nobody. */
  readonly fromLife: number;
}

/** A copy of a state, with where it stands. */
export function spoolOf(rows: MemoryTables, from: MemberId, fromLife: number, term: Term): Spool {
  const { appliedIndex, appliedTerm } = readProgress(rows);
  return { rows: rows.clone(), index: appliedIndex as Index, indexTerm: appliedTerm as Term, term, from, fromLife };
}
