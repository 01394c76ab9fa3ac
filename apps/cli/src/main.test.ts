import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { ChangeKind } from '@env-cli/wire';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { Twin, TwinRefusal } from './testing/twin.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const variables = [
  { name: 'DB_URL', value: 'postgres://db' },
  { name: 'KEY', value: 's3cret', secret: true },
  { name: 'PATH_PREFIX', value: 'a\nb' },
];
const children: ChildProcess[] = [];
let twin: Twin;

beforeAll(async () => {
  const many = Array.from({ length: 1000 }, (_, i) => ({ name: `payments/${String(i).padStart(100, '0')}` }));
  twin = await Twin.start({
    'Environments.Get': ({ options }) => ({
      environment: { name: 'e', variables: options.view === 2 ? variables : [{ name: 'KEY', secret: true, valueBytes: 6n }] },
    }),
    // Without an end: only a reader that leaves ends it.
    'Environments.List': () => ({ environments: many, nextPageToken: 'next', listRevision: 1n }),
  });
});
afterAll(() => twin.stop());
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts the program itself, from its source. */
function start(...args: string[]): ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, ['--conditions=@env-cli/source', main, ...args], {
    env: { ...process.env, ENV_CLI_ENDPOINT: twin.address, DB_URL: 'the parent’s', INHERITED: 'yes' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

async function read(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const part of stream) text += String(part);
  return text;
}

async function ended(child: ReturnType<typeof start>): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [stdout, stderr, [code]] = await Promise.all([read(child.stdout), read(child.stderr), once(child, 'close')]);
  return { code: code as number | null, stdout, stderr };
}

/** A command that tells its process and its value, and what becomes of it. */
const telling = (script: string): readonly string[] => [
  '--',
  process.execPath,
  '-e',
  // It tells of itself once it is ready for a signal.
  `${script}; console.log(process.pid, process.env.V); setInterval(() => {}, 1000)`,
];

/** Lines as the commands write them. */
function linesOf(child: ReturnType<typeof start>): () => Promise<string> {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => (await lines.next()).value as string;
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('run', () => {
  const show =
    'console.log(JSON.stringify([process.env.DB_URL, process.env.KEY, process.env.PATH_PREFIX, process.env.INHERITED, ...process.argv.slice(1)])); process.exit(7)';

  test('gives the command the variables, secrets among them, over its own, its arguments as they are, and takes over its exit code', async () => {
    const ran = await ended(start('run', 'e', '--', process.execPath, '-e', show, '--', '--reveal', '-x', 'two words'));
    expect(ran).toEqual({
      code: 7,
      stdout: '["postgres://db","s3cret","a\\nb","yes","--reveal","-x","two words"]\n',
      stderr: '',
    });
  });

  test('passes a signal on, and answers as a shell does for a command that a signal ended', async () => {
    const graceful = start(
      'run',
      'e',
      '--',
      process.execPath,
      '-e',
      "process.on('SIGTERM', () => process.exit(9)); console.log('up'); setInterval(() => {}, 1000)",
    );
    await once(graceful.stdout, 'data');
    graceful.kill('SIGTERM');
    expect(await ended(graceful)).toMatchObject({ code: 9 });
    const killed = start('run', 'e', '--', process.execPath, '-e', "console.log('up'); setInterval(() => {}, 1000)");
    await once(killed.stdout, 'data');
    killed.kill('SIGINT');
    expect(await ended(killed)).toMatchObject({ code: 130 });
  });

  test.each([
    ['there is no such command', 127, './no-such-command'],
    ['cannot be started', 126, '/'],
  ])('says that %s, with exit code %i', async (text, code, command) => {
    const ran = await ended(start('run', 'e', '--', command));
    expect(ran).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(text) });
  });
});

describe('run --watch', () => {
  /** The value of V, and how a watch is told of a change. */
  let value: string;
  let revision: bigint;
  let tell: (response: object) => void;
  let began: Promise<void>;

  beforeEach(() => {
    [value, revision] = ['1', 9n];
    const begun = Promise.withResolvers<void>();
    began = begun.promise;
    Object.assign(twin.answers, {
      'Environments.Get': () => ({ environment: { name: 'e', variables: [{ name: 'V', value }] } }),
      'Environments.Watch': () => ({
        responses: [{ event: { case: 'started', value: { startRevision: 9n } }, revision: 8n, resumeToken: 'r' }],
        begun: (more: typeof tell) => {
          tell = more;
          begun.resolve();
        },
      }),
    });
  });
  let before: typeof twin.answers;
  beforeAll(() => {
    before = { ...twin.answers };
  });
  afterAll(() => {
    Object.assign(twin.answers, before);
  });

  function change(to: string): void {
    value = to;
    revision += 1n;
    const changes = [{ revision, environment: 'e', kind: ChangeKind.UPDATED }];
    tell({ event: { case: 'changes', value: { changes } }, revision, resumeToken: `r${revision}` });
  }

  test('restarts the command when a variable has changed, leaves none behind, and takes over the exit code of the last', async () => {
    const ran = start('run', 'e', '--watch', ...telling("process.on('SIGTERM', () => process.exit(5))"));
    const stderr = read(ran.stderr);
    const next = linesOf(ran);
    const [pid, first] = (await next()).split(' ');
    await began;
    // Nothing that the command was given has changed here: it goes on.
    change('1');
    change('2');
    const [, second] = (await next()).split(' ');
    expect([first, second, isAlive(Number(pid))]).toEqual(['1', '2', false]);
    ran.kill('SIGTERM');
    expect((await once(ran, 'exit'))[0]).toBe(5);
    expect(await stderr).toBe('env-cli: e has changed (revision 14): the command is restarted\n');
  });

  test('kills a command that does not end within the time of grace', async () => {
    const ran = start('run', 'e', '--watch', '--grace', '200ms', ...telling("process.on('SIGTERM', () => undefined)"));
    const next = linesOf(ran);
    const [pid] = (await next()).split(' ');
    await began;
    change('2');
    const [last, second] = (await next()).split(' ');
    expect([second, isAlive(Number(pid))]).toEqual(['2', false]);
    process.kill(Number(last), 'SIGKILL');
    expect((await once(ran, 'exit'))[0]).toBe(137);
  });

  test('sends a signal where that is asked for, and ends with the command', async () => {
    const script = "process.on('SIGHUP', () => { console.log('told'); process.exit(3) })";
    const ran = start('run', 'e', '--watch', '--on-change', 'signal=HUP', ...telling(script));
    const next = linesOf(ran);
    await next();
    await began;
    change('2');
    expect(await next()).toBe('told');
    expect((await once(ran, 'exit'))[0]).toBe(3);
  });

  test('goes on with what the command was given when the environment is deleted', async () => {
    const ran = start('run', 'e', '--watch', ...telling("process.on('SIGUSR2', () => process.exit(4))"));
    await linesOf(ran)();
    await began;
    twin.answers['Environments.Get'] = () =>
      new TwinRefusal('NOT_FOUND', 'ENVIRONMENT_NOT_FOUND', 'there is no environment e', { environment: 'e' });
    change('');
    let told = '';
    for await (const part of ran.stderr) {
      told += String(part);
      if (told.endsWith('\n')) break;
    }
    expect(told).toBe('env-cli: e was deleted; the command goes on with what it was given\n');
    ran.kill('SIGUSR2');
    expect((await once(ran, 'exit'))[0]).toBe(4);
  });
});

test('a pipe that is closed ends the program without an error', async () => {
  const list = start('list');
  await once(list.stdout, 'data');
  (list.stdout as NodeJS.ReadableStream & { destroy(): void }).destroy();
  const stderr = await read(list.stderr);
  if (list.exitCode === null) await once(list, 'exit');
  expect({ code: list.exitCode, stderr }).toEqual({ code: 0, stderr: '' });
});
