import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AlarmKind, Cluster, Consistency, Environments, MemberRole } from '@env-cli/wire';

import { setting } from '../testing/operations.ts';
import { freePorts } from '../testing/free-ports.ts';
import { Program } from '../testing/program.ts';
import { rotState } from '../testing/rot.ts';
import { TestClient } from '../testing/serving.ts';

const numbers = [1, 2, 3];

let folder: string;
/** What the data directory of member 3 was before most of what happens here. */
let older: string;
let apis: string[];
let peers: string[];
let metrics: number[];
let clients: TestClient[];
const programs = new Map<number, Program>();

const dirOf = (memberId: number): string => join(folder, `member-${memberId}`);
const api = (memberId: number): TestClient => clients[memberId - 1]!;

function args(memberId: number, dataDir = dirOf(memberId)): string[] {
  return [
    `--member-id=${memberId}`,
    `--data-dir=${dataDir}`,
    `--listen=${apis[memberId - 1]}`,
    `--peer-listen=${peers[memberId - 1]}`,
    `--metrics-port=${metrics[memberId - 1]}`,
    '--plain-secrets',
    '--scrub-interval=1s',
    '--hash-check-interval=200ms',
  ];
}

function start(memberId: number, ...flags: string[]): Program {
  const program = new Program([...args(memberId), ...flags]);
  programs.set(memberId, program);
  return program;
}

async function repaired(dataDir: string, ...flags: string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const program = new Program(['repair', ...args(3, dataDir), ...flags]);
  return { code: await program.exited, said: program.said };
}

/** Every file of a directory, with what is in it. */
function contentsOf(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name)).toString('base64')]),
  );
}

async function alarmsAt(memberId: number): Promise<AlarmKind[]> {
  return (await api(memberId).call(Cluster, 'alarms', {})).alarms.map(({ kind }) => kind);
}

async function write(name: string, value: string): Promise<string> {
  return (await api(1).call(Environments, 'write', { operations: [setting(name, { V: value })] })).header!.token;
}

async function valueAt(memberId: number, name: string, token: string): Promise<string | undefined> {
  const options = { consistency: Consistency.READ_YOUR_WRITES, token };
  return (await api(memberId).call(Environments, 'get', { name, options })).environment?.variables[0]?.value;
}

/** Waits until two members have applied the same entry, and answers what both hold then. */
async function hashesAtOneIndex(one: number, other: number): Promise<readonly [unknown, unknown]> {
  for (;;) {
    const [a, b] = await Promise.all([one, other].map((memberId) => api(memberId).call(Cluster, 'status', {})));
    if (a!.appliedIndex === b!.appliedIndex) return [a!.hashes, b!.hashes];
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-repair-'));
  older = join(folder, 'older');
  const ports = await freePorts(9);
  apis = ports.slice(0, 3).map((port) => `127.0.0.1:${port}`);
  metrics = ports.slice(6);
  peers = ports.slice(3, 6).map((port) => `127.0.0.1:${port}`);
  clients = apis.map((address) => new TestClient(address));
  const list = `--members=${numbers.map((memberId) => `${memberId}=${peers[memberId - 1]}`).join(',')}`;
  await Promise.all(numbers.map((memberId) => start(memberId, '--bootstrap', list).ready()));
  await write('a', 'what-the-disk-will-change');
  await write('b', 'something-else');
  // Whose disk is broken need not lead.
  if ((await api(3).call(Cluster, 'status', {})).role === MemberRole.LEADER)
    await api(3).call(Cluster, 'transferLeader', { memberId: 1n });
}, 60_000);

afterAll(async () => {
  for (const client of clients) client.close();
  await Promise.all([...programs.values()].map((program) => program.stop('SIGKILL')));
  rmSync(folder, { recursive: true });
});

describe('a member whose state is wrong', () => {
  test('runs: its directory is not touched', async () => {
    expect(await repaired(dirOf(3))).toMatchObject({ code: 4, said: expect.stringContaining('another process works on it') });
  });

  test('is not: its state stays, unless that is asked for in so many words', async () => {
    await programs.get(3)!.stop();
    cpSync(dirOf(3), older, { recursive: true });
    chmodSync(older, 0o700);
    const before = readdirSync(dirOf(3)).toSorted();
    expect(await repaired(dirOf(3))).toMatchObject({
      code: 4,
      said: expect.stringContaining('nothing is wrong with the state of member 3'),
    });
    expect(await repaired(dirOf(3), '--force=yes')).toMatchObject({
      code: 2,
      said: expect.stringContaining("'replace a sound state'"),
    });
    expect(readdirSync(dirOf(3)).toSorted()).toEqual(before);
    const forced = await repaired(dirOf(3), '--force', 'replace a sound state');
    expect(forced).toMatchObject({ code: 0, said: expect.stringContaining('What was wrong: nothing that is known') });
  }, 30_000);

  test('stops with an alarm, and does not start with that state', async () => {
    expect(rotState(dirOf(3), 'what-the-disk-will-change')).toBeGreaterThan(0);
    const stopped = start(3);
    expect(await stopped.exited).toBe(1);
    expect(stopped.said).toContain('member 3 reads other rows from its disk than it wrote');
    expect(await alarmsAt(1)).toEqual([AlarmKind.STATE_ROTTEN]);
    const again = start(3);
    expect(await again.exited).toBe(4);
    expect(again.said).toContain("Run 'env-cli-server repair'");
  }, 30_000);

  test('is brought back by one command, while writes go on: with the hashes of the others, and the alarm stands until a person clears it', async () => {
    const enough = new AbortController();
    let writes = 0;
    const writer = (async () => {
      while (!enough.signal.aborted) await write('c', String(++writes));
    })();
    // Cut off at its last step, it is begun anew.
    const cut = new Program(['repair', ...args(3)]);
    await cut.says('The state is put in its place');
    await cut.stop('SIGKILL');
    const { code, said } = await repaired(dirOf(3));
    expect({ code, said }).toMatchObject({
      code: 0,
      said: expect.stringMatching(/member 3 is repaired .* state of member [12] up to log index \d+/),
    });
    expect(said).toContain('env-cli cluster alarms --clear state-rotten:3');
    const back = start(3, '--log-level=debug');
    await back.ready();
    enough.abort();
    await writer;
    expect(await valueAt(3, 'a', await write('d', 'last'))).toBe('what-the-disk-will-change');
    const [right, own] = await hashesAtOneIndex(1, 3);
    expect(own).toEqual(right);
    // It is scrubbed and compared as before, and goes on: nothing is raised again, and nothing cleared by itself.
    await back.says('the state was scrubbed');
    expect(back.child.exitCode).toBeNull();
    expect(await alarmsAt(3)).toEqual([AlarmKind.STATE_ROTTEN]);
    await api(1).call(Cluster, 'alarms', { clear: [{ kind: AlarmKind.STATE_ROTTEN, memberId: 3n }] });
    expect(await alarmsAt(1)).toEqual([]);
  }, 60_000);

  test('has an older log as well: it is refused, whoever of the others remembers that, and nothing changes', async () => {
    await Promise.all([programs.get(3)!.stop(), programs.get(1)!.stop()]);
    // Whoever is asked first has forgotten what it knew of this disk.
    rmSync(join(dirOf(1), 'seen-disks'));
    await start(1).ready();
    for (const name of readdirSync(older)) if (/^(CURRENT|state-.*)$/.test(name)) rmSync(join(older, name), { recursive: true });
    const before = contentsOf(older);
    const nowhere = `--members=1=${peers[0]},2=127.0.0.1:1`;
    for (const flags of [[], [nowhere]]) {
      const { code, said } = await repaired(older, ...flags);
      expect({ code, said }).toEqual({
        code: 4,
        said: expect.stringContaining('member 2 refuses this one: member 3 comes with an older copy of its own disk'),
      });
      expect(contentsOf(older)).toEqual(before);
    }
  }, 60_000);

  test('was removed meanwhile: it is told so, and nothing changes', async () => {
    await programs.get(3)!.stop();
    await api(1).call(Cluster, 'removeMember', { memberId: 3n }, { deadlineMs: 20_000 });
    const { code, said } = await repaired(dirOf(3));
    expect({ code, said }).toEqual({ code: 4, said: expect.stringContaining('member 3 was removed from the cluster') });
  }, 30_000);

  test('has lost its disk: there is nothing to keep, and it does not come back under its number', async () => {
    for (const [name, words] of [
      ['none', 'there is no such directory'],
      ['empty', 'it is empty, so there is nothing that a repair could keep'],
    ] as const) {
      const path = join(folder, name);
      if (name === 'empty') mkdirSync(path, { mode: 0o700 });
      const { code, said } = await repaired(path);
      expect({ code, said }).toEqual({ code: 4, said: expect.stringContaining(words) });
      expect(said).toContain('env-cli member replace 3 NEW-NUMBER PEER-ADDRESS');
    }
  }, 30_000);

  test('reaches nobody: it is said who was asked and what came of it, and nothing changes', async () => {
    await Promise.all([...programs.values()].map((program) => program.stop('SIGKILL')));
    const before = readdirSync(dirOf(3)).toSorted();
    const { code, said } = await repaired(dirOf(3));
    expect({ code, said }).toEqual({ code: 4, said: expect.stringContaining('no other member gave a state: member 1 at') });
    expect(said).toContain('The state is the one that it was');
    expect(readdirSync(dirOf(3)).toSorted()).toEqual(before);
  }, 30_000);

  test('has files that the machine or a person broke: what is wrong and what helps is said without a stack, and nothing changes', async () => {
    const founding = join(dirOf(3), 'founding');
    writeFileSync(founding, readFileSync(founding).subarray(0, 20));
    const damaged = await repaired(dirOf(3));
    expect(damaged).toMatchObject({ code: 4, said: expect.stringContaining('Copy the file founding from the data directory') });
    rmSync(join(dirOf(3), 'CURRENT'));
    mkdirSync(join(dirOf(3), 'CURRENT'));
    const unreadable = await repaired(dirOf(3));
    expect(unreadable).toMatchObject({ code: 4, said: expect.stringContaining('EISDIR') });
    expect(unreadable.said).toContain('The state is the one that it was');
    expect(damaged.said + unreadable.said).not.toMatch(/^ +at /m);
  }, 30_000);
});
