import { ByteWriter } from '@env-cli/support';

import { type Chain, emptyChain, extendChain, noPosition } from './chain.ts';
import { ChangeReader, encodeChange } from './change-row.ts';
import type { NetChange } from './environment-draft.ts';
import type { EnvironmentRow } from './environment-row.ts';
import type { EnvironmentRows } from './environment-rows.ts';
import type { HashedTables } from './hashed-tables.ts';
import { changeKey, type ChangePosition, changePosition, keyAfter } from './keys.ts';
import type { Revision } from './revision.ts';
import { sizeOfRow } from './state-size.ts';
import type { ReadTables } from './tables.ts';

/** The most environments that one revision may change: ordinals are 16 bits wide. */
export const changesPerRevisionMax = 0xffff;

const writer = new ByteWriter(16 * 1024);

/** Appends a change and makes the environment's row what the change left: two rows. Answers the size of the first. */
export function appendChange(
  tables: HashedTables,
  rows: EnvironmentRows,
  row: EnvironmentRow | null,
  change: NetChange,
  position: ChangePosition,
): number {
  const { parts, content } = change;
  const before: Chain = row?.chain ?? emptyChain;
  const saysAll = parts.kind !== 'updated';
  const chain = extendChain(before, position, parts.variableChanges.length, saysAll ? null : content!.length);
  const isKeyframe = chain.keyframe === position;
  const bytes = encodeChange(writer, parts, {
    depth: chain.depth,
    previous: before.heads[0] ?? noPosition,
    skip: chain.heads[1] ?? noPosition,
    keyframe: chain.keyframe,
    keyframeContent: isKeyframe && !saysAll ? content : null,
  });
  const key = changeKey(position.revision, position.ordinal);
  tables.put('changes', key, bytes, undefined);
  const size = sizeOfRow('changes', key, bytes);
  if (content !== null) {
    rows.putLive(parts.namespace, parts.name, chain, content);
    return size;
  }
  rows.putTombstone(parts.namespace, parts.name, chain, {
    createRevision: parts.head.createRevision,
    deleteRevision: parts.head.modifyRevision,
    deleteTimeMs: parts.head.modifyTimeMs,
    deletedBy: parts.head.modifiedBy,
  });
  return size;
}

/** A change by its place, or null when it is compacted (or never was). */
export function readChange(tables: ReadTables, position: ChangePosition): ChangeReader | null {
  if (position.revision === 0) return null;
  const bytes = tables.get('changes', changeKey(position.revision, position.ordinal));
  return bytes === undefined ? null : new ChangeReader(position, bytes);
}

/** Bounds of one read of the log. Whichever is met first ends it, but never within a revision. */
export interface ChangesLimit {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** Changes in the order of their positions. */
export interface ChangeBatch {
  readonly changes: readonly ChangeReader[];
  /** All changes up to this revision have been read. */
  readonly upTo: Revision;
  /** Whether the log goes on behind them. */
  readonly more: boolean;
}

/** Rows that are read at once: few, and then as many as are likely to fit, for a change may hold megabytes. */
const firstRowsAtOnce = 8;
const rowsAtOnceMax = 256;

/**
 * The changes behind `after`, whole revisions only: at least one revision if there is any, however large it is.
 *
 * `newest` is the revision of the state that is read: all behind the last change up to there is empty.
 */
export function readChangesAfter(tables: ReadTables, after: Revision, newest: Revision, limit: ChangesLimit): ChangeBatch {
  const changes: ChangeReader[] = [];
  let bytes = 0;
  let from = changeKey(after + 1, 0);
  for (let rowsAtOnce = firstRowsAtOnce; ;) {
    const rows = tables.range('changes', { from, limit: rowsAtOnce });
    for (const row of rows) {
      const position = changePosition(row.key);
      const last = changes.at(-1);
      const isFull = changes.length >= limit.rowsMax || bytes >= limit.bytesMax;
      if (last !== undefined && last.revision !== position.revision && isFull) {
        return { changes, upTo: last.revision, more: true };
      }
      changes.push(new ChangeReader(position, row.value));
      bytes += row.value.length;
    }
    if (rows.length < rowsAtOnce) return { changes, upTo: newest, more: false };
    from = keyAfter(rows.at(-1)!.key);
    const likely = Math.ceil(Math.max(limit.bytesMax - bytes, 0) / (bytes / changes.length));
    rowsAtOnce = Math.min(rowsAtOnceMax, Math.max(1, Math.min(likely, limit.rowsMax)));
  }
}
