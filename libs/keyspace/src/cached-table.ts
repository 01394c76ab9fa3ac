import { bytesOfBinaryText } from './binary-text.ts';
import type { HashedTables } from './hashed-tables.ts';
import type { TableName } from './tables.ts';

interface CachedRow {
  readonly key: Uint8Array;
  /** What the table holds. */
  stored: Uint8Array | undefined;
  /** What it is to hold. */
  value: Uint8Array | undefined;
}

/**
 * A table's rows as a transaction sees them: read once, kept, written when the transaction ends.
 *
 * A row that many commands of a batch change is written once. Nothing that apply computes may depend on what is still
 * unwritten, for batches have other edges on other members: whoever reads a *range* of the table flushes first.
 */
export class CachedTable {
  readonly #tables: HashedTables;
  readonly #name: TableName;
  readonly #rows = new Map<string, CachedRow>();
  readonly #dirty = new Set<string>();

  constructor(tables: HashedTables, name: TableName) {
    this.#tables = tables;
    this.#name = name;
  }

  /** The value of a key (a text of one character a byte), or undefined. Nobody may write into it. */
  get(key: string): Uint8Array | undefined {
    return this.#row(key).value;
  }

  put(key: string, value: Uint8Array): void {
    this.#row(key).value = value;
    this.#dirty.add(key);
  }

  remove(key: string): void {
    this.#row(key).value = undefined;
    this.#dirty.add(key);
  }

  /** Writes what changed, in key order: neighbouring rows share pages of the store. */
  flush(): void {
    if (this.#dirty.size === 0) return;
    for (const key of [...this.#dirty].toSorted()) {
      const row = this.#rows.get(key)!;
      if (row.value !== undefined) this.#tables.put(this.#name, row.key, row.value, row.stored);
      else if (row.stored !== undefined) this.#tables.remove(this.#name, row.key, row.stored);
      row.stored = row.value;
    }
    this.#dirty.clear();
  }

  #row(key: string): CachedRow {
    let row = this.#rows.get(key);
    if (row === undefined) {
      const bytes = bytesOfBinaryText(key);
      const stored = this.#tables.get(this.#name, bytes);
      row = { key: bytes, stored, value: stored };
      this.#rows.set(key, row);
    }
    return row;
  }
}
