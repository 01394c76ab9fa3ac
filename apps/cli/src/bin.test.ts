import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { softwareVersion } from './version.ts';
import { Twin } from './testing/twin.ts';

const program = fileURLToPath(new URL('../bin/env-cli.js', import.meta.url));
let folder: string;
let twin: Twin;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-'));
  twin = await Twin.start({
    'Environments.Get': () => ({ environment: { name: 'e', variables: [{ name: 'A', value: 'ü', valueBytes: 2n }] } }),
  });
});
afterAll(() => {
  twin.stop();
  rmSync(folder, { recursive: true });
});

/** Runs the program as it is installed: the bundle. */
async function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], {
    env: { ENV_CLI_ENDPOINT: twin.address, TMPDIR: join(folder, 'common'), ...env },
  });
  return stdout;
}

test('the bundle is the program, with all that its verbs load', async () => {
  expect(await run(['version'], {})).toBe(`env-cli ${softwareVersion()}\n`);
  expect(await run(['get', 'e', 'A'], {})).toBe('ü\n');
  expect(await run(['export', 'e', '-o', 'yaml'], {})).toBe('A: ü\n');
});

test('what was compiled is kept where only its user can write, and nowhere when there is no such place', async () => {
  await run(['version'], { HOME: folder });
  const kept = join(folder, '.cache', 'env-cli', 'compiled');
  expect(readdirSync(kept)).not.toEqual([]);
  expect(statSync(kept).mode & 0o022).toBe(0);
  await run(['version'], {});
  expect(existsSync(join(folder, 'common'))).toBe(false);
});
