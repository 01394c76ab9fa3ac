import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { run } from './testing/recorded-io.ts';
import { Twin, TwinRefusal } from './testing/twin.ts';

const bytes = Buffer.from('not a backup, but as good for its way through the wire'.repeat(50_000));
const chunks = [bytes.subarray(0, 100_000), bytes.subarray(100_000, 100_001), bytes.subarray(100_001)];
const start = { part: { case: 'start', value: { clusterId: 'c1', epoch: 3n, revision: 14n, sizeBytes: BigInt(bytes.length) } } };
const chunk = (value: Uint8Array) => ({ part: { case: 'chunk', value } });
const end = { part: { case: 'end', value: { sha256: createHash('sha256').update(bytes).digest() } } };
const whole = [start, ...chunks.map(chunk), end];

let twin: Twin;
let folder: string;
let file: string;

beforeAll(async () => {
  twin = await Twin.start({});
});
afterAll(() => twin.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-cli-backup-'));
  file = join(folder, 'a.backup');
});
afterEach(() => rmSync(folder, { recursive: true }));

function answerWith(responses: readonly object[]): void {
  twin.answers['Cluster.Backup'] = () => ({ responses });
}
const backup = (...args: readonly string[]) => run(['backup', ...args, '-e', twin.address]);

describe('backup', () => {
  test('is found as cluster snapshot too', async () => {
    answerWith(whole);
    const ran = await run(['cluster', 'snapshot', file, '-e', twin.address]);
    expect(ran).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('holds the cluster at revision 14') });
    expect(readFileSync(file).equals(bytes)).toBe(true);
    rmSync(file);
  });

  test('writes a file that only its owner can read, and says what it holds', async () => {
    answerWith(whole);
    const ran = await backup(file);
    expect(ran).toMatchObject({ exitCode: 0, stdout: '' });
    expect(ran.stderr).toContain('holds the cluster at revision 14, 2.6 MiB');
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect([statSync(file).mode & 0o777, readdirSync(folder)]).toEqual([0o600, ['a.backup']]);
    expect(JSON.parse((await backup(file, '--force', '-o', 'json')).stdout)).toEqual({
      file,
      clusterId: 'c1',
      epoch: 3,
      revision: 14,
      bytes: bytes.length,
    });
  });

  test('leaves a file that is there as it is, unless it is to be replaced', async () => {
    writeFileSync(file, 'mine');
    answerWith(whole);
    expect(await backup(file)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('exists already, and was left as it is'),
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await backup(file, '--force')).exitCode).toBe(0);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  test.each([
    ['that ends early', [start, ...chunks.map(chunk)], 'ended early'],
    ['of which a part is missing', [start, chunk(chunks[0]!), end], 'bytes came, of'],
    [
      'that is not what was sent',
      [start, ...chunks.map((each) => chunk(Buffer.from(each).fill(0, 0, 1))), end],
      'its checksum is wrong',
    ],
    ['that begins with something else', [chunk(chunks[0]!)], 'did not begin with what it is'],
  ])('leaves nothing of one %s, nor harms the file that it was to replace', async (_what, responses, says) => {
    writeFileSync(file, 'mine');
    answerWith(responses);
    expect(await backup(file, '--force')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(says) });
    expect([readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual(['mine', ['a.backup']]);
  });

  test('leaves nothing when the member refuses, or the folder is not there', async () => {
    twin.answers['Cluster.Backup'] = () =>
      new TwinRefusal('RESOURCE_EXHAUSTED', 'BACKUP_NO_ROOM', 'the disk has too little room');
    expect(await backup(file)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('too little room') });
    answerWith(whole);
    expect(await backup(join(folder, 'none', 'a'))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('(ENOENT), and nothing is left of it'),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('goes to standard output with -, and to no terminal', async () => {
    answerWith(whole);
    const ran = await backup('-');
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
    expect(Buffer.from(ran.stdout, 'latin1').equals(bytes)).toBe(true);
    expect(await run(['backup', '-', '-e', twin.address], { terminal: true })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('no text for a terminal'),
    });
  });

  test('that is interrupted leaves nothing', async () => {
    answerWith(whole);
    const interrupted = AbortSignal.abort();
    expect((await run(['backup', file, '-e', twin.address], { interrupted })).exitCode).toBe(1);
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('backup verify says why a file is none, with exit code 1', async () => {
  writeFileSync(file, 'DB_URL=x');
  expect(await run(['backup', 'verify', file])).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr: expect.stringContaining('it is no backup that this program reads'),
  });
  expect(await run(['backup', 'verify', join(folder, 'none')])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('it cannot be read (ENOENT)'),
  });
});
