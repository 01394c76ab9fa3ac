import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Environments } from '@env-cli/wire';

import { setting } from './testing/operations.ts';
import { freePorts } from './testing/free-ports.ts';
import { Program } from './testing/program.ts';
import { TestClient } from './testing/serving.ts';

let folder: string;
/** The first of three ports that follow one another, thrice. */
let bases: number[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-cluster-'));
  const ports = await freePorts(9);
  bases = [0, 3, 6].map((at) => ports[at]!);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(): Program {
  const [api, peers, metrics] = bases;
  return new Program(
    [`--data-dir=${folder}`, `--api-port=${api}`, `--peer-port=${peers}`, `--metrics-port=${metrics}`],
    {},
    'cluster',
  );
}

test('npm start runs three members, says where they are, and stops them on Ctrl-C; the data stays', async () => {
  const first = start();
  await first.says('Ctrl-C stops the cluster');
  expect(first.said).toContain(`API      127.0.0.1:${bases[0]}, 127.0.0.1:${bases[0]! + 1}, 127.0.0.1:${bases[0]! + 2}`);
  const client = new TestClient(`127.0.0.1:${bases[0]! + 1}`);
  await client.call(Environments, 'write', { operations: [setting('a', { A: '1' })] });
  expect(await first.stop('SIGINT')).toBe(0);

  const second = start();
  await second.says('Ctrl-C stops the cluster');
  expect((await client.call(Environments, 'get', { name: 'a' })).environment?.variables[0]?.value).toBe('1');
  client.close();
  expect(await second.stop('SIGTERM')).toBe(0);
}, 90_000);

/** The processes of the members, as the welcome names them. */
function pidsOf(program: Program): number[] {
  return /process +(\d+), (\d+), (\d+)/.exec(program.said)!.slice(1).map(Number);
}

/** Takes a member's state from under it: its next checkpoint fails, as on a disk that fails. */
function loseState(memberId: number): void {
  const directory = join(folder, `member-${memberId}`);
  for (const name of readdirSync(directory).filter((found) => found.startsWith('state-'))) {
    rmSync(join(directory, name), { recursive: true });
  }
}

test('npm start goes on without one of its members, says which ended and why, and ends when no majority is left', async () => {
  const program = start();
  await program.says('Ctrl-C stops the cluster');
  const clients = [0, 1].map((at) => new TestClient(`127.0.0.1:${bases[0]! + at}`));
  const written = (name: string) =>
    Promise.any(clients.map((client) => client.call(Environments, 'write', { operations: [setting(name, { A: '1' })] })));

  process.kill(pidsOf(program)[1]!, 'SIGKILL');
  await program.says('env-cli: member 2 has ended (killed by SIGKILL). It is started again in 2 s; the others go on');
  await written('killed');
  await program.says('env-cli: member 2 is back');

  loseState(3);
  await written('lost');
  await program.says('env-cli: member 3 has ended (exit code 1). Its last words: ');
  await program.says('The others go on and take writes.');
  expect(program.said).toMatch(/member 3 has ended \(exit code 1\)\. Its last words: .*CHECKPOINT/);
  await written('two');

  loseState(2);
  // No answer is promised: the member may end before it has confirmed the write that its checkpoint ends with.
  await Promise.allSettled([written('last')]);
  expect(await program.exited).toBe(1);
  expect(program.said).toMatch(/member 2 has ended \(exit code 1\)\. .*CHECKPOINT.*\n.*no majority/);
  for (const client of clients) client.close();
  rmSync(folder, { recursive: true });
}, 120_000);

test('a port in use is told by its number, and nothing is left running', async () => {
  const taken: Server = createServer().listen(bases[0]! + 2, '127.0.0.1');
  await once(taken, 'listening');
  const program = start();
  expect(await program.exited).toBe(3);
  expect(program.said).toContain(
    `member 3 | env-cli-server: 127.0.0.1:${bases[0]! + 2} (server.listen) is in use by another process`,
  );
  taken.close();
}, 60_000);

test('a flag that there is not is refused with those that there are', async () => {
  const program = new Program(['--port=1'], {}, 'cluster');
  expect(await program.exited).toBe(2);
  expect(program.said).toContain('--api-port PORT');
});
