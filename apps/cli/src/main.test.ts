import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { Twin } from './testing/twin.ts';

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

test('a pipe that is closed ends the program without an error', async () => {
  const list = start('list');
  await once(list.stdout, 'data');
  (list.stdout as NodeJS.ReadableStream & { destroy(): void }).destroy();
  const stderr = await read(list.stderr);
  if (list.exitCode === null) await once(list, 'exit');
  expect({ code: list.exitCode, stderr }).toEqual({ code: 0, stderr: '' });
});
