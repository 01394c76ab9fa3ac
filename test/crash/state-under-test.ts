import { closeSync, fdatasync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type ReadTables, type Row, type RowRange, type TableName, tableNames, type Tables } from '@env-cli/keyspace';
import { openState, type Store } from '@env-cli/store-lmdb';
import { type Database, open, type RootDatabase } from 'lmdb';
import { positionOf } from './counter-machine.ts';
import { logOpening } from './log-opening.ts';

/**
 * `checkpoint` is ours. The other two are controls, plain LMDB: `full-sync` syncs every commit and must survive; `plain-sync`
 * commits without and syncs now and then, as one might think it is enough, and must not.
 */
export type Way = 'checkpoint' | 'full-sync' | 'plain-sync';

/** A state that survives crashes, or is to be shown not to. */
export interface StateUnderTest {
  transact(work: (tables: Tables) => void): void;
  snapshot<T>(work: (tables: ReadTables) => T): T;
  /** Whether it is time for {@link sync}. */
  syncDue(): boolean;
  /** Makes what is applied now survive, while transactions go on. Answers up to where the log is no longer needed. */
  sync(): Promise<number>;
  /** In order, or as after a failure. */
  close(inOrder: boolean): Promise<void>;
}

export async function openStateUnderTest(way: Way, directory: string): Promise<StateUnderTest> {
  if (way !== 'checkpoint') return new PlainState(join(directory, 'state'), way);
  const { identity } = logOpening(directory);
  const readPosition = positionOf;
  // Time alone does not decide: what a crash falls on shall not depend on the machine.
  const store = await openState(directory, { owner: identity, readPosition, checkpointMs: 1e9, checkpointBytes: 1e9 });
  return new CheckpointedState(store);
}

/** Transactions between two syncs. */
const transactionsBetween = 12;

class CheckpointedState implements StateUnderTest {
  readonly store: Store;
  #transactions = 0;
  #syncing = false;

  constructor(store: Store) {
    this.store = store;
  }

  transact(work: (tables: Tables) => void): void {
    this.#transactions++;
    this.store.transact(work);
  }

  snapshot<T>(work: (tables: ReadTables) => T): T {
    return this.store.snapshot(work);
  }

  syncDue(): boolean {
    return this.#transactions >= transactionsBetween && !this.#syncing;
  }

  async sync(): Promise<number> {
    this.#transactions = 0;
    this.#syncing = true;
    const { appliedIndex } = await this.store.checkpointNow();
    this.#syncing = false;
    return appliedIndex;
  }

  async close(inOrder: boolean): Promise<void> {
    if (inOrder) await this.store.stop();
    else await this.store.abandon();
  }
}

type Handles = Record<TableName, Database<Uint8Array, Uint8Array>>;

class PlainState implements StateUnderTest {
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #tables: PlainTables;
  readonly #file: number;
  readonly #way: Way;
  #transactions = 0;
  #syncing = false;

  constructor(path: string, way: Way) {
    const bytes = { keyEncoding: 'binary', encoding: 'binary' } as const;
    mkdirSync(path, { recursive: true });
    this.#way = way;
    this.#root = open({
      path,
      noSubdir: false,
      noSync: way === 'plain-sync',
      overlappingSync: false,
      mapSize: 2 ** 30,
      maxDbs: 12,
      ...bytes,
    });
    this.#tables = new PlainTables(
      Object.fromEntries(tableNames.map((name) => [name, this.#root.openDB({ name, ...bytes })])) as Handles,
    );
    this.#file = openSync(join(path, 'data.mdb'), 'r+');
    // LMDB does not see to it that its file is found again.
    for (const directory of [path, dirname(path)]) {
      const opened = openSync(directory, 'r');
      fsyncSync(opened);
      closeSync(opened);
    }
  }

  transact(work: (tables: Tables) => void): void {
    this.#transactions++;
    this.#root.transactionSync(() => {
      work(this.#tables);
    });
  }

  snapshot<T>(work: (tables: ReadTables) => T): T {
    this.#root.resetReadTxn();
    return work(this.#tables);
  }

  syncDue(): boolean {
    return this.#transactions >= transactionsBetween && !this.#syncing;
  }

  async sync(): Promise<number> {
    const { appliedIndex } = this.snapshot(positionOf);
    this.#transactions = 0;
    this.#syncing = true;
    if (this.#way === 'plain-sync') await promisify(fdatasync)(this.#file);
    this.#syncing = false;
    return appliedIndex;
  }

  async close(): Promise<void> {
    await this.#root.close();
    closeSync(this.#file);
  }
}

class PlainTables implements Tables {
  readonly #handles: Handles;

  constructor(handles: Handles) {
    this.#handles = handles;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    const value = this.#handles[table].getBinary(key);
    return value === undefined ? undefined : Uint8Array.from(value);
  }

  range(table: TableName, range: RowRange): Row[] {
    const rows = this.#handles[table].getRange({ limit: range.limit });
    return Array.from(rows, ({ key, value }) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) }));
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    this.#handles[table].putSync(key, value);
  }

  remove(table: TableName, key: Uint8Array): void {
    this.#handles[table].removeSync(key);
  }
}
