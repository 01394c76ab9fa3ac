import {
  type ChangeBatch,
  type ChangesLimit,
  readChangesAfter,
  readProgress,
  type ReadTables,
  type Revision,
} from '@env-cli/keyspace';

import { refusalOfRevision } from './position.ts';
import type { Refusal } from './refusal.ts';

/** Changes of all namespaces behind a revision, in order, whole revisions only. */
export type ChangesAnswer =
  ({ readonly kind: 'changes' } & ChangeBatch) | { readonly kind: 'refused'; readonly refusal: Refusal };

/** What watches follow: the changes behind `after`, bounded by rows and bytes. `after` is the floor or above. */
export function changesAfter(tables: ReadTables, after: Revision, limit: ChangesLimit): ChangesAnswer {
  const position = readProgress(tables);
  const refusal = refusalOfRevision(after, position);
  if (refusal !== null) return { kind: 'refused', refusal };
  return { kind: 'changes', ...readChangesAfter(tables, after, position.revision, limit) };
}
