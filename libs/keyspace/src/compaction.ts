import { ChangeReader } from './change-row.ts';
import type { EnvironmentRows } from './environment-rows.ts';
import type { HashedTables } from './hashed-tables.ts';
import { changeKey, changePosition } from './keys.ts';
import type { Progress } from './progress.ts';
import { sizeOfRow } from './state-size.ts';

/** Changes that are read at once. */
const rowsAtOnce = 16;
/** Bytes of changes after which an entry sweeps no more: a change may hold megabytes. */
const sweptBytesMax = 4 * 1024 * 1024;

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
  for (let changes = Math.floor(rowsMax / 2), bytes = 0; changes > 0 && bytes < sweptBytesMax;) {
    const limit = Math.min(changes, rowsAtOnce);
    const found = tables.range('changes', { to: changeKey(progress.floor + 1, 0), limit });
    for (const { key, value } of found) {
      tables.remove('changes', key, value);
      progress.stateBytes -= sizeOfRow('changes', key, value);
      bytes += value.length;
      removed += 1 + removeTombstone(rows, new ChangeReader(changePosition(key), value));
    }
    if (found.length < limit) {
      progress.sweptRevision = progress.floor;
      break;
    }
    changes -= limit;
  }
  return removed;
}

/** Removes the tombstone that a deletion left, unless the name lives again or was deleted again since. Answers how many rows that is. */
function removeTombstone(rows: EnvironmentRows, change: ChangeReader): number {
  if (change.kind !== 'deleted') return 0;
  if (rows.get(change.namespace, change.name)?.tombstone?.deleteRevision !== change.revision) return 0;
  rows.removeTombstone(change.namespace, change.name);
  return 1;
}
