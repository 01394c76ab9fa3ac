import { mkdirSync, readFileSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from '@jest/globals';

import type { ObservedKey, Step } from '@env-cli/mirroring';
import { type CloudProvider, TargetError, type WriteCalls } from '@env-cli/outbox';
import { encodeUtf8 } from '@env-cli/support';

import { type Disk, nodeDisk } from './disk.ts';
import { CrashingDisk } from './testing/crashing-disk.ts';
import { FileWorld, hash } from './testing/file-world.ts';

const worlds: FileWorld[] = [];

function newWorld(format: 'dotenv' | 'json' = 'dotenv'): FileWorld {
  const world = new FileWorld(format);
  worlds.push(world);
  return world;
}

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

/** Calls without a rate and without a limit. */
const calls: WriteCalls = {
  read: (call) => call(new AbortController().signal),
  write: (call) => call(new AbortController().signal),
};

const owner = { clusterId: 'c1', mirror: 'default/files', epoch: 1 };

async function found(provider: CloudProvider, environment: string, key = `${environment}.env`): Promise<ObservedKey | null> {
  return (await provider.read(environment, [key], calls)).keys.find((observed) => observed.key === key) ?? null;
}

async function write(provider: CloudProvider, environment: string, text: string, over?: ObservedKey | null): Promise<string> {
  const bytes = encodeUtf8(text);
  const key = `${environment}.env`;
  const before = over === undefined ? await found(provider, environment) : over;
  const stamp = { ...owner, environment, revision: 1, valueHash: hash(bytes) };
  const [result] = await provider.apply([{ kind: 'write', key, bytes, attributes: '', stamp, found: before }], calls);
  return result?.failure?.class ?? 'done';
}

async function remove(provider: CloudProvider, environment: string): Promise<string> {
  const before = await found(provider, environment);
  const step: Step | null = before === null ? null : { kind: 'delete', key: before.key, found: before };
  const [result] = step === null ? [] : await provider.apply([step], calls);
  return result?.failure?.class ?? 'done';
}

function variables(values: Record<string, string>) {
  return Object.entries(values).map(([name, value]) => ({ name, value: encodeUtf8(value), secret: true }));
}

function rendered(provider: CloudProvider, environment: string, values: Record<string, string>): string {
  const [key] = provider.render(environment, variables(values));
  return key?.content.kind === 'value' ? new TextDecoder().decode(key.content.bytes) : `refused: ${key?.content.reason}`;
}

/** As a file system has it that takes both for the same. */
function fold(path: string): string {
  return path.replace(/prod\.env$/, 'PROD.env');
}

describe('how an environment looks', () => {
  test('as dotenv: sorted, quoted, under a comment', () => {
    const text = rendered(newWorld().provider(), 'a/b', { B: "it's", A: 'x y' });
    expect(text).toBe(`# env-cli keeps this file equal to a/b: change it there.\nA='x y'\nB="it's"\n`);
  });

  test('as JSON: any text, and any name', () => {
    const values = { ['__proto__']: 'a', 'b.c-d': '\0\r\n"\'\\', B: '' };
    const [key] = newWorld('json').provider().render('a/b', variables(values));
    expect(key?.key).toBe('a/b.json');
    const text = rendered(newWorld('json').provider(), 'a/b', values);
    expect(Object.entries(JSON.parse(text))).toEqual([
      ['B', ''],
      ['__proto__', 'a'],
      ['b.c-d', '\0\r\n"\'\\'],
    ]);
  });

  test('a variable that the format cannot hold is named, and its value is not', () => {
    const [key] = newWorld()
      .provider()
      .render('prod', variables({ A: '1', B: 'both \' and "', 'C.D': '2' }));
    expect(key?.content).toMatchObject({ kind: 'refused', refusals: [{ variable: 'B' }, { variable: 'C.D' }] });
    expect(JSON.stringify(key?.content)).not.toContain('both');
  });

  test('bytes that are no UTF-8 are refused', () => {
    const [key] = newWorld('json')
      .provider()
      .render('prod', [{ name: 'A', value: new Uint8Array([0xff]), secret: false }]);
    expect(key?.content).toMatchObject({ kind: 'refused', refusals: [{ variable: 'A', reason: 'the value is no UTF-8 text' }] });
  });

  test.each([
    '../up',
    'a/../../up',
    '/etc/passwd',
    'a//b',
    '',
    '.',
    '.env-cli-manifest/x',
    'Prod',
    'a\0b',
    'a+b',
    'x'.repeat(260),
  ])('the name %j makes no file', (environment) => {
    expect(rendered(newWorld().provider(), environment, {})).toMatch(/^refused/);
  });
});

describe('files and folders', () => {
  test('are for their owner alone', async () => {
    const world = newWorld();
    await write(world.provider(), 'a/b/c', 'A=1\n');
    const modes = ['', 'a', 'a/b', 'a/b/c.env', '.env-cli-manifest'].map(
      (path) => statSync(join(world.directory, path)).mode & 0o777,
    );
    expect(modes.map((mode) => mode.toString(8))).toEqual(['700', '700', '700', '600', '700']);
  });

  test('that are no longer needed go, unless they are not ours or not empty', async () => {
    const world = newWorld();
    mkdirSync(join(world.directory, 'theirs'), { recursive: true });
    const provider = world.provider();
    for (const environment of ['theirs/x', 'ours/deep/x', 'shared/x']) await write(provider, environment, 'A=1\n');
    world.meddle('shared/note.txt', 'theirs');
    for (const environment of ['theirs/x', 'ours/deep/x', 'shared/x']) expect(await remove(provider, environment)).toBe('done');
    expect(world.files()).toEqual({ 'shared/note.txt': 'theirs' });
    expect(statSync(join(world.directory, 'theirs')).isDirectory()).toBe(true);
    expect(() => statSync(join(world.directory, 'ours'))).toThrow('ENOENT');
    expect(world.manifest()).toEqual(['shared.folder']);
  });

  test('each new name is synced before the next step that relies on it', async () => {
    const world = newWorld();
    const { disk, done } = new CrashingDisk();
    await write(world.provider(disk), 'a/b', 'A=1\n');
    const short = done.map((step) =>
      step
        .replaceAll(world.directory, '')
        .replaceAll(/[0-9a-f]{12}-/g, '')
        .replaceAll('/.env-cli-manifest', 'M'),
    );
    expect(short).toEqual([
      'makeRoot ',
      'makeFolder M',
      'syncFolder ',
      'makeFolder /a',
      'syncFolder ',
      'create M/a.folder',
      // The stamp comes before the file: whatever a crash leaves is known by it.
      'create M/0.tmp',
      'rename M/0.tmp M/a+b.env.stamp',
      'syncFolder M',
      'create M/1.tmp',
      'link M/1.tmp /a/b.env',
      'unlink M/1.tmp',
      'syncFolder /a',
      'create M/2.tmp',
      'rename M/2.tmp M/a+b.env.stamp',
      'syncFolder M',
    ]);
  });

  test.each([
    ['under a file', 'note.txt/a/b'],
    ['a file', 'note.txt'],
  ])('a folder that cannot be made is refused: %s', async (_why, path) => {
    const world = newWorld();
    world.meddle('note.txt', 'theirs');
    const disk: Disk = { ...nodeDisk, makeRoot: () => nodeDisk.makeRoot(join(world.directory, path)) };
    expect(await write(world.provider(disk), 'prod', 'A=1\n')).toBe('refused');
    expect(world.files()).toEqual({ 'note.txt': 'theirs' });
  });

  test('folders above the target that are missing are made, by several deliveries at once', async () => {
    const world = newWorld();
    const path = join(world.directory, 'a/b/c');
    await Promise.all([1, 2, 3].map(() => nodeDisk.makeRoot(path)));
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  // On Linux, /proc can be looked at, and of a name that is made in it the system says that it is not there.
  test('a folder where the system makes none is refused', async () => {
    const world = newWorld();
    const disk: Disk = { ...nodeDisk, makeRoot: () => nodeDisk.makeRoot('/proc/nowhere/mirror') };
    expect(await write(world.provider(disk), 'prod', 'A=1\n')).toBe('refused');
  });

  test('values that a crash left half written are removed by the next life', async () => {
    const world = newWorld();
    await write(world.provider(), 'prod', 'A=1\n');
    writeFileSync(join(world.directory, '.env-cli-manifest', '0123456789ab-7.tmp'), 'A=s3cret');
    await write(world.provider(), 'prod', 'A=2\n');
    expect(world.manifest()).toEqual(['prod.env.stamp']);
  });
});

describe('what is not ours is not touched', () => {
  test('a file that came between the look and the write', async () => {
    const world = newWorld();
    const provider = world.provider();
    const nothing = await found(provider, 'prod');
    world.meddle('prod.env', 'THEIRS=1\n');
    expect(await write(provider, 'prod', 'A=1\n', nothing)).toBe('conflict');
    expect(world.files()).toEqual({ 'prod.env': 'THEIRS=1\n' });
  });

  test('a file that came in the very moment of its naming', async () => {
    const world = newWorld();
    const disk: Disk = {
      ...nodeDisk,
      link: (from, to) => {
        world.meddle('prod.env', 'THEIRS=1\n');
        return nodeDisk.link(from, to);
      },
    };
    expect(await write(world.provider(disk), 'prod', 'A=1\n')).toBe('conflict');
    expect(world.files()).toEqual({ 'prod.env': 'THEIRS=1\n' });
    expect(await found(world.provider(), 'prod')).toMatchObject({ landed: false });
  });

  test('a file that was changed between the look and the removal', async () => {
    const world = newWorld();
    const provider = world.provider();
    await write(provider, 'prod', 'A=1\n');
    const before = await found(provider, 'prod');
    world.meddle('prod.env', 'THEIRS=1\n');
    const [result] = await provider.apply([{ kind: 'delete', key: 'prod.env', found: before! }], calls);
    expect(result?.failure?.class).toBe('conflict');
    expect(world.files()).toEqual({ 'prod.env': 'THEIRS=1\n' });
  });

  test('what lies behind a link in the place of a folder', async () => {
    const world = newWorld();
    world.meddle('outside/keep.env', 'KEEP=1\n');
    const nested = new FileWorld();
    worlds.push(nested);
    mkdirSync(nested.directory, { recursive: true });
    symlinkSync(join(world.directory, 'outside'), join(nested.directory, 'a'));
    const provider = nested.provider();
    await expect(found(provider, 'a/keep')).rejects.toBeInstanceOf(TargetError);
    expect(await write(provider, 'a/keep', 'A=1\n', null)).toBe('refused');
    expect(await write(provider, 'a/b/new', 'A=1\n', null)).toBe('refused');
    expect(world.files()).toEqual({ 'outside/keep.env': 'KEEP=1\n' });
  });

  test('a link in the place of a file is nobody else’s value, and is neither read nor replaced', async () => {
    const world = newWorld();
    world.meddle('secret.txt', 'A=1\n');
    symlinkSync('secret.txt', join(world.directory, 'prod.env'));
    const observed = await found(world.provider(), 'prod');
    expect(observed).toMatchObject({ stamps: [], valueHash: 'no-file-of-ours' });
    expect(observed?.valueHash).not.toBe(hash(encodeUtf8('A=1\n')));
  });

  test('an entry that nobody of ours could have written makes nothing ours', async () => {
    const world = newWorld();
    const provider = world.provider();
    await write(provider, 'prod', 'A=1\n');
    for (const text of [
      '',
      'null',
      '{"format":1}',
      '{"format":1,"file":"dev.env","landed":true,"stamps":[]}',
      'x'.repeat(100_000),
    ]) {
      writeFileSync(join(world.directory, '.env-cli-manifest', 'prod.env.stamp'), text);
      expect((await found(provider, 'prod'))?.stamps).toEqual([]);
    }
    writeFileSync(join(world.directory, '.env-cli-manifest', 'prod.env.stamp'), '{"format":2}');
    await expect(found(provider, 'prod')).rejects.toThrow('later version');
  });

  test('on a file system that does not tell A from a, somebody else’s PROD.env is seen in the place of prod.env', async () => {
    const world = newWorld();
    world.meddle('PROD.env', 'THEIRS=1\n');
    const folding: Disk = {
      ...nodeDisk,
      look: (path) => nodeDisk.look(fold(path)),
      read: (path, max) => nodeDisk.read(fold(path), max),
    };
    expect(await found(world.provider(folding), 'prod')).toMatchObject({ stamps: [], valueHash: hash(encodeUtf8('THEIRS=1\n')) });
  });
});

describe('failures of the file system', () => {
  test.each([
    ['EACCES', 'refused'],
    ['EROFS', 'refused'],
    ['ENOSPC', 'unavailable'],
    ['EIO', 'unavailable'],
    ['EWHATEVER', 'unavailable'],
  ])('%s is %s, and leaves nothing behind', async (code, failureClass) => {
    const world = newWorld();
    await write(world.provider(), 'prod', 'A=1\n');
    const disk: Disk = {
      ...nodeDisk,
      rename: (from, to) =>
        to.endsWith('.env') ? Promise.reject(Object.assign(new Error(), { code })) : nodeDisk.rename(from, to),
    };
    const provider = world.provider(disk);
    expect(await write(provider, 'prod', 'A=2\n')).toBe(failureClass);
    expect(world.files()).toEqual({ 'prod.env': 'A=1\n' });
    expect(world.manifest()).toEqual(['prod.env.stamp']);
  });

  test('a file system without second names is written to all the same', async () => {
    const world = newWorld();
    const disk: Disk = { ...nodeDisk, link: () => Promise.reject(Object.assign(new Error(), { code: 'EPERM' })) };
    expect(await write(world.provider(disk), 'prod', 'A=1\n')).toBe('done');
    expect(world.files()).toEqual({ 'prod.env': 'A=1\n' });
  });

  test('a folder that was taken away is made again', async () => {
    const world = newWorld();
    const provider = world.provider();
    await write(provider, 'a/b', 'A=1\n');
    unlinkSync(join(world.directory, 'a/b.env'));
    expect(await found(provider, 'a/b')).toMatchObject({ valueHash: null, landed: true });
    expect(await write(provider, 'a/b', 'A=1\n')).toBe('done');
    expect(readFileSync(join(world.directory, 'a/b.env'), 'utf8')).toBe('A=1\n');
  });
});

test('a target tells what is ours: how many keys, and of which environments', async () => {
  const world = newWorld();
  const provider = world.provider();
  for (const environment of ['b', 'a/c', 'a']) await write(provider, environment, 'A=1\n');
  world.meddle('theirs.env', '');
  const names: string[] = [];
  for await (const name of provider.ownedEnvironments(calls)) names.push(name);
  expect([await provider.countOwned(calls), names]).toEqual([3, ['a', 'a/c', 'b']]);
});
