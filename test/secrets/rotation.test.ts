import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

import { type Client, connect, type EnvCliError } from '@env-cli/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';

const run = promisify(execFile);
const environments = 40;
const keys = ['A', 'B', 'C'];

let cluster: LocalCluster;
let client: Client;
let readers: Client[];

beforeAll(async () => {
  cluster = await LocalCluster.start();
  client = await connect(cluster.addresses, { timeoutMs: 30_000 });
  readers = await Promise.all(
    cluster.members.map(({ apiAddress }) => connect(apiAddress, { followLeader: false, timeoutMs: 30_000 })),
  );
}, 90_000);
afterAll(async () => {
  await Promise.all([client, ...readers].map((each) => each?.close()));
  await cluster?.close();
});

function secretOf(place: number, round: number): string {
  return `secret of ${place} in round ${round}`;
}

/** Writes secrets and reads them back in the clear, each at another member, until it is told to stop. Answers what was wrong. */
async function loadUntil(over: AbortSignal, progress: { rounds: number }): Promise<string[]> {
  const wrong: string[] = [];
  const one = async (place: number): Promise<void> => {
    for (let round = 1; !over.aborted; round++) {
      const value = secretOf(place, round);
      const variables = Object.fromEntries(keys.map((key) => [key, { value, secret: true }]));
      const { header } = await client.environments.set(`load/e${place}`, variables, { createIfAbsent: true });
      const reader = readers[(place + round) % readers.length]!;
      const { environment } = await reader.environments.get(`load/e${place}`, { view: 'full', token: header.token });
      for (const variable of environment.variables)
        if (variable.value !== value) wrong.push(`${place}: ${String(variable.value)} instead of ${value}`);
      progress.rounds++;
    }
  };
  const caught = (error: unknown): void => void wrong.push((error as EnvCliError).message);
  await Promise.all(Array.from({ length: environments }, (_, place) => one(place).catch(caught)));
  return wrong;
}

test('data keys and the master key are replaced under load: no write is refused, no read is wrong, on any member', async () => {
  // What is not written any more is sealed anew all the same.
  await client.environments.create('still', { variables: { S: { value: 'quiet', secret: true } } });
  const over = new AbortController();
  const progress = { rounds: 0 };
  const load = loadUntil(over.signal, progress);
  const further = async (): Promise<void> => {
    const goal = progress.rounds + 200;
    await cluster.until(() => progress.rounds >= goal, 60_000);
  };
  await further();
  expect((await client.cluster.rotateDataKey()).dataKeyId).toBe(2);
  for (let resealed = 0; resealed < 2;) {
    await further();
    ({ resealedDataKeyId: resealed } = await client.cluster.keys());
  }
  expect((await client.cluster.keys()).sealingDataKeyId).toBe(2);

  appendFileSync(cluster.masterKeyFile, `${randomBytes(32).toString('base64')}\n`);
  const { stderr } = await run(process.execPath, [
    'apps/cli/dist/bundle-main.js',
    'cluster',
    'rotate-master-key',
    '-e',
    cluster.addresses,
  ]);
  expect(stderr).toMatch(/All keys are wrapped by the master key [0-9a-f]{16}/);
  await further();
  over.abort();
  expect(await load).toEqual([]);

  // The old master key is needed no more, and is good for nothing.
  const [old, fresh] = readFileSync(cluster.masterKeyFile, 'utf8').trim().split('\n');
  writeFileSync(cluster.masterKeyFile, `${fresh}\n`);
  await cluster.end(2, 'SIGKILL');
  cluster.startMember(2);
  await cluster.ready();
  const { environment } = await readers[1]!.environments.get('still', { view: 'full' });
  expect(environment.variables).toMatchObject([{ name: 'S', value: 'quiet' }]);
  writeFileSync(cluster.masterKeyFile, `${old}\n`);
  await cluster.end(3, 'SIGKILL');
  cluster.member(3).log = '';
  cluster.startMember(3);
  expect(await cluster.exited(3)).toBe(5);
  expect(cluster.member(3).log).toMatch(/does not open the keys of this cluster/);
  writeFileSync(cluster.masterKeyFile, `${fresh}\n`);
  cluster.startMember(3);
  await cluster.ready();
}, 240_000);
