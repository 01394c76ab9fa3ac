import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { shells, type Shell } from './completion-scripts.ts';
import { run } from './testing/recorded-io.ts';
import { Twin } from './testing/twin.ts';

const names = ['payments/dev', 'payments/prod', 'shop/prod'];
/** However busy the machine is: what is tested is what is offered. */
const patient = { ENV_CLI_COMPLETION_TIMEOUT: '1m' };

let twin: Twin;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-'));
  twin = await Twin.start({
    'Environments.List': ({ prefix, namespace }) => ({
      environments: names.filter((name) => namespace !== 'empty' && name.startsWith(prefix)).map((name) => ({ name })),
      listRevision: 1n,
    }),
    'Environments.Get': () => ({ environment: { name: 'e', variables: [{ name: 'DB_URL' }, { name: 'KEY', secret: true }] } }),
    'Mirrors.List': () => ({ mirrors: [{ name: 'files' }] }),
  });
  // The scripts ask the command that is completed.
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const program = join(folder, 'env-cli');
  writeFileSync(
    program,
    `#!/bin/sh\nexec '${process.execPath}' --disable-warning=ExperimentalWarning --conditions=@env-cli/source '${main}' "$@"\n`,
  );
  chmodSync(program, 0o700);
});
afterAll(() => {
  twin.stop();
  rmSync(folder, { recursive: true });
});

/** The words behind the program's name, the last of them unfinished. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const { stdout, stderr, exitCode } = await run(['__complete', '--', ...words], {
    env: { ENV_CLI_ENDPOINT: twin.address, ...patient },
  });
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t')[0]!);
}

describe('what may stand where the cursor is', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['a verb', ['mi'], ['mirror']],
    ['a verb of a verb', ['mirror', 'c'], ['create']],
    ['an environment', ['get', 'pay'], ['payments/dev', 'payments/prod']],
    ['an environment behind flags', ['get', '--reveal', '--revision', '3', 'shop'], ['shop/prod']],
    ['a variable of it', ['get', 'payments/prod', 'D'], ['DB_URL']],
    ['a variable to be set', ['set', 'payments/prod', ''], ['DB_URL=', 'KEY=']],
    ['nothing for its value', ['set', 'payments/prod', 'DB_URL=x'], []],
    ['an option', ['get', '--rev'], ['--revision', '--reveal']],
    ['an option of every verb', ['get', '--col'], ['--color']],
    ['the value of an option', ['get', '-o', 'y'], ['yaml']],
    ['the value of an option, in one word', ['get', '--output=j'], ['--output=json']],
    ['a mirror', ['mirror', 'status', ''], ['files']],
    ['a shell', ['completion', 'z'], ['zsh']],
    ['files', ['import', ''], [':files']],
    ['the command of run', ['run', 'payments/prod', '--', ''], [':files']],
    ['no secret verb', ['__'], []],
    ['names of the cluster that the line names', ['-n', 'empty', 'get', ''], []],
  ])('%s', async (_what, words, expected) => {
    expect([...(await offered(...words))].toSorted()).toEqual([...expected].toSorted());
  });

  test('no names when the cluster is away, and no word about it', async () => {
    const env = { ENV_CLI_ENDPOINT: '127.0.0.1:1', ENV_CLI_COMPLETION_TIMEOUT: '200ms' };
    expect(await run(['__complete', '--', 'get', ''], { env })).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });
});

/** How each shell is asked, as a person would with the tabulator key, what it offers for a line. */
const asks: Readonly<Record<Shell, (line: string) => readonly string[]>> = {
  bash: (line) => [
    '--norc',
    '-c',
    `source <(env-cli completion bash)
COMP_LINE=$1; COMP_POINT=\${#1}
_env_cli_complete env-cli
printf '%s\\n' "\${COMPREPLY[@]}"`,
    'bash',
    line,
  ],
  zsh: (line) => [
    '-f',
    '-c',
    `autoload -Uz compinit; compinit -u -d "$HOME/.zcompdump"; source <(env-cli completion zsh)
_describe() { local name=\${@[(i)-V]}; local -a values; values=("\${(@P)\${@[3]}}"); print -rl -- "\${(@)\${values[@]%%:*}}" }
_files() { print -r -- :files }
words=("\${(@s: :)1}"); CURRENT=\${#words}
_env_cli`,
    'zsh',
    line,
  ],
  fish: (line) => ['--no-config', '-c', `env-cli completion fish | source; complete -C ${JSON.stringify(line)}`],
};

const isThere = (shell: Shell): boolean => spawnSync(shell, ['--version']).error === undefined;

describe.each(shells.map((shell) => [shell] as const))('in %s', (shell) => {
  test.each([
    ['env-cli mirror cre', ['create']],
    ['env-cli get payments/', ['payments/dev', 'payments/prod']],
    ['env-cli get payments/prod ', ['DB_URL', 'KEY']],
    ['env-cli get -o ', ['table', 'json', 'yaml', 'dotenv', 'shell']],
  ])('%j offers %j', async (line, expected) => {
    if (!isThere(shell)) {
      if (process.env['CI'] === 'true') throw new Error(`there is no ${shell}`);
      process.stderr.write(`skipped: there is no ${shell}\n`);
      return;
    }
    const env = {
      ...process.env,
      PATH: `${folder}:${process.env['PATH']}`,
      HOME: folder,
      ENV_CLI_ENDPOINT: twin.address,
      ...patient,
    };
    const { stdout, stderr } = await promisify(execFile)(shell, [...asks[shell](line)], { env });
    const words = stdout
      .split('\n')
      .filter((each) => each !== '')
      .map((each) => each.split('\t')[0]);
    expect({ stderr, words: words.toSorted() }).toEqual({ stderr: '', words: [...expected].toSorted() });
  });
});
