import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { MemberId } from '@env-cli/raft';

import { SpoolShelf } from './spool-shelf.ts';

const [ann, ben, cleo, dan] = [2, 3, 4, 5] as [MemberId, MemberId, MemberId, MemberId];

let folder: string;
let shelf: SpoolShelf;
let appliedIndex: number;
/** Copies that were asked of the apply thread. */
let asked: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'envcli-shelf-'));
  begin(60_000);
});
afterEach(() => {
  shelf.close();
  rmSync(folder, { recursive: true });
});

function begin(keepMs: number): void {
  asked = 0;
  shelf = new SpoolShelf({ order: () => void asked++, appliedIndex: () => appliedIndex, keepMs });
}

/** The apply thread has made a copy, of one byte for each index. */
async function copied(index: number): Promise<void> {
  const path = join(folder, String(index));
  writeFileSync(path, new Uint8Array(index));
  await shelf.made({ kind: 'spooled', path, index, term: 1 });
}

/** The indexes of the copies that are there. */
const there = (): string[] => readdirSync(folder).toSorted((a, b) => Number(a) - Number(b));

test('who waits for a copy has it, though it will not do for another who waits', async () => {
  appliedIndex = 10;
  const first = shelf.borrow(ann, 10);
  appliedIndex = 20;
  const second = shelf.borrow(ben, 20);
  const third = shelf.borrow(cleo, 5);
  await copied(10);
  const [forAnn, forCleo] = await Promise.all([first, third]);
  expect([forAnn.index, forCleo.index, asked, there()]).toEqual([10, 10, 2, ['10']]);
  expect(await forCleo.file.readAt(0, 100)).toHaveLength(10);
  await copied(20);
  expect((await second).index).toBe(20);
  forAnn.giveBack(true);
  expect(there()).toEqual(['10', '20']);
  forCleo.giveBack(true);
  expect(there()).toEqual(['20']);
});

test('why there is no copy is told to all who wait for it', async () => {
  appliedIndex = 10;
  const waiting = [ann, ben].map((member) => shelf.borrow(member, 10));
  await shelf.made({ kind: 'spool-failed', problem: 'the disk is full' });
  await Promise.all(waiting.map((each) => expect(each).rejects.toThrow('the state could not be copied: the disk is full')));
  // The next one who asks has another try.
  const [lent] = await Promise.all([shelf.borrow(cleo, 10), copied(10)]);
  expect([lent.index, asked]).toEqual([10, 2]);
});

test('the newest copy is lent, also to one for which an older one would do', async () => {
  appliedIndex = 10;
  const [older] = await Promise.all([shelf.borrow(ann, 10), copied(10)]);
  appliedIndex = 20;
  await Promise.all([shelf.borrow(ben, 20), copied(20)]);
  expect((await shelf.borrow(cleo, 5)).index).toBe(20);
  expect(asked).toBe(2);
  older.giveBack(true);
  expect(there()).toEqual(['20']);
});

test('a copy of which somebody has a part is spared for its time, whatever is made meanwhile, and lent to it again', async () => {
  appliedIndex = 10;
  const [part] = await Promise.all([shelf.borrow(ann, 10), copied(10)]);
  part.giveBack(false);
  appliedIndex = 20;
  const [newer] = await Promise.all([shelf.borrow(ben, 20), copied(20)]);
  expect(there()).toEqual(['10', '20']);
  const rest = await shelf.borrow(ann, 10);
  expect(rest.id).toEqual(part.id);
  // Somebody else has no part of it.
  expect((await shelf.borrow(dan, 10)).id).toEqual(newer.id);
  rest.giveBack(true);
  expect(there()).toEqual(['20']);
});

test('a copy of which somebody has a part goes once that will not do any more', async () => {
  appliedIndex = 10;
  const [part] = await Promise.all([shelf.borrow(ann, 10), copied(10)]);
  part.giveBack(false);
  appliedIndex = 20;
  await Promise.all([shelf.borrow(ann, 20), copied(20)]);
  expect(there()).toEqual(['20']);
});

test('a copy goes when nobody came back for the rest in time', async () => {
  shelf.close();
  begin(1);
  appliedIndex = 10;
  const [part] = await Promise.all([shelf.borrow(ann, 10), copied(10)]);
  part.giveBack(false);
  expect(there()).toEqual(['10']);
  while (there().length > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('nothing stays, and nobody waits, once the member stops', async () => {
  appliedIndex = 10;
  const [lent] = await Promise.all([shelf.borrow(ann, 10), copied(10)]);
  appliedIndex = 20;
  const waiting = shelf.borrow(ben, 20);
  const copying = copied(20);
  shelf.close();
  await expect(waiting).rejects.toThrow('this member is stopping');
  await expect(shelf.borrow(cleo, 5)).rejects.toThrow('this member is stopping');
  await copying;
  lent.giveBack(false);
  expect(there()).toEqual([]);
});
