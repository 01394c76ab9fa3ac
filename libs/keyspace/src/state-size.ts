import { type Tombstone, tombstoneBytes } from './environment-content.ts';
import { contentBytesOf } from './environment-row.ts';
import { keyAfter } from './keys.ts';
import type { ReadTables, TableName } from './tables.ts';

/**
 * What the size of a state counts: the keys and values of `environments` (without their chains), `changes`, `outbox` and `deliveries`. The
 * others have bounds of their own. Like a chain, a mirror's or session's row is encoded once for many changes: its length is known too
 * late to decide by.
 *
 * It is counted at each change and not when rows are written, so that it follows from the entries alone, wherever transactions end.
 */
export function sizeOfRow(table: TableName, key: Uint8Array, value: Uint8Array): number {
  if (table === 'meta' || table === 'sessions' || table === 'mirrors') return 0;
  return key.length + (table === 'environments' ? contentBytesOf(value) : value.length);
}

/** What {@link sizeOfRow} says of the row of an environment that is not encoded yet. */
export function sizeOfEnvironment(key: Uint8Array, content: Uint8Array | null, tombstone: Tombstone | null): number {
  return key.length + (content?.length ?? tombstoneBytes(tombstone!));
}

const countedTables = ['environments', 'changes', 'outbox', 'deliveries'] as const;
const rowsAtOnce = 256;

/** The size of a state, counted row by row: of one that was written by a version that did not keep it. */
export function countSize(tables: ReadTables): number {
  let bytes = 0;
  for (const table of countedTables) {
    let from: Uint8Array | undefined;
    for (;;) {
      const rows = tables.range(table, { ...(from && { from }), limit: rowsAtOnce });
      for (const { key, value } of rows) bytes += sizeOfRow(table, key, value);
      if (rows.length < rowsAtOnce) break;
      from = keyAfter(rows.at(-1)!.key);
    }
  }
  return bytes;
}
