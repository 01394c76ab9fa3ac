import { bytesOfBinaryText } from './binary-text.ts';
import type { HashedTables } from './hashed-tables.ts';
import type { Progress } from './progress.ts';
import { sizeOfRow } from './state-size.ts';
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
  readonly #progress: Pick<Progress, 'stateBytes'>;
  readonly #rows = new Map<string, CachedRow>();
  readonly #dirty = new Set<string>();

  /** Of `progress` it keeps the size. */
  constructor(tables: HashedTables, name: TableName, progress: Pick<Progress, 'stateBytes'>) {
    this.#tables = tables;
    this.#name = name;
    this.#progress = progress;
  }

  /** The value of a key (a text of one character a byte), or undefined. Nobody may write into it. */
  get(key: string): Uint8Array | undefined {
    return this.#row(key).value;
  }

  put(key: string, value: Uint8Array): void {
    this.#set(key, value);
  }

  remove(key: string): void {
    this.#set(key, undefined);
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

  #set(key: string, value: Uint8Array | undefined): void {
    const row = this.#row(key);
    this.#progress.stateBytes += this.#sizeOf(row.key, value) - this.#sizeOf(row.key, row.value);
    row.value = value;
    this.#dirty.add(key);
  }

  #sizeOf(key: Uint8Array, value: Uint8Array | undefined): number {
    return value === undefined ? 0 : sizeOfRow(this.#name, key, value);
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
