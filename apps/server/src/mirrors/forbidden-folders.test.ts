import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fileDefinition, openFileTarget, problemOfFileTarget } from '@env-cli/provider-file';

import { forbiddenFolders } from './forbidden-folders.ts';

let root: string;
/** The data directories of this member, and of another on the same machine. */
let own: string;
let other: string;

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'env-cli-forbidden-')));
  own = join(root, 'data', 'member-1');
  other = join(root, 'data', 'member-2');
  for (const directory of [own, other]) {
    mkdirSync(join(directory, 'log'), { recursive: true });
    for (const name of ['identity', 'CURRENT']) writeFileSync(join(directory, name), '');
  }
  symlinkSync(own, join(root, 'link'));
  symlinkSync(join(own, 'not-there-yet'), join(root, 'dangling'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const problemAt = (directory: string, dataDir = own) =>
  problemOfFileTarget(fileDefinition(directory, 'dotenv'), forbiddenFolders(dataDir));

describe('a mirror never writes among the files of a member', () => {
  test.each([
    ['in its data directory', () => join(own, 'log', 'envs'), /lies in the data directory of this member/],
    ['equal to it', () => own, /lies in the data directory of this member/],
    ['around it', () => join(root, 'data'), /holds the data directory of this member/],
    ['that a link leads into', () => join(root, 'link', 'envs'), /lies in the data directory of this member/],
    ['that a link to nothing will lead into', () => join(root, 'dangling', 'envs'), /lies in the data directory of this member/],
    ['in the data directory of another member here', () => join(other, 'envs'), /data directory of a member, .*member-2/],
  ])('a folder %s is refused with what to do', async (_why, directory, problem) => {
    expect(await problemAt(directory())).toMatch(problem);
    expect(await problemAt(directory())).toContain('give the mirror a folder of its own');
  });

  test('a data directory that is given by a link is known by what it is', async () => {
    expect(await problemAt(join(own, 'envs'), join(root, 'link'))).toMatch(/data directory of this member/);
  });

  test.each([
    ['beside it', () => join(root, 'data', 'mirror')],
    ['whose name begins as its own', () => join(root, 'data', 'member-10')],
  ])('a folder %s is none of its business', async (_why, directory) => {
    expect(await problemAt(directory())).toBeNull();
  });

  test('nothing is read or written there, also where the way to the folder was led there only later', async () => {
    const way = join(root, 'way');
    mkdirSync(way);
    const context = { owner: { clusterId: 'c', mirror: 'default/files' }, hash: () => '' };
    const provider = openFileTarget(fileDefinition(join(way, 'envs'), 'dotenv'), context, forbiddenFolders(own));
    const calls = { read: <T>(call: (signal: AbortSignal) => Promise<T>) => call(new AbortController().signal) };
    expect(await provider.read('prod', ['prod.env'], calls)).toEqual({ keys: [] });
    rmSync(way, { recursive: true });
    symlinkSync(own, way);
    const refused = { class: 'refused', message: expect.stringContaining('lies in the data directory of this member') };
    await expect(provider.read('prod', ['prod.env'], calls)).rejects.toMatchObject(refused);
    const stamp = { ...context.owner, epoch: 1, environment: 'prod', revision: 1, valueHash: '' };
    const step = { kind: 'write', key: 'prod.env', bytes: new Uint8Array(), attributes: '', stamp, found: null } as const;
    expect(await provider.apply([step], { ...calls, write: calls.read })).toMatchObject([{ failure: refused }]);
    expect(realpathSync(own)).toBe(own);
    await expect(provider.countOwned(calls)).rejects.toMatchObject(refused);
  });
});
