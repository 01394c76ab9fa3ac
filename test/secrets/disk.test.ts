import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';

import { type Client, connect } from '@env-cli/client';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';
import { hashDifferences, settled } from '../support/equality.ts';
import { PlantedSecrets } from './planted.ts';

const secretCount = 200;
const environmentCount = 20;
/** A log keeps 64 MiB for members that were away: so much more, a little above 1 MiB a write, makes a snapshot of what they missed. */
const fillerWrites = 76;
const fillerKeys = ['A', 'B', 'C', 'D', 'E'];
const fillerValue = 'x'.repeat(220 * 1024);

let cluster: LocalCluster;
let client: Client;
let targets: string;
/** What is left outside of the members' own folders: backups, the caches of programs, the home of whoever uses the command line. */
let left: string;
const cacheKey = randomBytes(32);
const inLeft = (name: string): string => join(left, name);

beforeEach(() => {
  targets = mkdtempSync(join(tmpdir(), 'env-cli-targets-'));
  left = mkdtempSync(join(tmpdir(), 'env-cli-left-'));
  for (const name of ['scheduled', 'home', 'tmp']) mkdirSync(inLeft(name), { mode: 0o700 });
});
afterEach(async () => {
  await client?.close();
  await cluster?.close();
  for (const folder of [targets, left]) rmSync(folder, { recursive: true, force: true });
});

/** Runs the command line as somebody whose home and temporary files are looked through afterwards. Answers what it printed. */
function cli(args: readonly string[], input = ''): string {
  const { PATH } = process.env;
  const env = { PATH, HOME: inLeft('home'), TMPDIR: inLeft('tmp'), VISUAL: 'grep -q pl4nted' };
  return execFileSync(process.execPath, ['apps/cli/dist/bundle-main.js', ...args], {
    env,
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Everything with a secret that somebody does by hand: nothing of it in an argument. */
function useCommandLine(secret: string): void {
  cli(['context', 'set', 'here', '--endpoint', cluster.addresses]);
  cli(['set', 'shop/cli', 'TOKEN=-', '--secret', '--create'], secret);
  expect(cli(['get', 'shop/cli', '--reveal'])).toContain(secret);
  expect(cli(['history', 'shop/cli', '--reveal', '-o', 'json'])).toContain(secret);
  // Its "editor" ends well only if the secret is in the file that it is given.
  cli(['edit', 'shop/cli', '--reveal']);
  expect(cli(['run', 'shop/cli', '--', 'printenv', 'TOKEN'])).toContain(secret);
}

/** The secrets with which programs start from their caches while no member answers. */
async function fromCaches(names: readonly string[], clusterId: string): Promise<Set<string>> {
  const away = await connect('127.0.0.1:1', { lazy: true });
  try {
    const lives = names.map((name) =>
      away.live(name, { cache: { directory: inLeft('caches'), key: cacheKey, afterMs: 1, clusterId } }),
    );
    const all = await Promise.all(lives.map(async (live) => (await live.ready).current));
    return new Set(all.flatMap((values) => Object.values(values as Record<string, string>)));
  } finally {
    await away.close();
  }
}

const backupsIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.backup'))
    .map((name) => join(folder, name));

/** Does everything with secrets that can be done with them, on a cluster that is killed, catches up and is sent a snapshot. */
async function useUp(planted: PlantedSecrets, plainSecrets: boolean): Promise<void> {
  const flags = ['--log-segment-size=4MiB', `--backup-dir=${inLeft('scheduled')}`, '--backup-interval=1d'];
  cluster = await LocalCluster.start({ plainSecrets, flags });
  client = await connect(cluster.addresses, { timeoutMs: 60_000 });
  mkdirSync(join(targets, 'mirror'), { mode: 0o700 });
  await client.mirrors.create({
    name: 'files',
    target: { provider: 'file', directory: join(targets, 'mirror'), format: 'dotenv' },
  });
  const { leaderId, clusterId } = await client.cluster.status();
  const away = cluster.members.find(({ id }) => id !== leaderId)!;

  const texts = [...planted.texts];
  const take = (count: number): Record<string, { value: string; secret: true }> =>
    Object.fromEntries(texts.splice(0, count).map((value, i) => [`KEY_${i}`, { value, secret: true }]));
  const perWrite = secretCount / environmentCount / 2;
  const names = Array.from({ length: environmentCount }, (_, i) => `shop/e${i}`);
  for (const name of names) await client.environments.create(name, { variables: take(perWrite) });
  const cached = { cache: { directory: inLeft('caches'), key: cacheKey } };
  const lives = await Promise.all(names.map((name) => client.live(name, cached).ready));
  await cluster.end(away.id, 'SIGKILL');
  const stateBefore = readFileSync(join(away.dataDir, 'CURRENT'), 'utf8');
  // Changed, made plain names for, compared with, removed, restored and deleted, half of it while a member is away.
  for (const name of names) await client.environments.set(name, take(perWrite));
  expect(texts).toEqual([]);
  const newest = planted.texts.slice(secretCount / 2);
  const followed = (): boolean => lives.every(({ current }) => Object.values(current).every((value) => newest.includes(value!)));
  await cluster.until(followed, 30_000);
  await Promise.all(lives.map((live) => live.close()));
  expect(await fromCaches(names, clusterId)).toEqual(new Set(newest));
  useCommandLine(planted.texts[0]!);
  cli(['backup', inLeft('by-hand.backup')]);
  for (let i = 0; i < fillerWrites; i++)
    await client.environments.set('filler', Object.fromEntries(fillerKeys.map((key) => [key, `${i}${fillerValue}`])), {
      createIfAbsent: true,
    });
  const [compared, unset, deleted, restored] = names as [string, string, string, string];
  const held = await client.environments.get(compared, { view: 'full', variables: ['KEY_0'] });
  const value = held.environment.variables[0]!.value!;
  expect(planted.texts).toContain(value);
  await client.environments.write({
    conditions: [{ kind: 'variable-equals', environment: compared, variable: 'KEY_0', value }],
    operations: [{ kind: 'set', environment: compared, variables: { COMPARED: 'yes' } }],
  });
  await client.environments.unset(unset, ['KEY_0']);
  await client.environments.delete(deleted);
  const changes = await allOf(client.environments.history(restored));
  await client.environments.write({
    operations: [{ kind: 'restore', environment: restored, revision: changes.at(-1)!.revision }],
  });
  if (!plainSecrets) await client.cluster.rotateDataKey();
  cluster.startMember(away.id);
  await cluster.ready();
  // What it missed came as a snapshot: it has another state directory.
  await cluster.until(() => readFileSync(join(away.dataDir, 'CURRENT'), 'utf8') !== stateBefore, 60_000);
  // Whoever leads next finds no backup, and takes one.
  for (const path of backupsIn(inLeft('scheduled'))) rmSync(path);
  await cluster.end(leaderId, 'SIGKILL');
  cluster.startMember(leaderId);
  await cluster.ready();
  await cluster.until(() => backupsIn(inLeft('scheduled')).length === 1, 60_000);
  expect((await client.mirrors.wait({ names: ['files'], timeoutMs: 60_000 })).behind).toEqual([]);
  expect(hashDifferences(await settled(cluster))).toEqual([]);
}

async function allOf<T>(listing: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of listing) all.push(item);
  return all;
}

/** What lies in the members' folders, while they stand still: files that come and go are not missed. */
function searched(planted: PlantedSecrets): Map<string, Set<string>> {
  for (const { id } of cluster.members) cluster.signal(id, 'SIGSTOP');
  try {
    return planted.inFolder(cluster.directory);
  } finally {
    for (const { id } of cluster.members) cluster.signal(id, 'SIGCONT');
  }
}

/** On a connection of its own: one that is kept may have been closed while files were searched. */
async function metricsAt(port: number): Promise<string> {
  const [response] = (await once(get({ host: '127.0.0.1', port, path: '/metrics', agent: false }), 'response')) as [
    IncomingMessage,
  ];
  return textOf(response);
}

/** Everything that the members left or show anywhere, but where they are told to put secrets. */
async function leaks(planted: PlantedSecrets): Promise<string[]> {
  const found = [...searched(planted), ...planted.inFolder(left)].map(([path, texts]) => `${path}: ${texts.size}`);
  for (const { id, log, metricsPort, process: running } of cluster.members) {
    const metrics = await metricsAt(metricsPort);
    const places = { log, metrics };
    for (const [place, shown] of Object.entries(places))
      if (planted.in(Buffer.from(shown)).size > 0) found.push(`${place} of member ${id}`);
    if (planted.inProcess(running!.pid!).size > 0) found.push(`process of member ${id}`);
  }
  if (planted.inCommandLines().size > 0) found.push('command lines');
  return found;
}

describe('200 planted secrets', () => {
  test('are in no file, log, metric or command line of any member, no backup, cache or home, in no form, and are all there for who asks', async () => {
    const planted = new PlantedSecrets('sealed', secretCount);
    await useUp(planted, false);
    expect(await leaks(planted)).toEqual([]);
    const shown = new Set<string>();
    for (let i = 0; i < environmentCount; i++) {
      const changes = await allOf(client.environments.history(`shop/e${i}`, { view: 'full' }));
      for (const { variables } of changes)
        for (const { before, after } of variables)
          for (const side of [before, after]) if (side?.value != null) shown.add(side.value);
    }
    expect(planted.texts.filter((text) => !shown.has(text))).toEqual([]);
    // They are where somebody wanted them: at the mirror's target.
    expect(planted.inFolder(targets).size).toBeGreaterThan(0);
  }, 240_000);

  test('are found, each of them, where a cluster seals none: so the search finds', async () => {
    const planted = new PlantedSecrets('plain', secretCount);
    await useUp(planted, true);
    const found = new Set<string>();
    for (const texts of searched(planted).values()) for (const text of texts) found.add(text);
    expect(planted.texts.filter((text) => !found.has(text))).toEqual([]);
    expect(await leaks(planted)).not.toEqual([]);
    // In each backup too; and caches, homes and temporary files hold none even here.
    const elsewhere = planted.inFolder(left);
    const backups = [inLeft('by-hand.backup'), ...backupsIn(inLeft('scheduled'))];
    expect([...elsewhere.keys()].toSorted()).toEqual(backups.toSorted());
    for (const backup of backups) expect(planted.texts.filter((text) => !elsewhere.get(backup)!.has(text))).toEqual([]);
    expect(readdirSync(inLeft('home'), { recursive: true })).toContain('.config/env-cli/contexts.json');
  }, 240_000);
});

const around = (bytes: Buffer): Buffer => Buffer.concat([Buffer.alloc(1000, 'a'), bytes, Buffer.alloc(1000, 'b')]);

test('a text is found in every form that it may have', () => {
  const planted = new PlantedSecrets('forms', 3);
  const text = Buffer.from(planted.texts[1]!);
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.from(Buffer.concat([Buffer.alloc(offset, 'q'), text, Buffer.from('tail')]).toString('base64')),
  );
  for (const form of [text, Buffer.from(text.toString('hex')), Buffer.from(String(text), 'utf16le'), ...base64])
    expect([...planted.in(around(form))]).toEqual([String(text)]);
  expect(planted.in(around(Buffer.from('nothing'))).size).toBe(0);
});
