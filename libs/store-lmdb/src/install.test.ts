import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';

import { installSnapshot } from './install.ts';
import { StoreReader } from './reader.ts';
import { newSpoolPath, spool, SpoolReader, SpoolReceiver } from './spool.ts';
import { buildState } from './state-directory.ts';
import type { Store } from './store.ts';
import { applyEntry, differenceAfter, openTestState, owner, readPosition } from './testing/fixture.ts';
import { temporaryDirectory } from './testing/temporary.ts';

let leader: string;
let follower: string;
let source: Store;
let target: Store;
beforeEach(async () => {
  [leader, follower] = [temporaryDirectory(), temporaryDirectory()];
  [source, target] = [await openTestState(leader), await openTestState(follower)];
});
afterEach(async () => {
  await source.abandon();
  await target.abandon();
});

function apply(store: Store, from: number, to: number): void {
  for (let index = from; index <= to; index++) store.transact((tables) => applyEntry(tables, index));
}

/** Spools the source's newest transaction. */
async function spoolSource(): Promise<string> {
  const path = newSpoolPath(leader);
  const pin = source.pin();
  try {
    await spool(path, pin.tables, { clusterId: owner.clusterId, position: readPosition(pin.tables), backup: null });
  } finally {
    pin.release();
  }
  return path;
}

describe('a snapshot brings the state of one member to another', () => {
  test('as it was when it was pinned, whatever was written while it was spooled and streamed', async () => {
    apply(source, 1, 4_000);
    apply(target, 1, 10);
    const path = newSpoolPath(leader);
    const pin = source.pin();
    const spooling = spool(path, pin.tables, { clusterId: owner.clusterId, position: readPosition(pin.tables), backup: null });
    apply(source, 4_001, 5_000);
    const { rows, bytes } = await spooling;
    pin.release();
    expect(rows).toBeGreaterThan(4_000);
    expect(bytes).toBeGreaterThan(2 ** 20);

    // The stream: pieces that do not fit the blocks.
    const reader = await SpoolReader.open(path);
    const receiver = await SpoolReceiver.create(newSpoolPath(follower));
    while (receiver.receivedBytes < reader.size) await receiver.append(await reader.readAt(receiver.receivedBytes, 100_000));
    expect((await reader.readAt(reader.size, 10)).length).toBe(0);
    await reader.close();
    await receiver.close();
    expect(readFileSync(receiver.path).equals(readFileSync(path))).toBe(true);

    // Readers of the old state go on until they are closed.
    const old = new StoreReader(target.path);
    const position = await installSnapshot(follower, receiver.path, { owner, readPosition });
    expect(position.appliedIndex).toBe(4_000);
    expect(old.snapshot((tables) => differenceAfter(tables, 10))).toBeNull();
    await old.close();
    await target.abandon();

    target = await openTestState(follower);
    expect([target.opened.appliedIndex, target.recovered]).toEqual([4_000, false]);
    expect(target.snapshot((tables) => differenceAfter(tables, 4_000))).toBeNull();
    apply(target, 4_001, 4_300);
    expect(target.snapshot((tables) => differenceAfter(tables, 4_300))).toBeNull();
    // The old state is gone, the spool is its owner's.
    expect(readdirSync(follower).toSorted()).toEqual(['CURRENT', basename(receiver.path), 'state-000002']);
  });

  test('not when the store is closed while it is spooled', async () => {
    apply(source, 1, 4_000);
    const pin = source.pin();
    const spooling = spool(newSpoolPath(leader), pin.tables, {
      clusterId: owner.clusterId,
      position: readPosition(pin.tables),
      backup: null,
    });
    await Promise.all([expect(spooling).rejects.toThrow('the pin was released, or its store closed'), source.abandon()]);
    pin.release();
    expect(source.checkpointDue(1e6)).toBe(false);
  });

  test('not where it would take what has to stay free on the disk', async () => {
    apply(source, 1, 10);
    const pin = source.pin();
    const header = { clusterId: owner.clusterId, position: readPosition(pin.tables), backup: null };
    await expect(spool(newSpoolPath(leader), pin.tables, header, Number.MAX_SAFE_INTEGER)).rejects.toThrow(
      /leaves 9007199254740991 bytes of the disk free, and after 0 bytes.*Make room in/,
    );
    pin.release();
  });

  test('an empty one and one of a single row larger than a block', async () => {
    const empty = await installSnapshot(follower, await spoolSource(), { owner, readPosition });
    expect(empty.appliedIndex).toBe(0);
    source.transact((tables) => {
      tables.put('sessions', Uint8Array.of(1), new Uint8Array(3_000_000).fill(7));
      tables.put('sessions', Uint8Array.of(2), new Uint8Array());
    });
    await installSnapshot(follower, await spoolSource(), { owner, readPosition });
    await target.abandon();
    target = await openTestState(follower);
    expect(target.snapshot((tables) => tables.range('sessions', { limit: 9 }).map(({ value }) => value.length))).toEqual([
      3_000_000, 0,
    ]);
  });
});

describe('a snapshot that is not what was spooled is refused, and the old state counts on', () => {
  test('with any byte changed, cut off anywhere, or with more behind it', async () => {
    apply(source, 1, 60);
    apply(target, 1, 10);
    const whole = readFileSync(await spoolSource());
    const path = newSpoolPath(follower);
    const steps = Array.from({ length: 120 }, (_, i) => Math.floor((i * whole.length) / 120));
    const damages = [
      ...steps.map((at) => Buffer.from(whole).fill(whole.readUInt8(at) ^ 4, at, at + 1)),
      ...steps.map((at) => whole.subarray(0, at)),
      Buffer.concat([whole.subarray(0, whole.length - 21), whole]),
    ];
    for (const damaged of damages) {
      writeFileSync(path, damaged);
      await expect(installSnapshot(follower, path, { owner, readPosition, mapBytes: 2 ** 26 })).rejects.toMatchObject({
        code: 'snapshot-damaged',
      });
    }
    expect(readdirSync(follower).filter((name) => name.startsWith('state-'))).toEqual(['state-000001']);
    apply(target, 11, 20);
    await target.stop();
    target = await openTestState(follower);
    expect(target.snapshot((tables) => differenceAfter(tables, 20))).toBeNull();
  }, 20_000);

  test('with a row less, though every block is whole', async () => {
    apply(source, 1, 60);
    const whole = readFileSync(await spoolSource());
    // The second block holds the rows: its last byte is dropped with a length and a checksum that fit.
    const first = 8 + whole.readUInt32BE(0);
    const second = whole.readUInt32BE(first);
    const payload = whole.subarray(first + 8, first + 8 + second - 1);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(payload.length, 0);
    head.writeUInt32BE(crc32(payload), 4);
    const path = newSpoolPath(follower);
    writeFileSync(path, Buffer.concat([whole.subarray(0, first), head, payload, whole.subarray(first + 8 + second)]));
    await expect(installSnapshot(follower, path, { owner, readPosition })).rejects.toMatchObject({ code: 'snapshot-damaged' });
  });

  test('of another cluster', async () => {
    const other = { ...owner, clusterId: new Uint8Array(16) };
    await expect(installSnapshot(follower, await spoolSource(), { owner: other, readPosition })).rejects.toMatchObject({
      code: 'other-cluster',
    });
  });
});

describe('a crash at any step of an installation leaves the old state or the new one', () => {
  test('before the switch the old one counts, and what was built goes', async () => {
    apply(target, 1, 10);
    await target.stop();
    await buildState(follower, { owner, readPosition }, async (transact) => transact((tables) => applyEntry(tables, 1)));
    mkdirSync(join(follower, 'state-000003'));
    writeFileSync(join(follower, 'state-000003', 'data.mdb'), 'half');
    writeFileSync(join(target.path, '.new-0123'), 'never renamed');
    target = await openTestState(follower);
    expect(target.opened.appliedIndex).toBe(10);
    expect(readdirSync(follower).toSorted()).toEqual(['CURRENT', 'state-000001']);
    expect(readdirSync(target.path).toSorted()).toEqual(['CHECKPOINT', 'data.mdb', 'lock.mdb']);
  });

  test('after the switch the new one counts, and the old one goes', async () => {
    apply(source, 1, 500);
    apply(target, 1, 10);
    await target.abandon();
    const path = await spoolSource();
    await installSnapshot(follower, path, { owner, readPosition });
    expect(existsSync(join(follower, 'state-000001'))).toBe(true);
    target = await openTestState(follower);
    expect(target.opened.appliedIndex).toBe(500);
    expect(existsSync(join(follower, 'state-000001'))).toBe(false);
  });
});

describe('CURRENT that is lost is not taken for a member that is new', () => {
  test('a state that applied something is refused, and taken back by writing its name', async () => {
    apply(target, 1, 10);
    await target.stop();
    rmSync(join(follower, 'CURRENT'));
    await expect(openTestState(follower)).rejects.toMatchObject({ code: 'current-missing' });
    writeFileSync(join(follower, 'CURRENT'), 'state-000009\n');
    await expect(openTestState(follower)).rejects.toThrow('If one of state-000001 is whole, write its name there.');
    writeFileSync(join(follower, 'CURRENT'), 'state-000001');
    target = await openTestState(follower);
    expect(target.opened.appliedIndex).toBe(10);
  });

  test('what a crash left of the very first state is made anew', async () => {
    await target.stop();
    rmSync(join(follower, 'CURRENT'));
    mkdirSync(join(follower, 'state-000002'));
    target = await openTestState(follower);
    expect(target.opened.appliedIndex).toBe(0);
    expect(readdirSync(follower).toSorted()).toEqual(['CURRENT', 'state-000003']);
  });
});
