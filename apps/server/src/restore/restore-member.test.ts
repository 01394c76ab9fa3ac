import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { MemoryTables } from '@env-cli/keyspace';
import { checkBackup } from '@env-cli/snapshot-file';
import { DataDirectory, DataDirectoryRefused, spool } from '@env-cli/store-lmdb';

import { setting, soon } from '../member/testing/members.ts';
import { positionOfTables } from '../member/position-of-tables.ts';
import { Program } from '../testing/program.ts';
import { TwinMember } from '../testing/twin-member.ts';
import { readOptions } from '../options/read.ts';
import { restoreMember } from './restore-member.ts';
import { runRestore } from './restore-program.ts';

const clusterId = new Uint8Array(16).fill(0xc1);
const members = [{ memberId: 1, address: '127.0.0.1:1' }];
const mapBytes = 2 ** 28;

let folder: string;
let backup: string;
let dataDir: string;
let member: TwinMember;

beforeAll(async () => {
  member = TwinMember.alone();
  for (let i = 0; i < 20; i++) await member.propose(setting(`shop/${i % 7}`, `V${i}`, `value ${i}`), soon());
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-restore-'));
  backup = join(folder, 'a.backup');
  dataDir = join(folder, 'm1');
  await member.backUp(backup);
});
afterEach(() => rmSync(folder, { recursive: true }));

const restore = (from = backup) => restoreMember({ from, dataDir, memberId: 1, members, mapBytes });

async function refusalOf(work: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  return work.then(
    () => ({ code: 'none', message: '' }),
    (error: { readonly code: string; readonly message: string }) => error,
  );
}

/** Whether a member would start with the directory, as far as the directory tells. */
function openCode(): string {
  try {
    DataDirectory.open(dataDir, { bootstrapped: true, reserveBytes: 0 }).close();
    return 'opened';
  } catch (error) {
    if (!(error instanceof DataDirectoryRefused)) throw error;
    return error.code;
  }
}

describe('a backup', () => {
  test('says what it is', async () => {
    expect(await checkBackup(backup)).toMatchObject({
      clusterId: 'c1'.repeat(16),
      epoch: 1,
      revision: 20,
      compactedRevision: 0,
      environments: 7,
      memberId: 1,
      bytes: readFileSync(backup).length,
    });
  });

  test('with any byte changed, cut off anywhere, or with more behind it, is refused', async () => {
    const whole = readFileSync(backup);
    const path = join(folder, 'damaged');
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at] = flipped[at]! ^ 0x10;
      for (const damaged of at % 5 === 0 ? [flipped, whole.subarray(0, at)] : [flipped]) {
        writeFileSync(path, damaged);
        expect((await refusalOf(checkBackup(path))).code).toMatch(/^backup-(damaged|foreign)$/);
      }
    }
    for (const tail of [Buffer.of(0), whole]) {
      writeFileSync(path, Buffer.concat([whole, tail]));
      expect(await refusalOf(checkBackup(path))).toMatchObject({
        code: 'backup-damaged',
        message: expect.stringContaining('behind its end'),
      });
    }
  });

  test('that is something else is refused with what it is not', async () => {
    const path = join(folder, 'other');
    for (const bytes of ['', '\n', 'DB_URL=postgres://', Buffer.alloc(100_000), JSON.stringify({ a: 1 })]) {
      writeFileSync(path, bytes);
      expect(await refusalOf(checkBackup(path))).toMatchObject({
        code: 'backup-foreign',
        message: expect.stringContaining('Nothing was changed'),
      });
    }
    rmSync(path);
    await spool(path, member.tables, { clusterId, position: positionOfTables(member.tables), backup: null });
    expect(await refusalOf(checkBackup(path))).toMatchObject({
      code: 'backup-foreign',
      message: expect.stringContaining('one member sends to another'),
    });
    expect((await refusalOf(checkBackup(join(folder, 'none')))).code).toBe('backup-unreadable');
    expect((await refusalOf(checkBackup(folder))).code).toBe('backup-unreadable');
  });

  test('whose rows are not those that the hashes were made of is refused, though every checksum is right', async () => {
    for (const table of ['environments', 'changes'] as const) {
      const tables: MemoryTables = member.tables.clone();
      const [row] = tables.range(table, { limit: 1 });
      tables.remove(table, row!.key);
      const path = join(folder, table);
      const mark = { takenAtMs: 0, memberId: 3, version: '1' };
      await spool(path, tables, { clusterId, position: positionOfTables(tables), backup: mark });
      const refusal = await refusalOf(checkBackup(path));
      expect(refusal).toMatchObject({
        code: 'backup-state-differs',
        message: expect.stringContaining(`the rows of ${table} do not`),
      });
      expect(await refusalOf(restore(path))).toMatchObject({ code: 'backup-state-differs' });
      expect(existsSync(dataDir)).toBe(false);
    }
  });
});

describe('a restore', () => {
  test('leaves nothing of a backup that is damaged, whichever part of it', async () => {
    const whole = readFileSync(backup);
    const path = join(folder, 'damaged');
    for (let part = 0; part < 24; part++) {
      const at = Math.floor((part * whole.length) / 24);
      const flipped = Buffer.from(whole);
      flipped[at] = flipped[at]! ^ 1;
      for (const damaged of [flipped, whole.subarray(0, at)]) {
        writeFileSync(path, damaged);
        expect((await refusalOf(restore(path))).code).toMatch(/^backup-(damaged|foreign)$/);
        expect(existsSync(dataDir)).toBe(false);
      }
    }
  });

  test('makes a directory that a member takes, and that is no other’s', async () => {
    const { revision, backup: facts } = await restore();
    expect([revision, facts.environments]).toEqual([20 + 2 ** 32, 7]);
    expect(readdirSync(dataDir).toSorted()).toEqual(['CURRENT', 'identity', 'lock', 'restored', 'state-000001']);
    expect(openCode()).toBe('opened');
    // Without its state it is not taken for an empty one.
    rmSync(join(dataDir, 'CURRENT'));
    expect(openCode()).toBe('directory-incomplete');
  });

  test('goes into a new or an empty directory alone, and changes nothing in any other', async () => {
    mkdirSync(dataDir, { mode: 0o700 });
    await restore();
    const before = readdirSync(dataDir);
    expect(await refusalOf(restore())).toMatchObject({
      code: 'directory-used',
      message: expect.stringContaining('Nothing was changed'),
    });
    expect(readdirSync(dataDir)).toEqual(before);
    expect(openCode()).toBe('opened');
    rmSync(dataDir, { recursive: true });
    mkdirSync(dataDir, { mode: 0o700 });
    writeFileSync(join(dataDir, 'mine.txt'), 'mine');
    expect((await refusalOf(restore())).code).toBe('directory-used');
    expect(readdirSync(dataDir).filter((name) => name !== 'lock')).toEqual(['mine.txt']);
  });

  test('says how far it is', async () => {
    const seen: number[] = [];
    await restoreMember({
      from: backup,
      dataDir,
      memberId: 1,
      members,
      mapBytes,
      progress: (read, size) => seen.push(read / size),
    });
    expect(seen.at(-1)).toBe(1);
  });
});

/** A larger one, so that a restore takes a while. */
async function largeBackup(): Promise<string> {
  const large = TwinMember.alone();
  for (let i = 0; i < 40; i++) await large.propose(setting(`big/${i}`, 'V', String(i % 10).repeat(200_000)), soon());
  const path = join(folder, 'large.backup');
  await large.backUp(path);
  return path;
}

const args = (from: string): string[] => [
  'restore',
  `--from=${from}`,
  '--member-id=1',
  `--data-dir=${dataDir}`,
  '--members=1=127.0.0.1:1',
  '--map-size=256MiB',
];

test('kill -9 at any moment of a restore leaves a directory that is refused or whole, and that a further restore takes', async () => {
  const from = await largeBackup();
  const met = new Set<string>();
  for (let moment = 1; moment <= 32; moment += moment < 8 ? 1 : 6) {
    mkdirSync(dataDir, { mode: 0o700 });
    const changes = watch(dataDir, { recursive: true });
    const program = new Program(args(from));
    let seen = 0;
    changes.on('change', () => {
      if (++seen === moment) program.child.kill('SIGKILL');
    });
    await program.exited;
    changes.close();
    const code = openCode();
    met.add(code);
    // Nothing was begun; it is under way; it was done before the signal came.
    expect(['directory-wiped', 'restore-unfinished', 'opened']).toContain(code);
    if (code !== 'opened') await restore(from);
    expect(openCode()).toBe('opened');
    rmSync(dataDir, { recursive: true });
  }
  expect(met).toContain('restore-unfinished');
}, 120_000);

async function run(given: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const program = new Program(given);
  return { code: await program.exited, said: program.said };
}

test('the program says what came of it, with its exit codes', async () => {
  expect(await run(args(backup))).toMatchObject({
    code: 0,
    said: expect.stringMatching(/member 1 is restored in .* revision 20, 7 environments\. .* Start it now\./),
  });
  expect(await run(args(backup))).toMatchObject({
    code: 4,
    said: expect.stringContaining('a backup is restored into a new directory'),
  });
  expect(await run(['restore', '--member-id=1'])).toMatchObject({
    code: 2,
    said: expect.stringContaining('restore needs --from FILE'),
  });
  expect(await run(['restore', '--from', backup, '--member-id=2', '--members=1=127.0.0.1:1'])).toMatchObject({
    code: 2,
    said: expect.stringContaining('does not hold member 2'),
  });
  expect(await run(['restore', '--from=/dev/null', `--data-dir=${join(folder, 'x')}`])).toMatchObject({
    code: 4,
    said: expect.stringContaining('it is no backup'),
  });
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0 && mountsTmpfs();
const describeMounted: (title: string, tests: () => void) => void = canMount ? describe : describe.skip;

describeMounted(`a full disk${canMount ? '' : ' (cannot run here: no small disk can be mounted)'}`, () => {
  test('ends a restore with its reason, and leaves nothing', async () => {
    const from = await largeBackup();
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status).toBe(0);
    try {
      dataDir = join(disk, 'm1');
      const program = new Program(args(from));
      expect(await program.exited).toBe(4);
      expect(program.said).toMatch(
        /the backup could not be restored: the disk is full\. Make room on it .* Nothing is left of it there/,
      );
      expect(readdirSync(disk)).toEqual([]);
      await restore(backup);
    } finally {
      spawnSync('umount', ['--lazy', disk]);
    }
  });
});

function mountsTmpfs(): boolean {
  const scratch = mkdtempSync(join(tmpdir(), 'env-cli-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', scratch]).status === 0;
  if (mounted) spawnSync('umount', [scratch]);
  rmSync(scratch, { recursive: true });
  return mounted;
}

test('a restore on a terminal draws a bar, and takes it away when it is done', async () => {
  const options = readOptions({
    args: ['--member-id=1', `--data-dir=${dataDir}`, '--members=1=127.0.0.1:1', '--map-size=256MiB'],
    env: {},
    readFile: () => '',
  });
  let said = '';
  await runRestore(backup, options.values, { isTTY: true, write: (text) => (said += text) });
  const lines = said.split('\r\u001B[2K');
  expect(lines.at(-2)).toBe(`${'█'.repeat(30)} 100 %  of ${backup}`);
  expect(lines.at(-1)).toMatch(/^member 1 is restored in /);
});
