import { describe, expect, jest, test } from '@jest/globals';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '@env-cli/support';

import { writeCheckpoint } from './checkpoint.ts';
import { Environment } from './environment.ts';
import { StoreFailed } from './failure.ts';
import { parseMetaPages } from './meta-pages.ts';
import type { Store } from './store.ts';
import { applyEntry, differenceAfter, openTestState, owner, readPosition } from './testing/fixture.ts';
import { temporaryDirectory } from './testing/temporary.ts';

/** Applies the next entries, one a transaction. */
function apply(store: Store, count: number): number {
  let index = store.snapshot(readPosition).appliedIndex;
  for (let i = 0; i < count; i++) {
    index++;
    store.transact((tables) => applyEntry(tables, index));
  }
  return index;
}

function difference(store: Store, index: number): string | null {
  return store.snapshot((tables) => differenceAfter(tables, index));
}

describe('a transaction happens whole or not at all', () => {
  test('when the work throws, nothing of it is there, and the next one goes on', async () => {
    const store = await openTestState(temporaryDirectory());
    apply(store, 10);
    expect(() =>
      store.transact((tables) => {
        applyEntry(tables, 11);
        throw new Error('the work does not want to');
      }),
    ).toThrow('the work does not want to');
    expect(difference(store, 10)).toBeNull();
    expect(difference(store, apply(store, 5))).toBeNull();
    await store.abandon();
  });

  test('what the work returns is answered; a promise is a bug, for its transaction would end after the call', async () => {
    const store = await openTestState(temporaryDirectory());
    expect(store.transact(() => 'answer')).toBe('answer');
    expect(() => store.transact(async () => undefined)).toThrow('a transaction is synchronous');
    expect(() => store.transact(() => store.transact(() => 1))).toThrow('not begun within another');
    expect(difference(store, apply(store, 3))).toBeNull();
    await store.abandon();
  });
});

describe('opening goes back to the newest checkpoint, and the log goes on from there', () => {
  test('after an end without a stop, what was applied later is undone and applied again', async () => {
    const directory = temporaryDirectory();
    let store = await openTestState(directory);
    apply(store, 300);
    expect((await store.checkpointNow()).appliedIndex).toBe(300);
    apply(store, 500);
    await store.abandon();

    store = await openTestState(directory);
    expect([store.recovered, store.opened.appliedIndex, store.opened.revision]).toEqual([true, 300, 600]);
    expect(difference(store, 300)).toBeNull();
    expect(difference(store, apply(store, 900))).toBeNull();
    await store.abandon();
  });

  test('after a stop there is nothing to undo and nothing to apply again', async () => {
    const directory = temporaryDirectory();
    let store = await openTestState(directory);
    apply(store, 300);
    await store.stop();

    store = await openTestState(directory);
    expect([store.recovered, store.opened.appliedIndex]).toEqual([false, 300]);
    expect(difference(store, apply(store, 100))).toBeNull();
    await store.abandon();
  });

  test('transactions during a checkpoint are not of it', async () => {
    const directory = temporaryDirectory();
    let store = await openTestState(directory);
    apply(store, 100);
    const checkpoint = store.checkpointNow();
    apply(store, 100);
    expect((await checkpoint).appliedIndex).toBe(100);
    expect(store.checkpointed.appliedIndex).toBe(100);
    await store.abandon();

    store = await openTestState(directory);
    expect(store.opened.appliedIndex).toBe(100);
    expect(difference(store, 100)).toBeNull();
    await store.abandon();
  });

  test('the pages of a checkpoint survive 100,000 random writes: its meta pages, put back, lead to all of it', async () => {
    const directory = temporaryDirectory();
    let store = await openTestState(directory);
    const index = apply(store, 1_000);
    await store.checkpointNow();
    const before = statSync(join(store.path, 'data.mdb')).size;
    const value = new Uint8Array(100);
    for (let batch = 0; batch < 500; batch++) {
      store.transact((tables) => {
        for (let i = 0; i < 200; i++) {
          const random = Math.imul(batch * 200 + i, 2_654_435_761) >>> 0;
          tables.put('environments', Uint8Array.of(random % 256, (random >>> 8) % 256, (random >>> 16) % 256), value);
          // The rows of the checkpoint go, so that LMDB has their pages to give away.
          if (batch < 5)
            tables.remove('changes', Uint8Array.of(0, 0, 0, 0, 0, 0, (batch * 200 + i) >>> 8, (batch * 200 + i) % 256));
        }
      });
    }
    // The file grew, for a page that the checkpoint sees was not written over.
    expect(statSync(join(store.path, 'data.mdb')).size).toBeGreaterThan(2 * before);
    await store.abandon();

    store = await openTestState(directory);
    expect([store.recovered, store.opened.appliedIndex]).toEqual([true, index]);
    expect(difference(store, index)).toBeNull();
    await store.abandon();
  }, 20_000);

  test.each([0, 10, 8_272, 100_000])(
    "what a crash made of LMDB's lock file does not matter: %d bytes of anything",
    async (length) => {
      const directory = temporaryDirectory();
      let store = await openTestState(directory);
      apply(store, 50);
      await store.checkpointNow();
      await store.abandon();
      writeFileSync(join(store.path, 'lock.mdb'), new Uint8Array(length).fill(0xa5));
      store = await openTestState(directory);
      const pin = store.pin();
      expect(difference(store, apply(store, 50))).toBeNull();
      expect(differenceAfter(pin.tables, 50)).toBeNull();
      pin.release();
      await store.stop();
    },
  );

  test('a start that is cut short is begun again by the next, and changes nothing', async () => {
    const directory = temporaryDirectory();
    let store = await openTestState(directory);
    apply(store, 200);
    await store.checkpointNow();
    for (const again of [50, 400, 0, 900]) {
      apply(store, again);
      await store.abandon();
      store = await openTestState(directory);
      expect(store.opened.appliedIndex).toBe(200);
      expect(difference(store, 200)).toBeNull();
    }
    await store.abandon();
  });
});

test('a table that a newer program brings is made when an older state is opened, behind its pin', async () => {
  const directory = temporaryDirectory();
  let store = await openTestState(directory);
  apply(store, 100);
  await store.stop();
  // The state as a program without the table `sessions` would have left it.
  const older = new Environment(store.path, { mapBytes: 2 ** 30 });
  older.tables.sessions.dropSync();
  await older.close();
  const bytes = readFileSync(join(store.path, 'data.mdb'));
  const metaPages = parseMetaPages(bytes.subarray(0, 8_192));
  assert(metaPages !== null, 'the pages of this machine have 4 KiB');
  await writeCheckpoint(store.path, owner, { position: store.checkpointed, metaPages, dataBytes: bytes.length });

  for (const again of [1, 2]) {
    store = await openTestState(directory);
    expect([store.opened.appliedIndex, again]).toEqual([100, again]);
    expect(store.snapshot((tables) => tables.range('sessions', { limit: 1 }))).toEqual([]);
    store.transact((tables) => tables.put('sessions', Uint8Array.of(1), Uint8Array.of(again)));
    expect(store.snapshot((tables) => tables.get('sessions', Uint8Array.of(1)))).toEqual(Uint8Array.of(again));
    expect(difference(store, apply(store, 200))).toBeNull();
    await store.abandon();
  }
});

describe('a checkpoint is due', () => {
  test('a second after the last one, if something was written since', async () => {
    const store = await openTestState(temporaryDirectory());
    expect([store.checkpointDue(5_000), store.checkpointDue(60_000)]).toEqual([false, false]);
    apply(store, 1);
    expect(store.checkpointDue(60_000)).toBe(true);
    const done = new Promise<number>((resolve) => store.checkpoint(60_000, resolve));
    apply(store, 1);
    // None while one runs.
    expect(store.checkpointDue(90_000)).toBe(false);
    expect(await done).toBe(1);
    expect([store.checkpointDue(60_999), store.checkpointDue(61_000)]).toEqual([false, true]);
    await store.abandon();
  });

  test('after so many bytes of pages, at the latest some hundred rows behind', async () => {
    const store = await openTestState(temporaryDirectory(), { checkpointBytes: 2 ** 20 });
    expect(store.checkpointDue(0)).toBe(false);
    let transactions = 0;
    while (!store.checkpointDue(0)) {
      apply(store, 1);
      transactions++;
    }
    expect(transactions).toBeGreaterThan(10);
    expect(transactions).toBeLessThan(400);
    await store.abandon();
  });
});

describe('a state that is not what its checkpoint says is refused', () => {
  const cases: [string, string, (path: string) => void][] = [
    [
      'a file that lost its end',
      'state-damaged',
      (path) => writeFileSync(join(path, 'data.mdb'), readFileSync(join(path, 'data.mdb')).subarray(0, 8_192)),
    ],
    ['a file that is not there', 'state-damaged', (path) => writeFileSync(join(path, 'data.mdb'), '')],
    ['a checkpoint with a bit that turned', 'checkpoint-damaged', (path) => flipByte(join(path, 'CHECKPOINT'), 5_000)],
    ['a checkpoint that was cut off', 'checkpoint-damaged', (path) => writeFileSync(join(path, 'CHECKPOINT'), 'env')],
  ];
  test.each(cases)('%s', async (_what, code, damage) => {
    const directory = temporaryDirectory();
    const store = await openTestState(directory);
    apply(store, 100);
    await store.stop();
    damage(store.path);
    await expect(openTestState(directory)).rejects.toMatchObject({ name: 'DataDirectoryRefused', code });
  });

  test.each([
    ['cluster', 'other-cluster', { ...owner, clusterId: new Uint8Array(16) }],
    ['member', 'other-member', { ...owner, memberId: 8 }],
  ])('the state of another %s', async (_whose, code, other) => {
    const directory = temporaryDirectory();
    await (await openTestState(directory)).stop();
    await expect(openTestState(directory, { owner: other })).rejects.toMatchObject({ code });
    // And it is unharmed.
    await (await openTestState(directory)).stop();
  });

  test('tables that stand elsewhere than the checkpoint', async () => {
    const directory = temporaryDirectory();
    await (await openTestState(directory)).stop();
    const elsewhere = { appliedIndex: 3, appliedTerm: 1, revision: 0, stateHashes: new Uint8Array() };
    await expect(openTestState(directory, { readPosition: () => elsewhere })).rejects.toMatchObject({ code: 'state-damaged' });
    await (await openTestState(directory)).stop();
  });
});

describe('a store that failed is at its end', () => {
  test('a checkpoint that cannot be written ends it, says where, and leaves the last one in force', async () => {
    const directory = temporaryDirectory();
    const onFailure = jest.fn();
    let store = await openTestState(directory, { onFailure });
    apply(store, 10);
    await store.checkpointNow();
    apply(store, 10);
    // A directory in the place of the file: the rename fails.
    const path = join(store.path, 'CHECKPOINT');
    const kept = readFileSync(path);
    rmSync(path);
    mkdirSync(join(path, 'in the way'), { recursive: true });
    await expect(store.checkpointNow()).rejects.toMatchObject({ name: 'StoreFailed', code: 'io-error', path });
    expect(onFailure).toHaveBeenCalledTimes(1);
    expect(() => store.transact(() => undefined)).toThrow(StoreFailed);
    expect(() => store.snapshot(() => undefined)).toThrow('The member stops');
    await expect(store.stop()).rejects.toMatchObject({ name: 'StoreFailed' });
    rmSync(path, { recursive: true });
    writeFileSync(path, kept);

    store = await openTestState(directory);
    expect(store.opened.appliedIndex).toBe(10);
    await store.abandon();
  });
});

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(bytes.readUInt8(at) ^ 1, at, at + 1));
}
