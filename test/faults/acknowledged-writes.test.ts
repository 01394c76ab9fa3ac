import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect } from '@env-cli/client';

import { LocalCluster } from '../support/cluster.ts';
import { fileDifferences, hashDifferences, settled } from '../support/equality.ts';
import { Ledger } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { makeFaults } from './faults.ts';

const seed = Number(process.env['FAULTS_SEED'] ?? 1);
const writersCount = 16;
const faultsCount = 20;
const loadMsMin = 60_000;

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await LocalCluster.start();
}, 90_000);
afterAll(() => cluster.close());

test(`no acknowledged write is lost or done twice, and no strong read is stale, through ${faultsCount} faults (seed ${seed})`, async () => {
  const random = new Random(seed);
  const directory = join(cluster.directory, 'mirrored');
  mkdirSync(directory, { mode: 0o700 });
  const admin = await connect(cluster.addresses, { timeoutMs: 60_000 });
  await admin.mirrors.create({ name: 'files', prefix: 'faults/', target: { provider: 'file', directory, format: 'dotenv' } });

  const ledger = new Ledger();
  const over = new AbortController();
  const writers = await Promise.all(
    Array.from({ length: writersCount }, () => connect(cluster.addresses, { timeoutMs: 30_000 })),
  );
  // Each reader stays with its member, whether that one leads or not.
  const readers = await Promise.all(
    cluster.members.map((member) => connect(member.apiAddress, { timeoutMs: 30_000, followLeader: false })),
  );
  const load = Promise.all([
    ...writers.map((client, i) => ledger.writeUntil(client, `faults/c${i}`, 4, over.signal)),
    ...readers.map((client, i) => ledger.readUntil(client, `faults/c${i}`, over.signal)),
  ]);
  const beganMs = performance.now();
  const made = await makeFaults(cluster, random, faultsCount, async () => (await admin.cluster.status()).leaderId || 1);
  while (performance.now() - beganMs < loadMsMin)
    await makeFaults(cluster, random, 1, async () => (await admin.cluster.status()).leaderId || 1);
  over.abort();
  await load;

  expect(ledger.acknowledged.length).toBeGreaterThan(1000);
  expect(ledger.strongReads).toBeGreaterThan(100);
  expect([...made.values()].every((count) => count >= 4)).toBe(true);
  expect(ledger.staleReads).toEqual([]);
  expect(await ledger.flaws(admin)).toEqual([]);
  expect(await admin.mirrors.wait({ names: ['files'], timeoutMs: 60_000 })).toMatchObject({ behind: [] });
  expect(await fileDifferences(admin, directory, 'faults/')).toEqual([]);
  expect(hashDifferences(await settled(cluster))).toEqual([]);
  process.stdout.write(
    `${ledger.acknowledged.length} writes acknowledged, ${ledger.writes.length - ledger.acknowledged.length} not; ${ledger.strongReads} strong reads; ` +
      `failures told: ${JSON.stringify(Object.fromEntries(ledger.failures))}\n`,
  );
  await Promise.all([admin, ...writers, ...readers].map((client) => client.close()));
}, 400_000);
