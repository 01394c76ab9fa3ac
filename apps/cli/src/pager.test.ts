import { mkdtempSync, readFileSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';

import { run as runHere, type Ran, type RunOptions } from './testing/recorded-io.ts';
import { Twin } from './testing/twin.ts';

let twin: Twin;
let folder: string;
let paged: string;
beforeAll(async () => {
  const environments = Array.from({ length: 30 }, (_, i) => ({ name: `e${i}`, modifyRevision: 1n, version: 1n }));
  twin = await Twin.start({
    'Environments.List': () => ({ environments, listRevision: 1n }),
    'Environments.History': () => ({
      changes: Array.from({ length: 9 }, (_, i) => ({ revision: BigInt(i + 1) })),
      compacted: true,
    }),
  });
});
afterAll(() => twin.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-'));
  paged = join(folder, 'paged');
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(line: string, options: RunOptions = {}): Promise<Ran> {
  const env = {
    PATH: process.env['PATH']!,
    ENV_CLI_ENDPOINT: twin.address,
    PAGER: `cat > '${paged}'`,
    NO_COLOR: '1',
    ...options.env,
  };
  return runHere(line.split(' '), { terminal: true, rows: 20, ...options, env });
}

test('what is longer than the terminal goes through the pager, and what is said comes behind it', async () => {
  const { exitCode, stdout, stderr } = await run('history e', { rows: 5 });
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: 'Older changes are no longer kept.\n' });
  expect(readFileSync(paged, 'utf8').split('\n').length).toBe(11);
});

test.each([
  ['fits on the screen', 'list', { rows: 40 }],
  ['is for no terminal', 'list', { terminal: false }],
  ['is not to be paged, by a flag', 'list --no-pager', {}],
  ['is not to be paged, by a variable', 'list', { env: { ENV_CLI_PAGER: '' } }],
  ['has no pager to go through', 'list', { env: { ENV_CLI_PAGER: 'less', PATH: '/nowhere' } }],
])('what %s is written as it is', async (_why, line, options) => {
  const { exitCode, stdout } = await run(line, options);
  expect(exitCode).toBe(0);
  expect(stdout.split('\n').length).toBe(32);
  expect(existsSync(paged)).toBe(false);
});

test('whoever leaves the pager early has seen enough', async () => {
  expect(await run('list', { env: { PAGER: 'true' } })).toMatchObject({ exitCode: 0, stderr: '' });
});
