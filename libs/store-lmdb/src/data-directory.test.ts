import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { DataDirectory, markFounded } from './data-directory.ts';
import { encodeIdentity, readIdentity } from './identity.ts';
import { seal } from './sealed-bytes.ts';
import { DataDirectoryRefused } from './refusal.ts';
import { Child } from './testing/child.ts';
import { owner } from './testing/fixture.ts';
import { temporaryDirectory } from './testing/temporary.ts';

const locker = new URL('testing/locker.worker.ts', import.meta.url);
const small = { reserveBytes: 65_536 };
const opened: DataDirectory[] = [];
afterEach(() => {
  for (const directory of opened.splice(0)) directory.close();
});

function open(path: string, bootstrapped = false): DataDirectory {
  const directory = DataDirectory.open(path, { ...small, bootstrapped });
  opened.push(directory);
  return directory;
}

function refusalOf(act: () => unknown): DataDirectoryRefused {
  try {
    act();
  } catch (error) {
    if (error instanceof DataDirectoryRefused) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

/** A directory that a member has claimed and left. */
function claimed(): string {
  const path = join(temporaryDirectory(), 'data');
  const directory = DataDirectory.open(path, { ...small, bootstrapped: false });
  directory.claim({ ...owner, clusterId: null });
  directory.close();
  return path;
}

/** One that was founded: with all that it must have then. */
function founded(): string {
  const path = claimed();
  for (const name of ['founding', 'CURRENT']) writeFileSync(join(path, name), 'state-000001\n');
  for (const name of ['log', 'state-000001']) mkdirSync(join(path, name));
  writeFileSync(join(path, 'log', '0000000000000001.log'), '');
  markFounded(path, owner.clusterId);
  return path;
}

describe("a member's directory is its own", () => {
  test('it is made for its owner alone, with those above it', () => {
    const path = join(temporaryDirectory(), 'var', 'lib', 'member');
    expect(open(path).identity).toBeNull();
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test.each(['750', '701', '777'])('rights of 0%s are refused, and said how to change', (rights) => {
    const path = claimed();
    chmodSync(path, Number.parseInt(rights, 8));
    const refusal = refusalOf(() => open(path, true));
    expect(refusal.code).toBe('directory-rights');
    expect(refusal.message).toContain(`its rights are 0${rights}`);
    expect(refusal.message).toContain(`chmod 700 ${path}`);
  });

  test('what is no directory, or cannot be made, is refused', () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, '');
    expect(refusalOf(() => open(path)).code).toBe('directory-unusable');
    const below = refusalOf(() => open(join(path, 'below')));
    expect([below.code, below.path]).toEqual(['directory-unusable', join(path, 'below')]);
    expect(below.message).toContain('ENOTDIR');
    const loop = join(temporaryDirectory(), 'loop');
    symlinkSync(loop, loop);
    expect(refusalOf(() => open(loop)).code).toBe('directory-unusable');
  });
});

// Linux has a directory that is there and takes nothing in, for root as well; mkdir's own `recursive` never ends in it.
(process.platform === 'linux' ? describe : describe.skip)('where nothing can be made', () => {
  test('a directory is refused at once', () => {
    expect(refusalOf(() => open('/proc/env-cli/data')).code).toBe('directory-unusable');
  });
});

describe('one at a time works on a directory', () => {
  test('a second process is refused until the first has ended, also by kill -9', async () => {
    const path = claimed();
    const first = new Child(locker, [path]);
    expect(await first.line()).toBe('taken');
    const refusal = refusalOf(() => open(path));
    expect(refusal.code).toBe('directory-locked');
    expect(refusal.message).toContain('another process works on it');
    await first.kill();

    open(path);
    const second = new Child(locker, [path]);
    expect(await second.line()).toBe('directory-locked');
    await second.kill();
  }, 20_000);

  test('a second opening of the same process is refused, by another thread as well', async () => {
    const path = claimed();
    const directory = open(path);
    expect(refusalOf(() => open(path)).code).toBe('directory-locked');
    const worker = new Worker(locker, { argv: [path] });
    expect(await once(worker, 'message')).toEqual(['directory-locked']);
    directory.close();
    open(path);
  }, 20_000);
});

describe('a directory knows whose it is', () => {
  test('what was claimed is read again', () => {
    const path = claimed();
    expect(open(path, true).identity).toEqual({ ...owner, clusterId: null });
    expect(open(founded(), true).identity).toEqual(owner);
  });

  test.each([
    ['cluster', { clusterId: new Uint8Array(16) }, 'other-cluster', '00000000000000000000000000000000'],
    ['member', { memberId: 8 }, 'other-member', 'it belongs to member 7, this is member 8'],
    ['disk', { diskId: new Uint8Array(16).fill(1) }, 'other-disk', 'add the member again'],
  ])('that of another %s is refused', (_whose, expected, code, says) => {
    const directory = open(founded(), true);
    directory.expect({});
    directory.expect(owner);
    const refusal = refusalOf(() => directory.expect(expected));
    expect(refusal.code).toBe(code);
    expect(refusal.message).toContain(says);
  });

  test('what a crash left of files that were never renamed is removed', () => {
    const path = claimed();
    for (const name of ['.new-0123', 'spool-0123']) writeFileSync(join(path, name), 'half');
    open(path, true);
    expect(readdirSync(path).toSorted()).toEqual(['identity', 'lock', 'reserve']);
  });

  test('an empty one is only taken to found a cluster, and both that it can be are said', () => {
    const path = claimed();
    rmSync(join(path, 'identity'));
    const refusal = refusalOf(() => open(path, true));
    expect(refusal.code).toBe('directory-wiped');
    expect(refusal.message).toMatch(/first start of a new cluster.* with --bootstrap.*--members=1=HOST:PORT/);
    expect(refusal.message).toMatch(/been part of a cluster.*--data-dir.*Remove this member from the cluster/);
    expect(open(path, false).identity).toBeNull();
  });

  const parts = ['log', 'state-000001', 'CURRENT', 'founding'];
  test.each([
    ['log', ['log'], 'Remove this member from the cluster'],
    ['state', ['state-000001'], "Run 'env-cli-server repair'"],
    ['state and CURRENT', ['state-000001', 'CURRENT'], "Run 'env-cli-server repair'"],
    ['CURRENT', ['CURRENT'], 'If state-000001 is whole, write its name into CURRENT'],
    ['founding', ['founding'], 'Copy founding from the data directory of another member'],
    ['log, state, CURRENT and founding', parts, 'Remove this member from the cluster'],
  ])('one that was founded and has lost its %s is refused', (_what, gone, next) => {
    for (const bootstrapped of [true, false]) {
      const path = founded();
      for (const name of gone) rmSync(join(path, name), { recursive: true });
      const refusal = refusalOf(() => open(path, bootstrapped));
      expect(refusal.code).toBe('directory-incomplete');
      expect(refusal.message).toContain(`${path}: it has been part of cluster ${'c1'.repeat(16)}, and lost `);
      expect(refusal.message).toContain(next);
    }
  });

  test('one that has lost the content of its log is refused', () => {
    const path = founded();
    rmSync(join(path, 'log', '0000000000000001.log'));
    expect(refusalOf(() => open(path)).message).toContain('and lost log');
  });

  test('one with a log whose identity is from before the founding, which is gone, is refused', () => {
    const path = founded();
    writeFileSync(join(path, 'identity'), encodeIdentity({ ...owner, clusterId: null }));
    // As a crash leaves it between the founding and the mark of it.
    open(path, true).close();
    rmSync(join(path, 'founding'));
    expect(refusalOf(() => open(path)).code).toBe('directory-incomplete');
  });

  test('until it has given its word it may form a cluster by another list, and then no more', () => {
    const path = claimed();
    const other = new Uint8Array(16).fill(0xf2);
    const directory = open(path);
    directory.formAs(other);
    expect(readIdentity(path)).toEqual({ ...owner, clusterId: null, formingId: other });
    writeFileSync(join(path, 'founder'), '');
    directory.formAs(other);
    const refusal = refusalOf(() => directory.formAs(owner.formingId));
    expect(refusal.code).toBe('other-forming');
    expect(refusal.message).toContain('Start it with the list and the token that it was started with first');
  });

  test.each(['log', 'state-000001', 'CURRENT'])('one with %s but no identity is refused', (name) => {
    const path = claimed();
    rmSync(join(path, 'identity'));
    mkdirSync(join(path, name));
    const refusal = refusalOf(() => open(path, false));
    expect(refusal.code).toBe('identity-missing');
    expect(refusal.message).toContain(name);
  });

  test('an identity with any byte changed, or cut off anywhere, is refused', () => {
    const path = founded();
    const file = join(path, 'identity');
    const bytes = readFileSync(file);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes).fill(bytes.readUInt8(at) ^ 0x10, at, at + 1);
      for (const damaged of [changed, bytes.subarray(0, at)]) {
        writeFileSync(file, damaged);
        expect(refusalOf(() => readIdentity(path)).code).toBe('identity-damaged');
      }
    }
    writeFileSync(file, bytes);
    expect(readIdentity(path)).toEqual(owner);
  });

  test('an identity of an earlier or a later build is refused as such', () => {
    const path = founded();
    for (const [format, says] of [
      [1, 'an earlier build (format 1, this one reads 2). Go on with the build that made it'],
      [3, 'a later build (format 3, this one reads 2). Start the member with that build'],
    ] as const) {
      writeFileSync(
        join(path, 'identity'),
        seal({ magic: 'envcliID', format }, (writer) => writer.u32(7)),
      );
      const refusal = refusalOf(() => open(path));
      expect(refusal.code).toBe('identity-format');
      expect(refusal.message).toContain(says);
    }
  });

  test('a log that begins after the state ends is refused', () => {
    const directory = open(claimed(), true);
    directory.expectLogFrom(1, 0);
    directory.expectLogFrom(101, 100);
    directory.expectLogFrom(5, 100);
    const refusal = refusalOf(() => directory.expectLogFrom(102, 100));
    expect(refusal.code).toBe('log-starts-later');
    expect(refusal.message).toContain('its log begins at index 102, its state ends at 100');
  });
});

describe('room is kept for a full disk', () => {
  test('all of its blocks are there, it is given back, and made again', () => {
    const path = claimed();
    const { reserve } = open(path, true);
    const file = join(path, 'reserve');
    expect(statSync(file).blocks * 512).toBeGreaterThanOrEqual(small.reserveBytes);
    expect([reserve.held, reserve.ensure()]).toEqual([true, true]);
    reserve.giveBack();
    reserve.giveBack();
    expect(reserve.held).toBe(false);
    expect([reserve.ensure(), reserve.held]).toEqual([true, true]);
    // A sparse file of the same length keeps nothing.
    rmSync(file);
    writeFileSync(file, '');
    expect(reserve.held).toBe(false);
  });

  test('a disk without room for it is refused, and a reserve that is there is not needed twice', () => {
    const path = claimed();
    const reserveBytes = 2 ** 52;
    const refusal = refusalOf(() => DataDirectory.open(path, { bootstrapped: true, reserveBytes }));
    expect(refusal.code).toBe('no-room');
    expect(refusal.message).toContain(`Free at least ${2 * reserveBytes} bytes`);
    // The directory was let go.
    open(path, true);
  });
});
