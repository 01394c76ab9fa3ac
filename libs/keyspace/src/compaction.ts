import { ChangeReader } from './change-row.ts';
import type { EnvironmentRows } from './environment-rows.ts';
import type { HashedTables } from './hashed-tables.ts';
import { changeKey, changePosition } from './keys.ts';
import type { Progress } from './progress.ts';

/**
 * Deletes the next rows that lie at or below the floor: changes, and the tombstones whose deletion they are. Answers how many
 * rows it removed, at most `rowsMax`.
 *
 * The floor itself moved when `compact` was applied, and reads obey that; this is only the broom, and it follows the log, so
 * that all members hold the same rows.
 */
export function sweepChanges(tables: HashedTables, rows: EnvironmentRows, progress: Progress, rowsMax: number): number {
  if (progress.sweptRevision >= progress.floor) return 0;
  let removed = 0;
  // A change may take its tombstone along: two rows.
  const changesMax = Math.floor(rowsMax / 2);
  const found = tables.range('changes', { to: changeKey(progress.floor + 1, 0), limit: changesMax });
  for (const { key, value } of found) {
    const change = new ChangeReader(changePosition(key), value);
    tables.remove('changes', key, value);
    removed++;
    if (change.kind !== 'deleted') continue;
    const tombstone = rows.get(change.namespace, change.name)?.tombstone;
    // The name may live again, or have been deleted again since: then this is not its deletion.
    if (tombstone?.deleteRevision !== change.revision) continue;
    rows.removeTombstone(change.namespace, change.name);
    removed++;
  }
  if (found.length < changesMax) progress.sweptRevision = progress.floor;
  return removed;
}
