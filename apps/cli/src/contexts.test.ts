import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { run as runHere, type Ran } from './testing/recorded-io.ts';

let home: string;
let file: string;
let env: Record<string, string>;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'env-cli-'));
  file = join(home, 'env-cli', 'contexts.json');
  env = { XDG_CONFIG_HOME: home };
});
afterEach(() => rmSync(home, { recursive: true }));

function run(line: string, more: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return runHere(line.split(' '), { env: { ...env, ...more } });
}

/** What holds for an option, and where it comes from. */
async function origin(option: string, flags = '', more: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const { stdout } = await run(`context show -o json${flags === '' ? '' : ` ${flags}`}`, more);
  return (JSON.parse(stdout) as { options: Record<string, unknown> }).options[option];
}

test('flags go before variables, those before the context, that before the defaults', async () => {
  expect(await origin('namespace')).toEqual({ value: 'default', from: 'default' });
  await run('context set prod --endpoint a:1,b:2 -n shop --timeout 30s');
  expect(await origin('namespace')).toEqual({ value: 'shop', from: 'context prod' });
  expect(await origin('endpoint')).toEqual({ value: 'a:1,b:2', from: 'context prod' });
  expect(await origin('timeout')).toEqual({ value: '30s', from: 'context prod' });
  const variable = { ENV_CLI_NAMESPACE: 'v' };
  expect(await origin('namespace', '', variable)).toEqual({ value: 'v', from: 'ENV_CLI_NAMESPACE' });
  expect(await origin('namespace', '--namespace f', variable)).toEqual({ value: 'f', from: 'flag --namespace' });
  // Set to nothing it is not set, but for the pager, of which nothing is a choice.
  expect(await origin('namespace', '', { ENV_CLI_NAMESPACE: '' })).toEqual({ value: 'shop', from: 'context prod' });
  expect(await origin('pager', '', { PAGER: '' })).toEqual({ value: '', from: 'PAGER' });
});

test('the file and its folder are for their owner alone', async () => {
  await run('context set prod -e a:1');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(home, 'env-cli')).mode & 0o777).toBe(0o700);
});

test('a context is made, changed, used, listed and deleted', async () => {
  expect(await run('context list')).toEqual({
    exitCode: 0,
    stdout: '',
    stderr: "There is no context. Make one: 'env-cli context set NAME --endpoint HOST:PORT'.\n",
  });
  expect((await run('context set prod -e a:1')).stderr).toBe('Context prod was made.\n');
  expect((await run('context set dev -e b:2')).stderr).toBe("Context dev was made. Use it: 'env-cli context use dev'.\n");
  expect((await run('context set dev -n team')).stderr).toBe('Context dev is changed.\n');
  expect((await run('context use dev')).stderr).toBe('Context dev is used from now on.\n');
  expect((await run('context list')).stdout).toBe(
    'IN USE  NAME  ENDPOINT  NAMESPACE\nyes     dev   b:2       team\n        prod  a:1\n',
  );
  expect(await origin('endpoint', '--context prod')).toEqual({ value: 'a:1', from: 'context prod' });
  expect(await origin('endpoint', '', { ENV_CLI_CONTEXT: 'prod' })).toEqual({ value: 'a:1', from: 'context prod' });
  expect((await run('context delete dev')).stderr).toBe(
    'Context dev was deleted. No context is in use now: the defaults hold.\n',
  );
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ current: null, contexts: { prod: { endpoint: 'a:1' } } });
});

describe('is refused, and changes nothing', () => {
  test('a context that there is not', async () => {
    const text =
      "env-cli: there is no context nope. See 'env-cli context list', or make it: 'env-cli context set nope --endpoint HOST:PORT'.\n";
    for (const line of ['context use nope', 'context delete nope', 'get x --context nope'])
      expect(await run(line)).toEqual({ exitCode: 3, stdout: '', stderr: text });
  });

  test.each([
    ['no JSON', '{', 'this is no valid JSON'],
    ['no contexts', '{}', 'it has no contexts'],
    [
      'an unknown option',
      '{"contexts": {"a": {"endpiont": "x"}}}',
      'context a has an option endpiont, which there is not (endpoint,',
    ],
    ['a bad value', '{"contexts": {"a": {"timeout": "10"}}}', 'context a, timeout: Write a number with its unit'],
    ['a current that there is not', '{"current": "b", "contexts": {}}', 'it uses a context that it does not hold'],
  ])('a file with %s', async (_why, text, problem) => {
    mkdirSync(join(home, 'env-cli'));
    writeFileSync(file, text, { mode: 0o600 });
    const { exitCode, stderr } = await run('context set x -e a:1');
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining(problem) });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('a file that others may write', async () => {
    await run('context set prod -e a:1');
    chmodSync(file, 0o620);
    expect(await run('get x')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`chmod 600 ${file}`) });
  });

  test('a variable whose value is none, by its name', async () => {
    expect(await run('get x', { ENV_CLI_TIMEOUT: '10' })).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'env-cli: ENV_CLI_TIMEOUT: Write a number with its unit: 500ms, 1.5s, 2m, 1h\n',
    });
  });

  test('a place that is not known', async () => {
    expect(await runHere(['context', 'set', 'x', '-e', 'a:1'])).toMatchObject({
      exitCode: 1,
      stderr: 'env-cli: there is no place for contexts: set HOME or XDG_CONFIG_HOME\n',
    });
  });
});
