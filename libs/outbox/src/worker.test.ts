import { createHmac } from 'node:crypto';

import { BrokenInvariant } from '@env-cli/support';
import { afterEach, describe, expect, test } from '@jest/globals';

import { CloudTwin, clocked } from './testing/cloud-twin.ts';
import { ClusterTwin } from './cluster-twin.ts';
import { HostTwin, turn } from './host-twin.ts';
import { defaultOutboxLimits, type OutboxLimits } from './limits.ts';
import type { AttemptEvent, OutboxSource, ReportSink } from './ports.ts';
import { type OpenProvider, TargetError } from './provider.ts';
import { NotDelivering, OutboxWorker } from './worker.ts';

function hash(bytes: Uint8Array): string {
  return createHmac('sha256', 'a key').update(bytes).digest('hex');
}

/** A member's process: a worker, and what it told. */
interface Process {
  readonly worker: OutboxWorker;
  readonly events: AttemptEvent[];
  readonly alarms: string[];
  readonly troubles: string[];
  /** From now on the cluster is not reached any more: another leads, and this one does not know. */
  readonly cut: () => void;
}

/** The cluster as a process sees it that loses it. */
function reachedUntil(cluster: ClusterTwin, cut: AbortSignal): OutboxSource & ReportSink {
  const reach = <T>(call: () => Promise<T>) => (cut.aborted ? Promise.reject(new Error('no leader')) : call());
  return {
    mirrors: () => reach(() => cluster.mirrors()),
    due: (...query) => reach(() => cluster.due(...query)),
    held: (...query) => reach(() => cluster.held(...query)),
    snapshot: (...query) => reach(() => cluster.snapshot(...query)),
    propose: (...reports) => reach(() => cluster.propose(...reports)),
  };
}

class World {
  readonly host = new HostTwin();
  readonly cluster = new ClusterTwin();
  readonly cloud = new CloudTwin();
  readonly workers: OutboxWorker[] = [];
  open: OpenProvider = this.cloud.open;

  start(limits: Partial<OutboxLimits> = {}, epoch = 1): Process {
    const cut = new AbortController();
    const events: AttemptEvent[] = [];
    const alarms: string[] = [];
    const troubles: string[] = [];
    const worker = new OutboxWorker({
      cluster: { clusterId: 'c1', epoch },
      source: reachedUntil(this.cluster, cut.signal),
      reports: reachedUntil(this.cluster, cut.signal),
      imports: this.cluster,
      open: this.open,
      hash,
      host: this.host,
      observer: {
        attempted: (event) => events.push(event),
        alarm: ({ reason }) => alarms.push(reason),
        trouble: ({ doing }) => troubles.push(doing),
      },
      limits: { ...defaultOutboxLimits, ...limits },
    });
    this.cluster.onChange(() => worker.changed());
    this.workers.push(worker);
    return { worker, events, alarms, troubles, cut: () => cut.abort() };
  }

  /** A worker that leads and whose wait for the old leader is over. */
  async lead(limits: Partial<OutboxLimits> = {}): Promise<Process> {
    const process = this.start(limits);
    process.worker.leadership({ term: this.cluster.term });
    await this.host.pass(1_100);
    return process;
  }

  /** Until nothing is due any more. */
  settled(id = 1): Promise<void> {
    return this.host.until(() => this.cluster.dueOf(id).length === 0);
  }
}

const worlds: World[] = [];

function newWorld(): World {
  const world = new World();
  worlds.push(world);
  return world;
}

afterEach(async () => {
  for (const { workers, host } of worlds.splice(0)) await Promise.all([...workers.map((worker) => worker.stop(0)), host.pass(0)]);
});

function variables(count: number, value = 'v'): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`V${String(i).padStart(2, '0')}`, `${value}${i}`]));
}

describe('what is committed reaches the target', () => {
  test('written, changed, unset and removed', async () => {
    const world = newWorld();
    world.cluster.define(1, { deleteShareMaxPercent: 100 });
    world.cluster.write('prod', { A: '1', B: '2' });
    const { events } = await world.lead();
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': '1', 'prod--B': '2' });
    world.cluster.write('prod', { A: '3' });
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': '3' });
    world.cluster.remove('prod');
    await world.settled();
    expect(world.cloud.values()).toEqual({});
    expect(world.cluster.heldOf(1)).toEqual([]);
    expect(events.map(({ outcome, steps }) => [outcome, steps])).toEqual([
      ['delivered', 2],
      ['delivered', 2],
      ['withdrawn', 1],
    ]);
  });

  test('a revision that changes nothing makes no write call', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', variables(3));
    await world.lead();
    await world.settled();
    const before = world.cloud.writes().length;
    world.cluster.write('prod', variables(3));
    await world.settled();
    expect(world.cloud.writes().length).toBe(before);
    expect(world.cluster.heldOf(1)).toMatchObject([{ environment: 'prod', revision: 2 }]);
  });

  test('a burst costs one delivery of the newest after the one under way', async () => {
    const world = newWorld();
    world.cluster.define(1);
    const { events } = await world.lead();
    const gate = Promise.withResolvers<void>();
    world.cloud.before = () => gate.promise;
    world.cluster.write('prod', { A: 'first' });
    await world.host.pass(100);
    for (let i = 0; i < 50; i++) world.cluster.write('prod', { A: `later ${i}` });
    await world.host.pass(100);
    gate.resolve();
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': 'later 49' });
    expect(events.map(({ revision }) => revision)).toEqual([1, 51]);
  });

  test('a row that is seen again while its report is under way costs no second look at the target', async () => {
    const world = newWorld();
    world.cluster.define(1);
    const { events } = await world.lead();
    const applied = Promise.withResolvers<void>();
    world.cluster.beforeReports = () => applied.promise;
    world.cluster.write('prod', { A: '' });
    await world.host.pass(200);
    world.cluster.write('dev', { A: '1' });
    await world.host.pass(200);
    applied.resolve();
    await world.settled();
    await world.host.pass(1_000);
    expect(events.map(({ environment, outcome }) => [environment, outcome])).toEqual([
      ['prod', 'failed'],
      ['dev', 'delivered'],
    ]);
    expect(world.cloud.calls.filter((call) => call === 'read prod--A')).toHaveLength(1);
  });

  test('a paused mirror delivers nothing, and goes on where it stood', async () => {
    const world = newWorld();
    world.cluster.define(1, { paused: true });
    world.cluster.write('prod', { A: '1' });
    await world.lead();
    await world.host.pass(60_000);
    expect(world.cloud.calls).toEqual([]);
    world.cluster.define(1, { paused: false });
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': '1' });
  });

  test('who does not lead makes no call, and says so to a dry run', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: '1' });
    const { worker } = world.start();
    await world.host.pass(60_000);
    expect(world.cloud.calls).toEqual([]);
    await expect(worker.plan(1, ['prod'])).rejects.toBeInstanceOf(NotDelivering);
  });
});

describe('what is not ours survives', () => {
  test('a foreign secret survives every operation', async () => {
    const world = newWorld();
    world.cloud.meddle('prod--A', 'foreign');
    world.cloud.meddle('prod--Z', 'bystander');
    world.cluster.define(1, { deleteShareMaxPercent: 100 });
    world.cluster.write('prod', { A: 'ours', B: '2' });
    const { worker, events } = await world.lead();
    await world.settled();
    world.cluster.write('prod', { A: 'ours again' });
    await world.settled();
    world.cluster.remove('prod');
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': 'foreign', 'prod--Z': 'bystander' });
    expect(events[0]).toMatchObject({
      outcome: 'failed',
      status: { state: 'BLOCKED_BY_POLICY', variables: [{ variable: 'A' }] },
    });
    expect(worker.status(1, 'prod', null)).toBeNull();
  });

  test('what nobody marked and is equal becomes ours without being written', async () => {
    const world = newWorld();
    world.cloud.meddle('prod--A', 'same');
    world.cluster.define(1);
    world.cluster.write('prod', { A: 'same' });
    await world.lead();
    await world.settled();
    expect(world.cloud.writes()).toEqual(['tag prod--A']);
  });

  test('a source error deletes nothing and writes nothing', async () => {
    const world = newWorld();
    world.cluster.define(1, { deleteShareMaxPercent: 100 });
    world.cluster.write('prod', { A: '1', B: '2' });
    const { events } = await world.lead();
    await world.settled();
    const before = [...world.cloud.calls];
    world.cluster.unreadable.set('prod', { problem: 'no key opens it', refusals: [{ variable: 'B', reason: 'sealed' }] });
    world.cluster.write('prod', {});
    await world.settled();
    expect(world.cloud.calls).toEqual(before);
    expect(world.cloud.values()).toEqual({ 'prod--A': '1', 'prod--B': '2' });
    expect(events.at(-1)).toMatchObject({ outcome: 'failed', attempts: 12, status: { state: 'SOURCE_ERROR' } });
    world.cluster.unreadable.clear();
    world.cluster.write('prod', { A: '1' });
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': '1' });
  });

  test('a cluster that cannot be read costs nothing but time', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: '1' });
    world.cluster.failure = new Error('no leader');
    const { worker, troubles } = world.start();
    worker.leadership({ term: 1 });
    await world.host.pass(10_000);
    expect(troubles.length).toBeGreaterThan(3);
    world.cluster.failure = null;
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': '1' });
  });
});

describe('names and values that the target does not take', () => {
  test('an empty value is reported, the key it had is kept, and the others go on', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: '1', B: '2' });
    const { worker } = await world.lead();
    await world.settled();
    world.cluster.write('prod', { A: '', B: '3' });
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': '1', 'prod--B': '3' });
    expect(worker.status(1, 'prod', null)?.status.variables).toEqual([
      { variable: 'A', state: 'BLOCKED_BY_POLICY', reason: 'this store takes no empty value' },
    ]);
  });

  test('two names that become one are both refused, and the others go on', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { 'A-B': '1', A_B: '2', C: '3' });
    const { worker } = await world.lead();
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--C': '3' });
    expect(worker.status(1, 'prod', null)?.status.variables.map(({ variable }) => variable)).toEqual(['A-B', 'A_B']);
  });

  test('environments that become one name are kept apart: the second is refused', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('a', { 'b--C': '1' });
    await world.lead();
    await world.settled();
    world.cluster.write('a--b', { C: '2' });
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'a--b--C': '1' });
    expect(world.cluster.heldOf(1)).toMatchObject([{ failed: false }, { environment: 'a--b', failed: true }]);
  });
});

describe('failures', () => {
  test('a partial failure lists every key, and what failed for good is tried again by the scan alone', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', variables(4));
    world.cloud.before = async (call) => {
      if (call === 'write prod--V01') throw new TargetError('refused', 'access denied');
      if (call === 'write prod--V02') throw new TargetError('unavailable', 'try later');
    };
    const { worker, events } = await world.lead();
    await world.host.until(() => events.length > 0);
    const live = worker.status(1, 'prod', 'deliver');
    expect(live).toMatchObject({ attempts: 1, status: { state: 'TARGET_ERROR', others: { state: 'SYNCED' } } });
    expect(live?.nextAttemptInMs).toBeLessThanOrEqual(250);
    expect(live?.status.variables).toEqual([
      { variable: 'V01', state: 'TARGET_ERROR', reason: 'access denied' },
      { variable: 'V02', state: 'TARGET_ERROR', reason: 'try later' },
    ]);
    await world.settled();
    expect(events).toHaveLength(12);
    expect(world.cluster.heldOf(1)).toEqual([{ environment: 'prod', revision: 1, failed: true }]);
    world.cloud.before = () => Promise.resolve();
    await world.host.until(() => world.cluster.heldOf(1).every(({ failed }) => !failed));
    expect(Object.keys(world.cloud.values())).toHaveLength(4);
  });

  test('throttling slows the target down, and the wait that it asks for is honoured', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: '1' });
    let throttled = 0;
    world.cloud.before = async (call) => {
      if (call.startsWith('write') && throttled++ < 1) throw new TargetError('throttled', 'slow down', 30_000);
    };
    const moments = clocked(world.cloud, world.host);
    const { events } = await world.lead();
    await world.settled();
    expect(events.map(({ outcome }) => outcome)).toEqual(['retry', 'delivered']);
    const [first = 0, second = 0] = moments.filter((_moment, i) => world.cloud.calls[i]?.startsWith('write'));
    expect(second - first).toBeGreaterThanOrEqual(30_000);
  });

  test('a call that does not answer fails at its time limit, and holds its place until it ends', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: '1' });
    const deaf = Promise.withResolvers<void>();
    let writes = 0;
    world.cloud.before = (call, signal) => {
      if (!call.startsWith('write')) return Promise.resolve();
      if (writes++ === 0) return deaf.promise;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('socket hang up'))));
    };
    const { worker, events } = await world.lead();
    await world.host.pass(900);
    expect(worker.status(1, 'prod', 'deliver')).toBeNull();
    await world.host.pass(9_100);
    expect([events.length, worker.figures().deliveriesInFlight]).toEqual([0, 1]);
    // Meanwhile the status says that it hangs, for how long, and where.
    expect(worker.figures().callsHanging).toBe(1);
    expect(worker.status(1, 'prod', 'deliver')).toMatchObject({
      status: {
        state: 'TARGET_ERROR',
        reason: expect.stringMatching(
          /^a write at \S+ hangs: it was to end within 1000 ms and has run for \d+ s\. .*look whether/,
        ),
      },
      attempts: 1,
      nextAttemptInMs: null,
      hangsForMs: expect.any(Number),
    });
    deaf.reject(new Error('socket hang up'));
    await world.host.pass(2_000);
    expect(worker.figures().callsHanging).toBe(0);
    const reasons = events.map(({ status }) => status.others.reason);
    expect(new Set(reasons)).toEqual(new Set(['prod--A: the target did not answer within 1000 ms']));
  });

  test('a fault of the provider is reported without its words: they may hold a value', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: 's3cret' });
    world.cloud.before = async (call) => {
      if (call.startsWith('write')) throw new RangeError('cannot send s3cret');
    };
    const { events } = await world.lead();
    await world.settled();
    expect(events[0]).toMatchObject({ outcome: 'failed', status: { state: 'INTERNAL_ERROR' } });
    expect(JSON.stringify([events, world.cluster.reports])).not.toContain('s3cret');
  });

  test('a report that is not applied is made again, and costs no second write', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', variables(3));
    world.cloud.before = async (call) => {
      if (call.startsWith('write')) world.cluster.failure = new Error('no quorum');
    };
    const { troubles } = await world.lead();
    await world.host.pass(5_000);
    expect(troubles).toContain('reporting deliveries');
    world.cluster.failure = null;
    await world.settled();
    expect(world.cloud.writes()).toHaveLength(3);
  });
});

describe('a rate of 3 calls a second', () => {
  test('44 keys with a kill in the middle arrive once each, and the rate holds', async () => {
    const world = newWorld();
    world.cloud.limits = { ...world.cloud.limits, callsPerSecond: 3, callsBurst: 3 };
    world.cluster.define(1);
    world.cluster.write('prod', variables(44));
    const moments = clocked(world.cloud, world.host);
    const first = await world.lead();
    await world.host.until(() => world.cloud.writes().length === 20);
    first.worker.leadership(null);
    const killedAt = world.cloud.calls.length;
    world.cluster.term = 2;
    const second = await world.lead();
    await world.settled();
    expect(Object.keys(world.cloud.values())).toHaveLength(44);
    expect(world.cloud.writes()).toHaveLength(44);
    expect(second.events.map(({ outcome, steps }) => [outcome, steps])).toEqual([['delivered', 24]]);
    for (const [begin, end] of [
      [0, killedAt],
      [killedAt, moments.length],
    ] as const) {
      const run = moments.slice(begin, end);
      // In no second more than the burst and what three a second allow.
      const inSecondsFrom = run.map((from) => run.filter((moment) => moment >= from && moment < from + 1_000).length);
      expect(Math.max(...inSecondsFrom)).toBeLessThanOrEqual(6);
    }
  });
});

describe('leaders that follow each other', () => {
  test('a new leader waits out the longest call before its first', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: '1' });
    const { worker } = world.start();
    worker.leadership({ term: 1 });
    await world.host.pass(999);
    expect(world.cloud.calls).toEqual([]);
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': '1' });
  });

  test('a mirror that is made during a reign need not wait', async () => {
    const world = newWorld();
    world.cluster.write('prod', { A: '1' });
    await world.lead();
    world.cluster.define(1);
    await world.host.pass(500);
    expect(world.cloud.values()).toEqual({ 'prod--A': '1' });
  });

  test('an old value that a deposed leader lands late gives way to the newest', async () => {
    const world = newWorld();
    world.cluster.define(1, { onDrift: 'report' });
    world.cluster.write('prod', { A: 'old' });
    const old = await world.lead();
    const late = Promise.withResolvers<void>();
    world.cloud.before = (call) => (call.startsWith('write') ? late.promise : Promise.resolve());
    world.cluster.write('prod', { A: 'older' });
    await world.host.pass(100);
    // It is paused with a call on its way, and does not know that it is deposed.
    old.cut();
    world.cloud.before = () => Promise.resolve();
    world.cluster.term = 2;
    await world.lead();
    world.cluster.write('prod', { A: 'newest' });
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': 'newest' });
    late.resolve();
    await turn();
    expect(world.cloud.values()).toEqual({ 'prod--A': 'older' });
    await world.host.pass(3_000);
    expect(world.cloud.values()).toEqual({ 'prod--A': 'newest' });
    expect(old.events.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  });

  test('what the old leader reported last is read back too', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: 'new' });
    const old = await world.lead();
    await world.settled();
    old.worker.leadership(null);
    world.cluster.term = 2;
    await world.lead();
    world.cloud.restamp('prod--A', 'prod--A', { revision: 0 }, 'late');
    await world.host.pass(3_000);
    expect(world.cloud.values()).toEqual({ 'prod--A': 'new' });
  });

  test('no call begins once a reign is over', async () => {
    const world = newWorld();
    world.cloud.limits = { ...world.cloud.limits, callsPerSecond: 10, callsBurst: 1 };
    world.cluster.define(1);
    world.cluster.write('prod', variables(20));
    const { worker } = await world.lead();
    await world.host.until(() => world.cloud.writes().length === 5);
    worker.leadership(null);
    await world.host.pass(60_000);
    expect(world.cloud.writes()).toHaveLength(5);
  });

  test('the stamp of a later epoch stops the mirror with an alarm, and nothing is written', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: '1' });
    const restored = world.start({}, 2);
    restored.worker.leadership({ term: 1 });
    await world.host.pass(1_100);
    await world.settled();
    restored.worker.leadership(null);
    world.cluster.write('prod', { A: '2' });
    const { worker, alarms } = await world.lead();
    await world.host.pass(60_000);
    expect(world.cloud.values()).toEqual({ 'prod--A': '1' });
    expect(alarms).toEqual([expect.stringContaining('epoch 2')]);
    expect(worker.status(1, 'prod', 'deliver')?.status.state).toBe('BLOCKED_BY_POLICY');
  });
});

describe('the delete brake', () => {
  test('a selector that loses most of a mirror deletes nothing until a person says so', async () => {
    const world = newWorld();
    world.cluster.define(1);
    for (let i = 0; i < 10; i++) world.cluster.write(i < 8 ? `old${i}` : `new${i}`, { A: 'x' });
    const { worker, alarms } = await world.lead();
    await world.settled();
    world.cluster.define(1, { prefix: 'new' });
    await world.host.pass(7_200_000);
    expect(world.cloud.secrets.size).toBe(10);
    expect(alarms[0]).toContain('8 of 10 keys');
    expect(worker.status(1, 'old0', 'withdraw')?.status).toMatchObject({ state: 'BLOCKED_BY_POLICY' });
    world.cluster.define(1, { prefix: 'new', deleteShareMaxPercent: 100 });
    await world.settled();
    expect(Object.keys(world.cloud.values())).toEqual(['new8--A', 'new9--A']);
  });

  test('deletions one after another count together within an hour', async () => {
    const world = newWorld();
    world.cluster.define(1);
    for (let i = 0; i < 10; i++) world.cluster.write(`e${i}`, { A: 'x' });
    await world.lead();
    await world.settled();
    for (let i = 0; i < 6; i++) {
      world.cluster.remove(`e${i}`);
      await world.host.pass(10_000);
    }
    expect(world.cloud.secrets.size).toBe(5);
    await world.host.pass(3_700_000);
    expect(world.cloud.secrets.size).toBe(4);
  });

  test('does not hold what a person deletes with the mirror itself', async () => {
    const world = newWorld();
    world.cluster.define(1);
    for (let i = 0; i < 10; i++) world.cluster.write(`e${i}`, { A: 'x' });
    await world.lead();
    await world.settled();
    world.cluster.undefine(1);
    await world.settled();
    expect(world.cloud.values()).toEqual({});
    expect(world.cluster.heldOf(1)).toEqual([]);
  });

  test('variables that vanish from an environment are held, and its writes go on', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', variables(10));
    await world.lead();
    await world.settled();
    world.cluster.write('prod', { V00: 'changed' });
    await world.settled();
    expect(world.cloud.values()).toMatchObject({ 'prod--V00': 'changed', 'prod--V09': 'v9' });
    expect(world.cluster.heldOf(1)).toMatchObject([{ failed: true }]);
  });
});

describe('what others change at the target', () => {
  test('is overwritten where the policy says so', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: '1', B: '2' });
    await world.lead();
    await world.settled();
    world.cloud.meddle('prod--A', 'meddled');
    world.cloud.secrets.delete('prod--B');
    await world.host.pass(800_000);
    expect(world.cloud.values()).toEqual({ 'prod--A': '1', 'prod--B': '2' });
  });

  test('is left and reported where the policy says so, once', async () => {
    const world = newWorld();
    world.cluster.define(1, { onDrift: 'report' });
    world.cluster.write('prod', { A: '1' });
    const { events } = await world.lead();
    await world.settled();
    world.cloud.meddle('prod--A', 'meddled');
    await world.host.pass(3_000_000);
    expect(world.cloud.values()).toEqual({ 'prod--A': 'meddled' });
    expect(world.cluster.reports.filter(({ kind }) => kind === 'failed')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ outcome: 'failed', status: { state: 'UNSYNCED' } });
    world.cloud.meddle('prod--A', '1');
    await world.host.until(() => world.cluster.heldOf(1).every(({ failed }) => !failed));
  });

  test('an environment that leaves is left where it is if the mirror says so, and is still ours when it comes back', async () => {
    const world = newWorld();
    world.cluster.define(1, { onLeave: 'leave' });
    world.cluster.write('prod', { A: '1' });
    await world.lead();
    await world.settled();
    world.cluster.remove('prod');
    await world.settled();
    await world.host.pass(2_000_000);
    expect(world.cloud.values()).toEqual({ 'prod--A': '1' });
    world.cluster.write('prod', { A: '2' });
    await world.settled();
    expect(world.cloud.values()).toEqual({ 'prod--A': '2' });
  });

  test('what is stamped as ours and unknown to the cluster is withdrawn by the scan', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('prod', { A: '1' });
    await world.lead();
    await world.settled();
    world.cloud.restamp('prod--A', 'lost--A', { environment: 'lost' }, '1');
    await world.host.pass(800_000);
    expect(world.cloud.values()).toEqual({ 'prod--A': '1' });
  });
});

describe('a dry run', () => {
  test('says what would be done, writes nothing, and shows no value', async () => {
    const world = newWorld();
    world.cloud.meddle('prod--B', 'foreign');
    world.cluster.define(1, { deleteShareMaxPercent: 0 });
    world.cluster.write('prod', { A: 's3cret-1', C: 's3cret-2' });
    const { worker } = await world.lead();
    await world.settled();
    const before = world.cloud.writes().length;
    world.cluster.define(1, { paused: true, deleteShareMaxPercent: 0 });
    await world.host.pass(1_000);
    world.cluster.write('prod', { A: 's3cret-1', B: 's3cret-3', D: 's3cret-4', E: '' });
    const plan = await worker.plan(1, ['prod', 'nothing']);
    expect(plan).toEqual([
      {
        environment: 'prod',
        refusedBecause: null,
        items: [
          { key: 'prod--A', action: 'unchanged', step: null, valueBytes: 8, note: '' },
          { key: 'prod--B', action: 'foreign', step: null, valueBytes: 8, note: expect.stringContaining('no mirror wrote') },
          { key: 'prod--C', action: 'orphan', step: null, valueBytes: 0, note: expect.stringContaining('every other key') },
          { key: 'prod--D', action: 'create', step: 'write', valueBytes: 8, note: '' },
          { key: 'prod--E', action: 'create', step: null, valueBytes: 0, note: expect.stringContaining('no empty value') },
        ],
      },
      { environment: 'nothing', refusedBecause: null, items: [] },
    ]);
    expect(world.cloud.writes()).toHaveLength(before);
    expect(JSON.stringify(plan)).not.toContain('s3cret');
  });
});

describe('bounds', () => {
  test('10,000 deliveries wait for a slow target at once, within the bound of memory for values', async () => {
    const world = newWorld();
    world.cloud.limits = { ...world.cloud.limits, deliveriesMax: 5_000, callsPerSecond: 1e6, callsBurst: 1e6 };
    world.cluster.define(1, { prefix: 'a' });
    world.cluster.define(2, { prefix: 'b', name: 'other' });
    for (let i = 0; i < 5_200; i++) {
      world.cluster.write(`a${i}`, { A: 'x'.repeat(100) });
      world.cluster.write(`b${i}`, { A: 'x'.repeat(100) });
    }
    const gate = Promise.withResolvers<void>();
    world.cloud.before = () => gate.promise;
    const { worker } = await world.lead({ pageRows: 2_000 });
    await world.host.pass(2_000);
    expect(worker.figures()).toEqual({
      deliveriesInFlight: 10_000,
      deliveriesWaiting: 0,
      valueBytes: 1_000_000,
      callsHanging: 10_000,
    });
    gate.resolve();
    await world.settled(1);
    await world.settled(2);
    expect(world.cloud.secrets.size).toBe(10_400);
    expect(worker.figures()).toEqual({ deliveriesInFlight: 0, deliveriesWaiting: 0, valueBytes: 0, callsHanging: 0 });
  }, 20_000);

  test('no delivery begins while those under way hold as many bytes of values as they may', async () => {
    const world = newWorld();
    world.cluster.define(1);
    for (let i = 0; i < 50; i++) world.cluster.write(`e${i}`, { A: 'x'.repeat(1_000) });
    world.cloud.before = () => new Promise(() => {});
    const { worker } = await world.lead({ valueBytesMax: 5_000, startsMax: 2 });
    await world.host.pass(1_000);
    expect(worker.figures().valueBytes).toBeGreaterThanOrEqual(5_000);
    expect(worker.figures().valueBytes).toBeLessThanOrEqual(5_000 + 2 * 1_000);
  });

  test('while too many environments wait for another attempt, no further row is begun', async () => {
    const world = newWorld();
    world.cluster.define(1);
    for (let i = 0; i < 100; i++) world.cluster.write(`e${i}`, { A: 'x' });
    world.cloud.limits = { ...world.cloud.limits, deliveriesMax: 1 };
    world.cloud.before = () => Promise.reject(new TargetError('connection-lost', 'no route'));
    const { worker } = await world.lead({ waitingMax: 10, retry: { ...defaultOutboxLimits.retry, waitBaseMs: 300_000 } });
    await world.host.pass(60_000);
    expect(worker.figures().deliveriesWaiting).toBe(10);
  });

  test('a mirror whose target is slow does not hold up another', async () => {
    const world = newWorld();
    world.cluster.define(1, { prefix: 'slow' });
    world.cluster.define(2, { prefix: 'fast', name: 'other' });
    for (let i = 0; i < 200; i++) world.cluster.write(`slow${i}`, { A: 'x' });
    world.cluster.write('fast', { A: 'x' });
    world.cloud.before = (call) => (call.includes('slow') ? new Promise(() => {}) : Promise.resolve());
    await world.lead();
    await world.settled(2);
    expect(world.cloud.values()).toEqual({ 'fast--A': 'x' });
  });
});

describe('the end', () => {
  test('a broken invariant ends the run: the member must stop', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('a', { A: '1' });
    world.cloud.before = () => Promise.reject(new BrokenInvariant('the sky is above'));
    const { worker } = await world.lead();
    await expect(worker.run()).rejects.toThrow('the sky is above');
  });

  test('a mirror whose options make no target is reported and does not hold up the others', async () => {
    const world = newWorld();
    const { open } = world.cloud;
    world.open = (definition, context) => {
      if (definition.name === 'bad') throw new TargetError('refused', 'there is no such account');
      return open(definition, context);
    };
    world.cluster.define(1, { name: 'bad', prefix: 'a' });
    world.cluster.define(2, { name: 'good', prefix: 'b' });
    world.cluster.write('a', { A: '1' });
    world.cluster.write('b', { A: '1' });
    const { worker, alarms } = await world.lead();
    await world.settled(2);
    expect(world.cloud.values()).toEqual({ 'b--A': '1' });
    expect(alarms).toEqual(['there is no such account']);
    expect(worker.status(1, 'a', 'deliver')?.status.reason).toBe('there is no such account');
    expect(await worker.plan(1, ['a'])).toMatchObject([{ refusedBecause: 'there is no such account' }]);
  });

  test('a drain begins nothing more and lets what is under way finish', async () => {
    const world = newWorld();
    world.cloud.limits = { ...world.cloud.limits, deliveriesMax: 1 };
    world.cluster.define(1);
    world.cluster.write('a', { A: '1' });
    world.cluster.write('b', { A: '1' });
    const gate = Promise.withResolvers<void>();
    world.cloud.before = () => gate.promise;
    const { worker } = await world.lead();
    const drained = worker.drain();
    gate.resolve();
    await drained;
    expect(world.cloud.values()).toEqual({ 'a--A': '1' });
    expect(world.cluster.dueOf(1)).toMatchObject([{ environment: 'b' }]);
    const run = worker.run();
    await worker.stop();
    await run;
  });

  test('a stop waits no longer than it may for a call that never ends', async () => {
    const world = newWorld();
    world.cluster.define(1);
    world.cluster.write('a', { A: '1' });
    world.cloud.before = () => new Promise(() => {});
    const { worker } = await world.lead();
    const stopped = worker.stop(5_000);
    await world.host.pass(5_000);
    await stopped;
    await expect(worker.run()).resolves.toBeUndefined();
  });
});
