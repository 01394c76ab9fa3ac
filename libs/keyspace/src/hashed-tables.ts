import type { ReadTables, Row, RowRange, TableName, Tables } from './tables.ts';
import type { TableHashes } from './table-hashes.ts';

/**
 * The only door through which apply writes to the six hashed tables: no row changes without its hash.
 *
 * The caller says what the row held before, for it has read it anyway.
 */
export class HashedTables implements ReadTables {
  readonly #tables: Tables;
  readonly hashes: TableHashes;
  /** Rows written or removed so far. */
  rowsChanged = 0;

  constructor(tables: Tables, hashes: TableHashes) {
    this.#tables = tables;
    this.hashes = hashes;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    return this.#tables.get(table, key);
  }

  range(table: TableName, range: RowRange): Row[] {
    return this.#tables.range(table, range);
  }

  /** Writes a row; `before` is what it holds so far, undefined when there is none. */
  put(table: TableName, key: Uint8Array, value: Uint8Array, before: Uint8Array | undefined): void {
    if (before !== undefined) this.hashes.subtract(table, key, before);
    this.hashes.add(table, key, value);
    this.#tables.put(table, key, value);
    this.rowsChanged++;
  }

  /** Removes a row that holds `before`. */
  remove(table: TableName, key: Uint8Array, before: Uint8Array): void {
    this.hashes.subtract(table, key, before);
    this.#tables.remove(table, key);
    this.rowsChanged++;
  }
}
