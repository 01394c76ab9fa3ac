import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readRepaired } from '@env-cli/store-lmdb';

import { putInPlace } from './put-in-place.ts';
import { RepairUnfinished } from './repair-refused.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'env-cli-put-in-place-'));
  switchTo('the state before');
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function switchTo(state: string): void {
  writeFileSync(join(dataDir, 'CURRENT'), state);
}

const failed = new Error('EIO: i/o error, fsync');

test('what goes wrong before the new state counts is thrown as it is: nothing was changed', async () => {
  await expect(putInPlace(dataDir, 7, () => Promise.reject(failed))).rejects.toBe(failed);
  expect(readRepaired(dataDir)).toBe(0);
});

test('what goes wrong once it counts is told as that: the state is not the one that it was', async () => {
  const install = (): Promise<void> => {
    switchTo('the new state');
    return Promise.reject(failed);
  };
  const error = await putInPlace(dataDir, 7, install).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RepairUnfinished);
  expect(error).toMatchObject({ message: expect.stringContaining('the new state has taken its place'), cause: failed });
  expect(readRepaired(dataDir)).toBe(0);
});

test('nothing goes wrong, and it is noted which state it is', async () => {
  await putInPlace(dataDir, 7, () => Promise.resolve(switchTo('the new state')));
  expect(readRepaired(dataDir)).toBe(7);
});
