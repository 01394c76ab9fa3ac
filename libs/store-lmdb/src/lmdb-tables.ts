import type { RangeOptions, Transaction } from 'lmdb';
import type { ReadTables, Row, RowRange, TableName, Tables } from '@env-cli/keyspace';
import { keyBytesMax, valueBytesMax } from '@env-cli/snapshot-file';
import { assert, ByteWriter } from '@env-cli/support';

import type { TableHandle } from './environment.ts';

type Handles = Record<TableName, TableHandle>;

/** Reads the tables in whatever transaction is current: the write transaction, or the read transaction of this opening. */
export class CurrentTables implements ReadTables {
  protected readonly handles: Handles;
  /** Whether the call that handed out these tables still runs. Outside it another transaction would be current. */
  live = false;

  constructor(handles: Handles) {
    this.handles = handles;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    this.assertLive();
    checkKey(key);
    const read = this.handles[table].getBinaryFast(key);
    return read === undefined ? undefined : copied(read);
  }

  range(table: TableName, range: RowRange): Row[] {
    this.assertLive();
    return rowsOf(this.handles[table], range, null);
  }

  protected assertLive(): void {
    assert(this.live, 'tables are used within the call that handed them out');
  }
}

/** The write transaction. */
export class WriteTables extends CurrentTables implements Tables {
  /** Rows written in all transactions. */
  rowsWritten = 0;

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    this.assertLive();
    checkKey(key);
    assert(value.length <= valueBytesMax, 'a value has less than 16 MiB');
    this.rowsWritten++;
    this.handles[table].putSync(key, value);
  }

  /** Puts a row behind all others of its table, into pages that are filled to the end. */
  append(table: TableName, key: Uint8Array, value: Uint8Array): void {
    this.assertLive();
    checkKey(key);
    assert(value.length <= valueBytesMax, 'a value has less than 16 MiB');
    // A key that is not behind the last is answered by false, which the types of lmdb-js do not say.
    const appended: unknown = this.handles[table].putSync(key, value, { append: true });
    assert(appended === true, 'rows are appended in the order of their keys');
  }

  remove(table: TableName, key: Uint8Array): void {
    this.assertLive();
    checkKey(key);
    this.rowsWritten++;
    this.handles[table].removeSync(key);
  }
}

/** Reads the tables in one read transaction that is held for longer than a call. */
export class PinnedTables implements ReadTables {
  readonly #handles: Handles;
  /** Throws once the transaction has ended. */
  readonly #transaction: () => Transaction;

  constructor(handles: Handles, transaction: () => Transaction) {
    this.#handles = handles;
    this.#transaction = transaction;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    checkKey(key);
    return plain(this.#handles[table].get(key, { transaction: this.#transaction() }));
  }

  range(table: TableName, range: RowRange): Row[] {
    return rowsOf(this.#handles[table], range, this.#transaction());
  }
}

function rowsOf(handle: TableHandle, range: RowRange, transaction: Transaction | null): Row[] {
  const { from, to, reverse = false, limit } = range;
  assert(Number.isSafeInteger(limit) && limit >= 0, 'a range states how many rows it reads at most');
  // An empty bound is below every key: none may be empty.
  const start = from?.length === 0 ? undefined : from;
  if (limit === 0 || to?.length === 0) return [];
  const options: RangeOptions = {};
  if (transaction !== null) options.transaction = transaction;
  if (reverse) {
    options.reverse = true;
    if (to !== undefined) {
      options.start = to;
      options.exclusiveStart = true;
    }
    options.end = start ?? lowestKey;
    options.inclusiveEnd = true;
  } else {
    options.start = start ?? lowestKey;
    if (to !== undefined) options.end = to;
  }
  const rows: Row[] = [];
  // Not by the option `limit`, which reads (and copies) one row more than it answers.
  for (const { key, value } of handle.getRange(options)) {
    rows.push({ key: plain(key), value: plain(value) });
    if (rows.length === limit) break;
  }
  return rows;
}

/** Rows up to this length are copied into chunks that they share: an array of its own costs ten times as much as the copy. */
const sharedBytesMax = 4 * 1024;
const chunks = new ByteWriter(64 * 1024);

/** A copy of what lmdb-js read into the one buffer that its next read overwrites. */
function copied(read: Uint8Array): Uint8Array {
  const bytes = plain(read);
  return bytes.length > sharedBytesMax ? bytes.slice() : chunks.raw(bytes).cut();
}

function plain(bytes: Uint8Array): Uint8Array;
function plain(bytes: Uint8Array | undefined): Uint8Array | undefined;
/** lmdb-js answers copies, but as `Buffer`s, whose `slice` shares memory where that of a `Uint8Array` copies. */
function plain(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

const lowestKey = Uint8Array.of(0);

function checkKey(key: Uint8Array): void {
  assert(key.length > 0 && key.length <= keyBytesMax, 'a key has 1 to 1,024 bytes');
}
