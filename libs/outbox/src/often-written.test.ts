import { createHmac } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { ClusterTwin } from './cluster-twin.ts';
import { HostTwin } from './host-twin.ts';
import { defaultOutboxLimits } from './limits.ts';
import type { AttemptEvent } from './ports.ts';
import { TargetError } from './provider.ts';
import { CloudTwin } from './testing/cloud-twin.ts';
import { OutboxWorker } from './worker.ts';

const intervalMs = 600_000;
let host: HostTwin;
let cluster: ClusterTwin;
let cloud: CloudTwin;
let events: AttemptEvent[];
let worker: OutboxWorker;

beforeEach(async () => {
  host = new HostTwin();
  cluster = new ClusterTwin();
  cloud = new CloudTwin();
  cloud.limits = { ...cloud.limits, keyWrites: { writesBurst: 2, intervalMs } };
  events = [];
  worker = new OutboxWorker({
    cluster: { clusterId: 'c1', epoch: 1 },
    source: cluster,
    reports: cluster,
    imports: cluster,
    open: cloud.open,
    hash: (bytes) => createHmac('sha256', 'a key').update(bytes).digest('hex'),
    host,
    observer: { attempted: (event) => events.push(event), alarm: () => {}, trouble: () => {} },
    limits: { ...defaultOutboxLimits, scanIntervalMs: 1e12 },
  });
  cluster.onChange(() => worker.changed());
  cluster.define(1, { deleteShareMaxPercent: 100 });
  worker.leadership({ term: 1 });
  await host.pass(1_100);
});
afterEach(async () => {
  await Promise.all([worker.stop(0), host.pass(0)]);
});

/** Writes an environment, and lets what follows at once happen. */
async function write(variables: Readonly<Record<string, string>>): Promise<void> {
  cluster.write('prod', variables);
  await host.pass(1_000);
}

/** Makes every write fail. */
function failing(failure: TargetError): CloudTwin['before'] {
  return (call) => (call.startsWith('write') ? Promise.reject(failure) : Promise.resolve());
}

describe('a key that is written too often', () => {
  test('waits, says so and until when, and is then written once, as it is newest', async () => {
    for (const value of ['1', '2', '3', '4']) await write({ A: value });
    expect(cloud.values()).toEqual({ 'prod--A': '2' });
    expect(worker.status(1, 'prod', 'deliver')).toMatchObject({
      status: {
        state: 'PENDING',
        reason: expect.stringMatching(/^prod--A: it was written 2 times in short order, and may be once in 600 s/),
      },
      attempts: 0,
    });
    const waitMs = worker.status(1, 'prod', 'deliver')!.nextAttemptInMs!;
    expect([waitMs > intervalMs - 5_000, waitMs <= intervalMs]).toEqual([true, true]);
    await host.pass(waitMs - 1);
    expect(cloud.values()).toEqual({ 'prod--A': '2' });
    await host.pass(1_000);
    expect(cloud.values()).toEqual({ 'prod--A': '4' });
    expect(cloud.writes().filter((call) => call === 'write prod--A').length).toBe(3);
    expect(cluster.heldOf(1)).toMatchObject([{ environment: 'prod', revision: 4, failed: false }]);
  });

  test('holds up no other key of its environment, also of a later revision', async () => {
    for (const value of ['1', '2', '3']) await write({ A: value, B: 'b' });
    await write({ A: '4', B: 'other' });
    expect(cloud.values()).toEqual({ 'prod--A': '2', 'prod--B': 'other' });
    expect(worker.status(1, 'prod', 'deliver')?.status.variables).toMatchObject([{ variable: 'A', state: 'PENDING' }]);
  });

  test('keeps what is no longer wanted until it is in place itself', async () => {
    for (const value of ['1', '2']) await write({ A: value, GONE: 'x' });
    await write({ A: '3' });
    expect(cloud.values()).toEqual({ 'prod--A': '2', 'prod--GONE': 'x' });
    await host.pass(intervalMs);
    expect(cloud.values()).toEqual({ 'prod--A': '3' });
  });

  test('never becomes a dead letter by waiting, however long it is overtaken', async () => {
    for (let i = 0; i < 40; i++) {
      await write({ A: String(i) });
      await host.pass(intervalMs / 4);
    }
    await host.pass(intervalMs);
    expect(events.every(({ outcome }) => outcome === 'delivered' || outcome === 'retry')).toBe(true);
    expect(cloud.values()).toEqual({ 'prod--A': '39' });
  });

  test('beside one that is refused: the environment fails for good only when nothing waits any more', async () => {
    for (const value of ['1', '2', '3']) await write({ A: value, EMPTY: '' });
    expect(worker.status(1, 'prod', 'deliver')?.nextAttemptInMs).toBeGreaterThan(0);
    await host.pass(intervalMs + 1_000);
    expect(cloud.values()).toEqual({ 'prod--A': '3' });
    expect(cluster.heldOf(1)).toMatchObject([{ revision: 3, failed: true }]);
  });

  test('a write that certainly did not happen does not count, one that may have happened does', async () => {
    await write({ A: '1' });
    cloud.before = failing(new TargetError('refused', 'no'));
    for (const value of ['2', '3', '4']) await write({ A: value });
    cloud.before = () => Promise.resolve();
    await write({ A: '5' });
    expect(cloud.values()).toEqual({ 'prod--A': '5' });
    await host.pass(10 * intervalMs);
    cloud.before = failing(new TargetError('connection-lost', 'cut'));
    cluster.write('prod', { A: '6' });
    await host.until(() => cloud.calls.filter((call) => call === 'write prod--A').length >= 7);
    cloud.before = () => Promise.resolve();
    await host.pass(30_000);
    await write({ A: '7' });
    expect(worker.status(1, 'prod', 'deliver')?.status.state).toBe('PENDING');
  });

  test('is still remembered when its mirror is paused and resumed', async () => {
    for (const value of ['1', '2']) await write({ A: value });
    for (const paused of [true, false]) {
      cluster.define(1, { deleteShareMaxPercent: 100, paused });
      await host.pass(1_000);
    }
    await write({ A: '3' });
    expect(cloud.values()).toEqual({ 'prod--A': '2' });
  });
});
