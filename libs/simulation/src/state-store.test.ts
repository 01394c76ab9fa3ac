import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { StateMachine } from '@env-cli/environments';
import { MemoryTables, readProgress, type ReadTables, type Tables, tableNames } from '@env-cli/keyspace';
import type { StateStore } from '@env-cli/replica';
import { openState } from '@env-cli/store-lmdb';

import type { DiskHost } from './disk-log.ts';
import { type OpenState, StateDisk } from './disk-state.ts';
import { Random } from './random.ts';

/** Milliseconds after which a checkpoint is due, in both stores. */
const checkpointMs = 1_000;

/** A state that is open, and what a test does to it. */
interface Opened {
  readonly store: StateStore;
  /** Reads the newest transaction. */
  readonly read: <T>(work: (tables: ReadTables) => T) => T;
  /** Keeps the newest transaction for a reader, such as a snapshot that is sent. */
  readonly hold: () => { readonly tables: ReadTables; readonly release: () => void };
  /** The process is gone without a stop, and another one opens what it left. */
  readonly crash: () => Promise<Opened>;
  readonly close: () => Promise<void>;
}

/** Time passes as soon as nothing else happens. */
const host: DiskHost = { later: (_delayMs, happen) => void setImmediate(happen), crashPoint: () => undefined };

function openSimulated(disk = new StateDisk(new MemoryTables())): Promise<Opened> {
  let store: OpenState | null = disk.open(
    { ...host, later: (delayMs, happen) => host.later(delayMs, () => void (store !== null && happen())) },
    new Random(1),
    checkpointMs,
  );
  const { snapshot, tables } = { snapshot: store.snapshot.bind(store), tables: store.tables };
  return Promise.resolve({
    store,
    read: (work) => snapshot(work),
    hold: () => ({ tables: tables.clone(), release: () => undefined }),
    crash: () => {
      store = null;
      return openSimulated(disk);
    },
    close: () => Promise.resolve(),
  });
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function openLmdb(folder = mkdtempSync(join(tmpdir(), 'state-store-'))): Promise<Opened> {
  folders.push(folder);
  const store = await openState(folder, {
    owner: { clusterId: new Uint8Array(16).fill(2), memberId: 7 },
    readPosition: (tables) => ({ ...readProgress(tables), stateHashes: new Uint8Array() }),
    checkpointMs,
  });
  return {
    store,
    read: (work) => store.snapshot(work),
    hold: () => {
      const pin = store.pin();
      return { tables: pin.tables, release: () => pin.release() };
    },
    crash: async () => {
      await store.abandon();
      return openLmdb(folder);
    },
    close: () => store.abandon(),
  };
}

const at = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

/** What entry `index` does: it overwrites a row, adds one, removes one, and writes how far the state has come. */
function apply(tables: Tables, index: number): void {
  tables.put('environments', at(index % 7), at(index));
  tables.put('changes', at(0, index), new Uint8Array(index * 10).fill(index));
  if (index % 3 === 0) tables.remove('changes', at(0, index / 3));
  const transaction = new StateMachine().begin(tables);
  transaction.apply({ index, term: 1, kind: 'noop', data: new Uint8Array() });
  transaction.finish();
}

/** Each row of each table, in order, as text. */
function rowsOf(tables: ReadTables): string[] {
  return tableNames.flatMap((name) =>
    tables
      .range(name, { limit: 10_000 })
      .map(({ key, value }) => `${name} ${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`),
  );
}

/** The rows after the entries 1 … `last`. */
function rowsAfter(last: number): string[] {
  const tables = new MemoryTables();
  for (let index = 1; index <= last; index++) apply(tables, index);
  return rowsOf(tables);
}

function applyAll({ store }: Opened, first: number, last: number): void {
  for (let index = first; index <= last; index++) store.transact((tables) => apply(tables, index));
}

const checkpointOf = ({ store }: Opened, nowMs = 0): Promise<number> =>
  new Promise((resolve) => {
    store.checkpoint(nowMs, resolve);
  });

describe.each([
  ['the store of the simulator', openSimulated],
  ['the store on disk', openLmdb],
] as const)('%s keeps the contract of a state', (_name, open) => {
  let state: Opened;
  const opened = async (): Promise<Opened> => (state = await open());
  const crashed = async (): Promise<Opened> => (state = await state.crash());
  afterEach(() => state.close());

  test('a transaction is seen when its call returns, and reads what it wrote', async () => {
    const { store, read } = await opened();
    store.transact((tables) => {
      tables.put('meta', at(1), at(1));
      expect(tables.get('meta', at(1))).toEqual(at(1));
      tables.remove('meta', at(1));
      expect(tables.range('meta', { limit: 9 })).toEqual([]);
      tables.put('meta', at(1), at(2));
    });
    expect(read((tables) => tables.get('meta', at(1)))).toEqual(at(2));
  });

  test('when the work throws, nothing of it happened, and the next transaction goes on', async () => {
    const { store, read } = await opened();
    applyAll(state, 1, 9);
    expect(() =>
      store.transact((tables) => {
        apply(tables, 10);
        tables.put('environments', at(1), at(99));
        tables.put('environments', at(1), at(98));
        tables.remove('environments', at(2));
        throw new Error('the work does not want to');
      }),
    ).toThrow('the work does not want to');
    expect(read(rowsOf)).toEqual(rowsAfter(9));
    applyAll(state, 10, 12);
    expect(read(rowsOf)).toEqual(rowsAfter(12));
  });

  test('who holds a transaction sees it and no later one, neither while that runs nor after', async () => {
    const { store, hold } = await opened();
    applyAll(state, 1, 5);
    const held = hold();
    store.transact((tables) => {
      apply(tables, 6);
      expect(rowsOf(held.tables)).toEqual(rowsAfter(5));
    });
    applyAll(state, 7, 30);
    expect(rowsOf(held.tables)).toEqual(rowsAfter(5));
    held.release();
  });

  test('a crash takes what no checkpoint holds, and leaves the newest checkpoint whole', async () => {
    await opened();
    applyAll(state, 1, 4);
    await crashed();
    expect(state.read(rowsOf)).toEqual([]);
    applyAll(state, 1, 20);
    expect(await checkpointOf(state)).toBe(20);
    applyAll(state, 21, 40);
    await crashed();
    expect(state.read(rowsOf)).toEqual(rowsAfter(20));
    applyAll(state, 21, 25);
    await crashed();
    expect(state.read(rowsOf)).toEqual(rowsAfter(20));
  });

  test('a checkpoint holds what was applied when it began, and tells so, never before its call returns', async () => {
    await opened();
    applyAll(state, 1, 10);
    let told: number | null = null;
    const ended = new Promise<void>((resolve) => {
      state.store.checkpoint(0, (index) => {
        told = index;
        resolve();
      });
    });
    expect(told).toBeNull();
    applyAll(state, 11, 20);
    await ended;
    expect(told).toBe(10);
    await crashed();
    expect(state.read(rowsOf)).toEqual(rowsAfter(10));
  });

  test('a crash while a checkpoint is made leaves that one or the one before, and nothing between', async () => {
    await opened();
    applyAll(state, 1, 10);
    await checkpointOf(state);
    applyAll(state, 11, 20);
    state.store.checkpoint(0, () => undefined);
    applyAll(state, 21, 30);
    await crashed();
    expect([rowsAfter(10), rowsAfter(20)]).toContainEqual(state.read(rowsOf));
  });

  test('a checkpoint is due some time after the last one began, if something was written since and none is made', async () => {
    const { store } = await opened();
    store.checkpointDue(0);
    expect(store.checkpointDue(10 * checkpointMs)).toBe(false);
    applyAll(state, 1, 1);
    const due = 10 * checkpointMs;
    expect(store.checkpointDue(due)).toBe(true);
    const ended = checkpointOf(state, due);
    applyAll(state, 2, 2);
    expect(store.checkpointDue(due + 2 * checkpointMs)).toBe(false);
    await ended;
    expect(store.checkpointDue(due + checkpointMs - 1)).toBe(false);
    expect(store.checkpointDue(due + checkpointMs)).toBe(true);
  });

  test('rows stand in the order of their keys as unsigned bytes, a prefix first', async () => {
    const { store, read } = await opened();
    const keys = [at(0), at(0, 0), at(0, 0xff), at(1), at(0x7f), at(0x80), at(0x80, 0), at(0xff), at(0xff, 0xff)];
    store.transact((tables) => {
      for (const key of keys.toReversed()) tables.put('changes', key, key);
      tables.put('meta', at(5), at(5));
    });
    const range = (bounds: object): Uint8Array[] =>
      read((tables) => tables.range('changes', { limit: 99, ...bounds }).map(({ key }) => key));
    expect(range({})).toEqual(keys);
    expect(range({ reverse: true })).toEqual(keys.toReversed());
    expect(range({ from: at(0, 0), to: at(0x80) })).toEqual(keys.slice(1, 5));
    expect(range({ from: at(0, 0), to: at(0x80), reverse: true, limit: 2 })).toEqual([at(0x7f), at(1)]);
    expect(range({ to: at(0) })).toEqual([]);
    expect(range({ limit: 0 })).toEqual([]);
  });

  test('what is written and read belongs to the caller', async () => {
    const { store, read } = await opened();
    const value = at(1, 2, 3);
    store.transact((tables) => tables.put('meta', at(1), value));
    value[0] = 9;
    const got = read((tables) => tables.get('meta', at(1))!);
    expect(got).toEqual(at(1, 2, 3));
    got[0] = 9;
    store.transact((tables) => tables.put('meta', at(1), at(4)));
    expect(got).toEqual(at(9, 2, 3));
    expect(read((tables) => tables.get('meta', at(1)))).toEqual(at(4));
  });

  test('a key has 1 to 1,024 bytes, a value less than 16 MiB', async () => {
    const { store, read } = await opened();
    const [key, value] = [new Uint8Array(1_024).fill(0xff), new Uint8Array(2 ** 24 - 1)];
    store.transact((tables) => tables.put('meta', key, value));
    expect(read((tables) => tables.get('meta', key)!.length)).toBe(value.length);
    const refused: ((tables: Tables) => void)[] = [
      (tables) => tables.put('meta', at(), at(1)),
      (tables) => tables.put('meta', new Uint8Array(1_025), at(1)),
      (tables) => tables.put('meta', at(1), new Uint8Array(2 ** 24)),
      (tables) => tables.get('meta', at()),
      (tables) => tables.remove('meta', new Uint8Array(1_025)),
      (tables) => tables.range('meta', { limit: Infinity }),
    ];
    for (const work of refused) expect(() => store.transact(work)).toThrow('broken invariant');
  });

  test('tables are used within their call, and a transaction holds no other call', async () => {
    const { store, read } = await opened();
    let leaked: Tables | null = null;
    store.transact((tables) => (leaked = tables));
    expect(() => leaked!.put('meta', at(1), at(1))).toThrow('broken invariant');
    expect(() => leaked!.get('meta', at(1))).toThrow('broken invariant');
    const within: (() => void)[] = [() => store.transact(() => undefined), () => read(() => undefined)];
    for (const work of within) expect(() => store.transact(work)).toThrow('broken invariant');
  });
});
