import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { run as runHere, type Ran } from './testing/recorded-io.ts';
import { Twin, TwinRefusal } from './testing/twin.ts';

const environment = {
  name: 'payments/prod',
  modifyRevision: 12n,
  labels: { team: 'payments' },
  variables: [
    { name: 'API_KEY', secret: true, valueBytes: 6n, valueHash: 'ab' },
    { name: 'DB_URL', value: 'postgres://db', valueBytes: 13n, comment: 'the primary' },
    { name: 'LEVEL', value: 'info', valueBytes: 4n },
  ],
};

let twin: Twin;
/** Where the editors put what they saw. */
let folder: string;
/** Where the program keeps its private folders. */
let runtime: string;

beforeAll(async () => {
  twin = await Twin.start({});
});
afterAll(() => twin.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-'));
  runtime = mkdtempSync(join(tmpdir(), 'env-cli-'));
  twin.asked.length = 0;
  Object.assign(twin.answers, {
    'Environments.Get': ({ options }: { options: { view: number } }) => ({
      environment:
        options.view === 2
          ? {
              ...environment,
              variables: environment.variables.map((each) => (each.secret ? { ...each, value: 's3cret' } : each)),
            }
          : environment,
    }),
    'Environments.Write': () => ({ revision: 13n, changed: true }),
  });
});
afterEach(() => {
  // Nothing is left on disk, however it ended.
  assert.equal(readdirSync(runtime).join(), '');
  for (const each of [folder, runtime]) rmSync(each, { recursive: true });
});

/** An editor that does one step of a script each time it is opened, on the file `$1`, and keeps what it was shown. */
function editor(...steps: readonly string[]): string {
  const path = join(folder, 'editor.sh');
  const cases = steps.map((step, i) => `${i + 1}) ${step} ;;`).join('\n');
  writeFileSync(
    path,
    `#!/bin/sh
n=$(( $(cat '${folder}/n' 2>/dev/null || echo 0) + 1 ))
echo $n > '${folder}/n'
cp "$1" "${folder}/shown$n"
stat -c '%a' "$1" "$(dirname "$1")" > '${folder}/modes' 2>/dev/null
case $n in
${cases}
esac
`,
  );
  chmodSync(path, 0o700);
  return path;
}

function run(line: string, editorPath: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const own = { PATH: process.env['PATH']!, ENV_CLI_ENDPOINT: twin.address, XDG_RUNTIME_DIR: runtime, EDITOR: editorPath };
  return runHere(line.split(' '), { env: { ...own, ...env } });
}

const shown = (n: number): string => readFileSync(join(folder, `shown${n}`), 'utf8');
const writes = () => twin.calls.filter(({ method }) => method === 'Environments.Write').map(({ request }) => request);

describe('edit', () => {
  test('writes what was changed and nothing else, if nobody has changed it meanwhile', async () => {
    const ran = await run(
      'edit payments/prod --reason why',
      editor(`sed -i "s/info/debug/; /DB_URL/d" "$1"; echo NEW=1 >> "$1"`),
    );
    expect(ran).toEqual({ exitCode: 0, stdout: '', stderr: 'payments/prod is at revision 13.\n' });
    expect(writes()).toEqual([
      {
        namespace: 'default',
        conditions: [{ environment: 'payments/prod', modifyRevision: '12' }],
        operations: [
          {
            environment: 'payments/prod',
            set: {
              variables: [
                { name: 'LEVEL', value: 'debug' },
                { name: 'NEW', value: '1' },
              ],
            },
          },
          { environment: 'payments/prod', unset: { names: ['DB_URL'] } },
        ],
        reason: 'why',
      },
    ]);
  });

  test('opens a file that only its owner can read, in a folder that only they can enter', async () => {
    await run('edit payments/prod', editor('true'));
    expect(readFileSync(join(folder, 'modes'), 'utf8')).toBe('600\n700\n');
  });

  test('does not show secrets, and leaves them as they are, unless --reveal is given', async () => {
    await run('edit payments/prod', editor(`sed -i "s/info/debug/" "$1"`));
    expect(shown(1)).not.toContain('s3cret');
    expect(shown(1)).toContain('# API_KEY: a secret of 6 bytes, which stays as it is unless you write API_KEY=…');
    expect(JSON.stringify(writes())).not.toContain('API_KEY');
    rmSync(join(folder, 'n'));
    await run('edit payments/prod --reveal', editor(`sed -i "s/s3cret/n3w/" "$1"`));
    expect(shown(1)).toContain("API_KEY='s3cret'");
    expect(writes()[1]).toMatchObject({ operations: [{ set: { variables: [{ name: 'API_KEY', value: 'n3w' }] } }] });
  });

  test('opens again with the error in the first line, until it is mended', async () => {
    const path = editor(`echo BROKEN >> "$1"`, `echo 'Q="open' >> "$1"`, `sed -i '/BROKEN/d; /open/d; s/info/warn/' "$1"`);
    expect(await run('edit payments/prod', path)).toMatchObject({ exitCode: 0 });
    const broken = shown(2).split('\n');
    expect(broken[0]).toMatch(/^# ERROR: line \d+: expected NAME=value: there is no '='\.$/);
    expect(broken[Number(/line (\d+)/.exec(broken[0]!)![1]) - 1]).toBe('BROKEN');
    expect(shown(3).match(/# ERROR/g)).toHaveLength(1);
    expect(writes()).toMatchObject([{ operations: [{ set: { variables: [{ name: 'LEVEL', value: 'warn' }] } }] }]);
  });

  test('opens again with what the cluster refuses', async () => {
    twin.answers['Environments.Write'] = () => {
      twin.answers['Environments.Write'] = () => ({ revision: 13n, changed: true });
      return new TwinRefusal('INVALID_ARGUMENT', 'INVALID_FIELD', 'operations[0]: it is no URL');
    };
    await run('edit payments/prod', editor(`sed -i 's/info/x/' "$1"`, `sed -i "s/'x'/'y'/" "$1"`));
    expect(shown(2).split('\n')[0]).toBe('# ERROR: operations[0]: it is no URL.');
    expect(writes()).toHaveLength(2);
  });

  test.each([
    ['an error that is left as it is', [`echo BROKEN >> "$1"`, 'true'], 'the error was left as it is'],
    ['an empty file', [`: > "$1"`], 'the file is empty. Nothing was written.'],
    ['comments alone', [`echo '# x' > "$1"`], 'the file is empty. Nothing was written.'],
    ['an editor that fails', ['exit 3'], 'ended with exit code 3. Nothing was written.'],
    ['no file', [`rm "$1"`], 'the editor left no file. Nothing was written.'],
  ] as const)('writes nothing after %s', async (_why, steps, text) => {
    const ran = await run('edit payments/prod', editor(...steps));
    expect(ran).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(text) });
    expect(writes()).toEqual([]);
  });

  test('writes nothing when nothing was changed, also when the editor has left a copy beside it', async () => {
    expect(await run('edit payments/prod', editor(`cp "$1" "$1~"`))).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: 'Nothing was changed.\n',
    });
    expect(writes()).toEqual([]);
  });

  test('tells who was faster, and how to see what they did', async () => {
    twin.answers['Environments.Write'] = () =>
      new TwinRefusal('FAILED_PRECONDITION', 'CONDITION_FAILED', 'no', {
        environment: 'payments/prod',
        current_revision: '14',
        current_exists: 'true',
        changed_by: 'alice',
        changed_at: '2026-11-23T08:00:00.000Z',
      });
    expect(await run('edit payments/prod', editor(`sed -i 's/info/x/' "$1"`))).toEqual({
      exitCode: 4,
      stdout: '',
      stderr:
        "env-cli: payments/prod is at revision 14, not 12 (changed by alice, 2 minutes ago). See 'env-cli diff payments/prod 12 14'.\n",
    });
  });

  test('VISUAL goes before EDITOR, either may have arguments, and one that is not there is named', async () => {
    const path = editor('true');
    expect(await run('edit payments/prod', 'false', { VISUAL: `sh ${path}` })).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(folder, 'shown1'))).toBe(true);
    expect(await run('edit payments/prod', '/no/such/editor')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("the editor '/no/such/editor' cannot be started: set VISUAL or EDITOR"),
    });
  });

  test('of an environment that does not exist creates it where that is asked for', async () => {
    twin.answers['Environments.Get'] = () => new TwinRefusal('NOT_FOUND', 'ENVIRONMENT_NOT_FOUND', 'no', { environment: 'new' });
    const path = editor(`echo A=1 >> "$1"`);
    expect(await run('edit new', path)).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('Add --create') });
    expect(await run('edit new --create', path)).toMatchObject({ exitCode: 0 });
    expect(writes()).toMatchObject([
      {
        conditions: [{ environment: 'new', modifyRevision: '0' }],
        operations: [{ environment: 'new', create: {} }, { set: { variables: [{ name: 'A', value: '1' }] } }],
      },
    ]);
  });
});

describe('edit --format yaml', () => {
  test('holds marks, labels and description as well, and keeps what it does not name', async () => {
    await run('edit payments/prod --format yaml', editor('true'));
    expect(shown(1).split('\n').slice(6).join('\n')).toBe(`description: ""
labels:
  team: payments
variables:
  API_KEY:
    secret: true
  DB_URL:
    value: postgres://db
    comment: the primary
  LEVEL: info
`);
  });

  test('writes all that was changed as one write', async () => {
    const text = `description: the shop
labels:
  tier: prod
variables:
  API_KEY: {secret: true}
  DB_URL: {value: postgres://db, type: url, comment: ''}
  VERSION: 1.10
`;
    writeFileSync(join(folder, 'wanted'), text);
    expect(await run('edit payments/prod --format yaml', editor(`cp '${folder}/wanted' "$1"`))).toMatchObject({ exitCode: 0 });
    expect(writes()).toMatchObject([
      {
        operations: [
          {
            set: {
              variables: [
                { name: 'DB_URL', value: 'postgres://db', type: 'VARIABLE_TYPE_URL', comment: '' },
                { name: 'VERSION', value: '1.10' },
              ],
            },
          },
          { unset: { names: ['LEVEL'] } },
          { label: { set: { tier: 'prod' }, remove: ['team'] } },
          { describe: { description: 'the shop' } },
        ],
      },
    ]);
  });

  test.each([
    ['variables: [', 'line 2: this line is not indented as it must be.'],
    ['variables:\n  A: "x', 'line 3: something is missing here: a quote, a bracket or a colon.'],
    ['variables:\n  A: 1\n  A: 2', 'line 4: this name stands there already.'],
    ['varaibles: {}', "line 2: there is no 'varaibles' here: write description, labels and variables."],
    ['variables:\n  A: [1]', 'line 3: A is a list or an alias; write a text, in quotes'],
    ['variables:\n  A: {valeu: x}', "line 3: A: write value, secret (true or false), type and comment, not 'valeu'."],
    ['variables:\n  A: {secret: true}', 'A needs a value: it is new.'],
    ['variables:\n  API_KEY: {comment: x}', 'API_KEY needs a value: its own was not shown (--reveal shows it).'],
    ['variables:\n  A: *hunter2', 'line 3: A is a list or an alias; write a text, in quotes if it begins with * or &.'],
  ])('%j is shown with what is wrong', async (text, problem) => {
    writeFileSync(join(folder, 'wanted'), text);
    const ran = await run('edit payments/prod --format yaml', editor(`cp '${folder}/wanted' "$1"`, 'true'));
    expect(ran.exitCode).toBe(1);
    expect(shown(2).split('\n')[0]).toContain(problem);
    expect(ran.stderr).not.toContain('hunter2');
  });
});
