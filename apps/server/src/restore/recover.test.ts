import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkBackup } from '@env-cli/snapshot-file';
import { Cluster, Consistency, Environments, MemberRole } from '@env-cli/wire';

import { setting } from '../testing/operations.ts';
import { freePorts } from '../testing/free-ports.ts';
import { Program } from '../testing/program.ts';
import { type CallFailed, TestClient } from '../testing/serving.ts';

let folder: string;
let programs: Program[];
/** The leader's place among the two. */
let at: number;
/** A token of before. */
let token: string;
let peers: string[];
let apis: string[];

const dirOf = (place: number): string => join(folder, `member-${place + 1}`);
const backup = (name = 'recovered'): string => join(folder, `${name}.backup`);
const recover = (dataDir: string, to: string): Program => new Program(['recover', '--from-data-dir', dataDir, `--to=${to}`]);

function member(place: number, dataDir: string, ...flags: string[]): Program {
  return new Program([
    `--member-id=${place + 1}`,
    `--data-dir=${dataDir}`,
    `--listen=${apis[place]}`,
    `--peer-listen=${peers[place]}`,
    '--metrics-port=0',
    '--plain-secrets',
    ...flags,
  ]);
}

/** Two members, of which one leads; a write that was acknowledged; one that only the leader's disk has. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-recover-'));
  const ports = await freePorts(4);
  apis = ports.slice(0, 2).map((port) => `127.0.0.1:${port}`);
  peers = ports.slice(2).map((port) => `127.0.0.1:${port}`);
  const list = `--members=1=${peers[0]},2=${peers[1]}`;
  programs = [0, 1].map((place) => member(place, dirOf(place), '--bootstrap', list));
  await Promise.all(programs.map((program) => program.ready()));
  const clients = apis.map((address) => new TestClient(address));
  const written = await clients[0]!.call(Environments, 'write', { operations: [setting('a', { V: 'acknowledged' })] });
  token = written.header!.token;
  const roles = await Promise.all(clients.map((client) => client.call(Cluster, 'status', {})));
  at = roles.findIndex(({ role }) => role === MemberRole.LEADER);
  programs[1 - at]!.child.kill('SIGSTOP');
  const alone = clients[at]!.call(Environments, 'write', { operations: [setting('b', { V: 'begun' })] }, { deadlineMs: 300 });
  await assert.rejects(alone, { code: 'DEADLINE_EXCEEDED' });
  for (const client of clients) client.close();
}, 60_000);
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
});

describe('when the majority of the disks is lost', () => {
  test('what is left of a member that runs is not touched', async () => {
    const program = recover(dirOf(at), backup());
    expect(await program.exited).toBe(4);
    expect(program.said).toContain('No backup was made');
    expect(readdirSync(folder).filter((name) => name.includes('backup'))).toEqual([]);
  });

  test('a backup is made of one disk: all that was acknowledged there, and what was only begun; the directory stays as it was', async () => {
    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    const last = /all of its log up to index \d+ of term \d+ \([1-9]\d* entries behind its checkpoint\)/;
    const made: (string | undefined)[] = [];
    for (const name of ['recovered', 'again']) {
      const program = recover(dirOf(at), backup(name));
      expect({ code: await program.exited, said: program.said }).toMatchObject({ code: 0 });
      expect(program.said).toContain(`member ${at + 1} had of cluster`);
      made.push(last.exec(program.said)?.[0]);
      expect(await checkBackup(backup(name))).toMatchObject({ epoch: 1, revision: 2, environments: 2, memberId: at + 1 });
    }
    expect(made[0]).toMatch(last);
    expect(made[1]).toBe(made[0]);
  }, 30_000);

  test('a new cluster is made of it, with an epoch that ends tokens of before', async () => {
    const dataDir = join(folder, 'new');
    const restored = new Program([
      'restore',
      `--from=${backup()}`,
      '--member-id=1',
      `--data-dir=${dataDir}`,
      `--members=1=${peers[0]}`,
    ]);
    expect(await restored.exited).toBe(0);
    const program = member(0, dataDir);
    programs.push(program);
    await program.ready();
    const client = new TestClient(apis[0]!);
    const valueOf = async (name: string) => (await client.call(Environments, 'get', { name })).environment?.variables[0]?.value;
    expect([await valueOf('a'), await valueOf('b')]).toEqual(['acknowledged', 'begun']);
    expect((await client.call(Cluster, 'status', {})).epoch).toBeGreaterThan(1n);
    const options = { consistency: Consistency.READ_YOUR_WRITES, token };
    const before = await client.call(Environments, 'get', { name: 'a', options }).catch((error: CallFailed) => error.reason);
    expect(before).toBe('EPOCH_CHANGED');
    client.close();
  }, 30_000);

  test.each<[string, () => readonly string[], number, string]>([
    ['no directory', () => ['recover', '--to=x'], 2, 'recover needs --from-data-dir DIR'],
    ['a flag without its value', () => ['recover', '--from-data-dir'], 2, 'flag --from-data-dir lacks its value'],
    [
      'a directory that is not there',
      () => ['recover', `--from-data-dir=${folder}/none`, `--to=${folder}/x`],
      4,
      'there is no such directory',
    ],
    [
      'a directory that nobody has used',
      () => ['recover', `--from-data-dir=${empty()}`, `--to=${folder}/x`],
      4,
      'No backup was made',
    ],
    [
      'a file in a folder that is not there',
      () => ['recover', `--from-data-dir=${dirOf(at)}`, `--to=${folder}/none/x`],
      4,
      'there is no directory',
    ],
    ['a file that is there', () => ['recover', `--from-data-dir=${dirOf(at)}`, `--to=${backup()}`], 4, 'it exists already'],
  ])('%s is refused, and leaves nothing', async (_what, args, code, words) => {
    const program = new Program(args());
    expect({ code: await program.exited, said: program.said }).toEqual({ code, said: expect.stringContaining(words) });
    expect(program.said).not.toContain('..');
    expect(readdirSync(folder)).not.toContain('x');
    expect(readdirSync(folder)).not.toContain('none');
  });
});

function empty(): string {
  const path = join(folder, 'unused');
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}
