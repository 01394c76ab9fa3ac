import { compareBytes } from '@env-cli/support';

import { keyAfter } from './keys.ts';
import { readHashes } from './meta.ts';
import { hashedTableNames, TableHashes } from './table-hashes.ts';
import type { ReadTables, Row, RowRange, TableName, Tables } from './tables.ts';

/** Where a {@link HashScrub} has come to. */
export type ScrubStep =
  | { readonly kind: 'more' }
  /** The tables whose rows do not have the hashes that were kept; none when all is well. */
  | { readonly kind: 'done'; readonly broken: readonly TableName[] };

/**
 * Computes the hashes of all tables from their rows, some rows at a time, and compares them with those that apply kept: so it finds
 * what rotted on disk.
 *
 * It holds no read transaction from step to step, which would keep LMDB from reusing pages for as long as it takes. Instead it is told of
 * every row that changes meanwhile: where it has been already, it takes the change into its sums, and the rest it will come to.
 */
export class HashScrub {
  readonly #hashes = new TableHashes();
  #table = 0;
  /** Rows of the current table from here on are still to come. */
  #from: Uint8Array | undefined;
  rows = 0;

  /** Reads up to `rowsMax` further rows of the newest state. When done, nothing more is to be asked. */
  step(tables: ReadTables, rowsMax: number): ScrubStep {
    const name = hashedTableNames[this.#table];
    if (name === undefined) return { kind: 'done', broken: this.#broken(tables) };
    const found: Row[] = tables.range(name, { ...(this.#from && { from: this.#from }), limit: rowsMax });
    for (const row of found) this.#hashes.add(name, row.key, row.value);
    this.rows += found.length;
    if (found.length < rowsMax) {
      this.#table++;
      this.#from = undefined;
    } else {
      this.#from = keyAfter(found.at(-1)!.key);
    }
    return { kind: 'more' };
  }

  /** Whether a row of this key is in the sums, so that {@link changed} is to be told of a change of it. */
  hasPassed(table: TableName, key: Uint8Array): boolean {
    const place = (hashedTableNames as readonly TableName[]).indexOf(table);
    if (place !== this.#table) return place >= 0 && place < this.#table;
    return this.#from !== undefined && compareBytes(key, this.#from) < 0;
  }

  /** A row that was passed holds `value` instead of `before`; undefined: there is none. */
  changed(table: TableName, key: Uint8Array, before: Uint8Array | undefined, value: Uint8Array | undefined): void {
    if (before !== undefined) this.#hashes.subtract(table, key, before);
    if (value !== undefined) this.#hashes.add(table, key, value);
  }

  #broken(tables: ReadTables): TableName[] {
    return this.#hashes.differences(readHashes(tables));
  }
}

/** The tables of a transaction during a scrub: it is told of what changes where it has been. */
export class ScrubbedTables implements Tables {
  readonly #tables: Tables;
  readonly #scrub: HashScrub;

  constructor(tables: Tables, scrub: HashScrub) {
    this.#tables = tables;
    this.#scrub = scrub;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    return this.#tables.get(table, key);
  }

  range(table: TableName, range: RowRange): Row[] {
    return this.#tables.range(table, range);
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    if (this.#scrub.hasPassed(table, key)) this.#scrub.changed(table, key, this.#tables.get(table, key), value);
    this.#tables.put(table, key, value);
  }

  remove(table: TableName, key: Uint8Array): void {
    if (this.#scrub.hasPassed(table, key)) this.#scrub.changed(table, key, this.#tables.get(table, key), undefined);
    this.#tables.remove(table, key);
  }
}
