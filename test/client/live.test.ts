import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect, type Client, type Live } from '@env-cli/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';

/** What the twin of libs/client says of live environments, said by real members. */
let cluster: LocalCluster;
let client: Client;
let folder: string;
const key = randomBytes(32);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-live-'));
  cluster = await LocalCluster.start();
  client = await connect(cluster.addresses, { timeoutMs: 30_000 });
}, 90_000);
afterAll(async () => {
  await client.close();
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The values that a live environment comes to. */
async function comesTo(live: Live<object>, wanted: object): Promise<void> {
  const changes = live[Symbol.asyncIterator]();
  const isThere = (): boolean => JSON.stringify(live.current) === JSON.stringify(wanted);
  while (!isThere()) if ((await changes.next()).done === true) throw new Error('it ended');
  await changes.return?.();
}

test('one that is older than what is kept is followed from its last revision on', async () => {
  await client.environments.create('live/old', { variables: { A: '1' } });
  let revision = 0;
  for (let i = 0; i < 5; i++)
    ({ revision } = await client.environments.set('live/other', { I: String(i) }, { createIfAbsent: true }));
  await client.cluster.compact(revision);
  for (const consistency of ['strong', 'read-your-writes', { maxLagMs: 5000 }, 'eventual'] as const) {
    const live = await client.live('live/old', { consistency }).ready;
    const value = JSON.stringify(consistency);
    await client.environments.set('live/old', { A: value });
    await comesTo(live, { A: value });
    expect(live.status).toMatchObject({ state: 'following', source: 'cluster' });
    await live.close();
  }
}, 60_000);

test('it keeps up with every change while each member in turn is killed and comes back', async () => {
  await client.environments.create('live/through', { variables: { N: '0' } });
  const own = await connect(cluster.addresses, { timeoutMs: 30_000 });
  const live = await own.live('live/through').ready;
  const revisions: number[] = [];
  live.onChange((change) => change.kind === 'values' && revisions.push(change.revision));
  let count = 0;
  for (const { id } of cluster.members) {
    await cluster.end(id);
    for (let i = 0; i < 5; i++) await client.environments.set('live/through', { N: String(++count) });
    await comesTo(live, { N: String(count) });
    cluster.startMember(id);
    await cluster.ready();
  }
  expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
  expect(live.status).toMatchObject({ source: 'cluster', deleted: false });
  await own.close();
}, 180_000);

test('a thousand of them follow beside each other', async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `live/many-${i}`);
  await Promise.all(names.map((name) => client.environments.create(name, { variables: { A: '1' } })));
  const lives = await Promise.all(names.map((name) => client.live(name).ready));
  await Promise.all(names.map((name) => client.environments.set(name, { A: '2' })));
  await Promise.all(lives.map((live) => comesTo(live, { A: '2' })));
  expect(new Set(lives.map((live) => live.status.state))).toEqual(new Set(['following']));
  await Promise.all(lives.map((live) => live.close()));
}, 60_000);

test('with the whole cluster gone a program starts from its cache, in which no secret can be found', async () => {
  const secrets = Array.from({ length: 200 }, (_, i) => [`S${i}`, `sk_planted_${i}_${randomBytes(12).toString('hex')}`] as const);
  const variables = Object.fromEntries(secrets.map(([name, value]) => [name, { value, secret: true }]));
  await client.environments.create('live/secret', { variables });
  const directory = join(folder, 'cache');
  const cache = { directory, key, afterMs: 500 };
  const first = await connect(cluster.addresses);
  await first.live('live/secret', { cache }).ready;
  await first.close();

  const files = readdirSync(directory).map((name) => join(directory, name));
  expect(files).toHaveLength(1);
  const bytes = readFileSync(files[0]!);
  expect(secrets.filter(([, value]) => bytes.includes(value))).toEqual([]);
  expect(statSync(files[0]!).mode & 0o777).toBe(0o600);

  for (const { id } of cluster.members) await cluster.end(id);
  const second = await connect(cluster.addresses, { lazy: true });
  const live = await second.live('live/secret', { cache }).ready;
  expect(live.status).toMatchObject({ state: 'away', source: 'cache' });
  expect({ ...live.current }).toEqual(Object.fromEntries(secrets));
  const confirmed = new Promise<string>((resolve) => {
    live.onChange((change) => change.kind === 'values' && resolve(change.source));
  });
  for (const { id } of cluster.members) cluster.startMember(id);
  expect(await confirmed).toBe('cluster');
  await second.close();
}, 120_000);
