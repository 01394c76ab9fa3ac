import { assert } from '@env-cli/support';

import { binaryText, bytesOfBinaryText } from './binary-text.ts';
import { type Row, type RowRange, type TableName, tableNames, type Tables } from './tables.ts';

/** What the store on disk takes: the contract in libs/simulation/src/state-store.test.ts holds both to it. */
const keyBytesMax = 1_024;
const valueBytesMax = 2 ** 24 - 1;

/** One table: values by key, and the keys in order. Keys are texts of one character a byte, so that text order is byte order. */
interface MemoryTable {
  readonly values: Map<string, Uint8Array>;
  readonly keys: string[];
}

/** Tables in memory: what tests and the simulator use in the store's place. Rows are copied in and out, as by a real store. */
export class MemoryTables implements Tables {
  readonly #tables: Record<TableName, MemoryTable>;

  constructor() {
    const tables: Partial<Record<TableName, MemoryTable>> = {};
    for (const name of tableNames) tables[name] = { values: new Map(), keys: [] };
    this.#tables = tables as Record<TableName, MemoryTable>;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    checkKey(key);
    return this.#tables[table].values.get(binaryText(key))?.slice();
  }

  range(table: TableName, range: RowRange): Row[] {
    assert(Number.isSafeInteger(range.limit) && range.limit >= 0, 'a range states how many rows it reads at most');
    const { keys, values } = this.#tables[table];
    const from = range.from === undefined ? 0 : lowerBound(keys, binaryText(range.from));
    const to = range.to === undefined ? keys.length : lowerBound(keys, binaryText(range.to));
    const rows: Row[] = [];
    const step = range.reverse === true ? -1 : 1;
    for (let i = range.reverse === true ? to - 1 : from; i >= from && i < to && rows.length < range.limit; i += step) {
      const key = keys[i]!;
      rows.push({ key: bytesOfBinaryText(key), value: values.get(key)!.slice() });
    }
    return rows;
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    checkKey(key);
    assert(value.length <= valueBytesMax, 'a value has less than 16 MiB');
    const { keys, values } = this.#tables[table];
    const text = binaryText(key);
    if (!values.has(text)) {
      const last = keys.at(-1);
      if (last === undefined || last < text) keys.push(text);
      else keys.splice(lowerBound(keys, text), 0, text);
    }
    values.set(text, value.slice());
  }

  remove(table: TableName, key: Uint8Array): void {
    checkKey(key);
    const { keys, values } = this.#tables[table];
    const text = binaryText(key);
    if (values.delete(text)) keys.splice(lowerBound(keys, text), 1);
  }

  /** Rows of a table. */
  size(table: TableName): number {
    return this.#tables[table].keys.length;
  }

  /** Tables of their own with the same rows: what a snapshot, or a state that a crash leaves, is made of. */
  clone(): MemoryTables {
    const copy = new MemoryTables();
    for (const name of tableNames) {
      const { keys, values } = this.#tables[name];
      copy.#tables[name].keys.push(...keys);
      // Values are never written in place, so both may hold the same arrays.
      for (const [key, value] of values) copy.#tables[name].values.set(key, value);
    }
    return copy;
  }
}

function checkKey(key: Uint8Array): void {
  assert(key.length > 0 && key.length <= keyBytesMax, 'a key has 1 to 1,024 bytes');
}

/** The first place in ascending `keys` whose key is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
