import { chmodSync, cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readSeenDisks } from '@env-cli/store-lmdb';
import { Environments } from '@env-cli/wire';

import { setting } from './testing/operations.ts';
import { freePorts } from './testing/free-ports.ts';
import { Program } from './testing/program.ts';
import { TestClient } from './testing/serving.ts';

const ids = [1, 2, 3];
let folder: string;
let ports: number[];
const running = new Map<number, Program>();

const directoryOf = (id: number): string => join(folder, `member-${id}`);
const port = (id: number, which: 0 | 1 | 2): number => ports[3 * (id - 1) + which]!;

function start(id: number): Program {
  const program = new Program([
    `--member-id=${id}`,
    `--data-dir=${directoryOf(id)}`,
    `--listen=127.0.0.1:${port(id, 0)}`,
    `--peer-listen=127.0.0.1:${port(id, 1)}`,
    `--metrics-port=${port(id, 2)}`,
    '--bootstrap',
    `--members=${ids.map((each) => `${each}=127.0.0.1:${port(each, 1)}`).join(',')}`,
  ]);
  running.set(id, program);
  return program;
}

async function stop(id: number): Promise<void> {
  await running.get(id)?.stop();
  running.delete(id);
}

async function write(value: string): Promise<void> {
  const client = new TestClient(`127.0.0.1:${port(1, 0)}`);
  await client.call(Environments, 'write', { operations: [setting('a', { KEY: value })] });
  client.close();
}

/** Whether a member has written down that a second process of a disk holds more than the first did: only one member was started twice. */
function remembersMore(id: number): boolean {
  return readSeenDisks(directoryOf(id)).disks.some(({ lives: [first, second] }) => {
    return first !== undefined && second !== undefined && second.claimed.entryIndex > first.claimed.entryIndex;
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-older-'));
  ports = await freePorts(9);
  await Promise.all(ids.map((id) => start(id).ready()));
}, 60_000);
afterAll(async () => {
  await Promise.all(ids.map(stop));
  rmSync(folder, { recursive: true, force: true });
});

test('a member that is started on an older copy of its data directory ends, and says why and what to do; the others go on', async () => {
  await write('1');
  await stop(3);
  cpSync(directoryOf(3), join(folder, 'copy'), { recursive: true });
  await start(3).ready();
  await write('2');
  while (![1, 2].every(remembersMore)) await new Promise((resolve) => setTimeout(resolve, 20));
  await stop(3);
  renameSync(directoryOf(3), join(folder, 'newer'));
  renameSync(join(folder, 'copy'), directoryOf(3));
  chmodSync(directoryOf(3), 0o700);

  const older = start(3);
  expect(await older.exited).toBe(4);
  expect(older.said).toMatch(/member [12] refuses this one: member 3 comes with an older copy of its own disk/);
  expect(older.said).toMatch(/If the newer data directory still exists, start the member with it; otherwise remove member 3/);
  running.delete(3);
  await write('3');

  rmSync(directoryOf(3), { recursive: true });
  renameSync(join(folder, 'newer'), directoryOf(3));
  await start(3).ready();
}, 60_000);
