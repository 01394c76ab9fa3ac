import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHmac } from 'node:crypto';

import type { MirrorDefinition } from '@env-cli/mirroring';

import { ClusterTwin } from './cluster-twin.ts';
import { HostTwin } from './host-twin.ts';
import { defaultOutboxLimits } from './limits.ts';
import type { AttemptEvent } from './ports.ts';
import type { CloudProvider, OpenProvider, ReadCalls, WriteCalls } from './provider.ts';
import { OutboxWorker } from './worker.ts';

/** A target as somebody beside the mirror sees it. Each case gets one that is empty. */
export interface TargetUnderTest {
  /** The parts of a mirror's definition that say where it writes. */
  readonly definition: Pick<MirrorDefinition, 'provider' | 'targetKey' | 'options' | 'layout'>;
  readonly open: OpenProvider;
  /** What a reader finds there: the variables of each of these environments that has any. */
  contents(environments: readonly string[]): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>>;
  /** Somebody else gives an environment these variables (and leaves others of it), keeping whatever marks are there. */
  meddle(environment: string, variables: Readonly<Record<string, string>>): Promise<void>;
  /** Awaited before each call, where the store is a real one and the suite's own clock does not slow it. */
  beforeCall?(): Promise<void>;
  close(): Promise<void>;
}

/** A rule that every provider keeps. */
export interface ConformanceCase {
  readonly title: string;
  /** Rejects when the target does not keep it. */
  readonly run: (target: TargetUnderTest) => Promise<void>;
}

/** Text that stands for a secret: it may be at the target, and nowhere else. */
const secret = 's3cret-of-the-conformance-suite';

/** How long a case lets pass for a scan to come and to end, in milliseconds of the twin's time. */
const scanMs = 1_500_000;

/** HMAC-SHA-256 with a key of the suite. */
function hash(bytes: Uint8Array): string {
  return createHmac('sha256', 'the key of the conformance suite').update(bytes).digest('hex');
}

/** A member that delivers. */
interface Leader {
  readonly worker: OutboxWorker;
  readonly kill: () => void;
}

/** A cluster in memory, its clock, and the target. Time stands still while a call to the target is under way. */
class World {
  readonly host = new HostTwin();
  readonly cluster = new ClusterTwin();
  readonly target: TargetUnderTest;
  readonly events: AttemptEvent[] = [];
  readonly alarms: string[] = [];
  readonly troubles: string[] = [];
  /** Calls that changed something, or might have. */
  writes = 0;
  /** Called before and after each of them, with its number. */
  onWrite: (number: number, when: 'before' | 'after') => void = () => {};
  readonly #calls = new Set<Promise<void>>();
  readonly #workers: OutboxWorker[] = [];
  #epoch = 1;

  constructor(target: TargetUnderTest) {
    this.target = target;
  }

  define(over: Partial<MirrorDefinition> = {}): void {
    this.cluster.define(1, { ...this.target.definition, ...over });
  }

  /** A restored cluster counts one further. */
  restore(): void {
    this.#epoch++;
  }

  /** A worker that leads in a new term, with its wait for the one before over. */
  async lead(epoch = this.#epoch): Promise<Leader> {
    this.cluster.term++;
    const worker = new OutboxWorker({
      cluster: { clusterId: 'c0ffee', epoch },
      source: this.cluster,
      reports: this.cluster,
      imports: this.cluster,
      open: (definition, context) => this.#watched(this.target.open(definition, context)),
      hash,
      host: this.host,
      observer: {
        attempted: (event) => this.events.push(event),
        alarm: ({ reason }) => this.alarms.push(reason),
        trouble: ({ doing, error }) => this.troubles.push(`${doing}: ${String(error)}`),
      },
      limits: defaultOutboxLimits,
    });
    this.#workers.push(worker);
    this.cluster.onChange(() => worker.changed());
    worker.leadership({ term: this.cluster.term });
    await this.pass(20_000);
    return { worker, kill: () => worker.leadership(null) };
  }

  /** Whoever leads dies. */
  kill(): void {
    this.#workers.at(-1)?.leadership(null);
  }

  until(holds: () => boolean): Promise<void> {
    return this.host.until(holds, () => this.#working());
  }

  async settled(): Promise<void> {
    await this.until(() => this.cluster.dueOf(1).length === 0);
  }

  async pass(ms: number): Promise<void> {
    let over = false;
    this.host.after(ms, () => (over = true));
    await this.until(() => over);
  }

  /** What the target should hold, and does, of these environments. */
  async mustEqual(environments: readonly string[]): Promise<void> {
    const wanted = Object.fromEntries(
      [...this.cluster.selected(1)]
        .filter(([name, variables]) => environments.includes(name) && Object.keys(variables).length > 0)
        .map(([name, variables]) => [name, { ...variables }]),
    );
    deepEqual(await this.target.contents(environments), wanted);
  }

  async close(): Promise<void> {
    const stopped = Promise.all(this.#workers.map((worker) => worker.stop(0)));
    await this.pass(0);
    await stopped;
  }

  #working(): Promise<unknown> | null {
    return this.#calls.size === 0 ? null : Promise.race(this.#calls);
  }

  #watched(provider: CloudProvider): CloudProvider {
    const reading = (calls: ReadCalls): ReadCalls => ({
      read: (call, meter) => calls.read((signal) => this.#timeless(() => call(signal)), meter),
    });
    const writing = (calls: WriteCalls): WriteCalls => ({
      ...reading(calls),
      write: (call, meter) => calls.write((signal) => this.#timeless(() => this.#counted(() => call(signal))), meter),
    });
    return {
      limits: provider.limits,
      render: (...args) => provider.render(...args),
      read: (environment, keys, calls) => provider.read(environment, keys, reading(calls)),
      apply: (steps, calls) => provider.apply(steps, writing(calls)),
      countOwned: (calls) => provider.countOwned(reading(calls)),
      ownedEnvironments: (calls) => provider.ownedEnvironments(reading(calls)),
      ...(provider.imported === undefined
        ? {}
        : { imported: (key, found, variables, calls) => provider.imported!(key, found, variables, reading(calls)) }),
      close: () => provider.close(),
    };
  }

  async #counted<T>(call: () => Promise<T>): Promise<T> {
    const number = ++this.writes;
    this.onWrite(number, 'before');
    const answer = await call();
    this.onWrite(number, 'after');
    return answer;
  }

  #timeless<T>(call: () => Promise<T>): Promise<T> {
    const made = (this.target.beforeCall?.() ?? Promise.resolve()).then(call);
    const end = made.then(
      () => void this.#calls.delete(end),
      () => void this.#calls.delete(end),
    );
    this.#calls.add(end);
    return made;
  }
}

function rule(title: string, check: (world: World) => Promise<void>): ConformanceCase {
  return {
    title,
    run: async (target) => {
      const world = new World(target);
      try {
        await check(world);
      } finally {
        await world.close();
      }
    },
  };
}

/** What every provider keeps, whatever its store does to a writer. */
export const conformanceCases: readonly ConformanceCase[] = [
  rule('the target follows what is committed: what is new, changed, unset, deleted', async (world) => {
    world.define({ deleteShareMaxPercent: 100 });
    await world.lead();
    const names = ['payments/prod', 'payments/prod/eu', 'shop'];
    world.cluster.write('payments/prod', {
      DB_URL: 'postgres://a?b=c',
      LOG_LEVEL: 'info',
      UNICODE: 'ž🚀 "q" $HOME #1',
      LINES: 'a\nb',
    });
    world.cluster.write('payments/prod/eu', { REGION: 'eu' });
    world.cluster.write('shop', { A: '1' });
    await world.settled();
    await world.mustEqual(names);
    world.cluster.write('payments/prod', { DB_URL: 'postgres://other', LOG_LEVEL: 'info' });
    world.cluster.remove('shop');
    await world.settled();
    await world.mustEqual(names);
    deepEqual(world.troubles, []);
  }),
  rule('an unchanged revision makes no write call, nor do a scan and the next leader', async (world) => {
    world.define();
    const first = await world.lead();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    const { writes } = world;
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    await world.pass(scanMs);
    first.kill();
    await world.lead();
    await world.pass(scanMs);
    equal(world.writes, writes);
    ok(writes > 0, 'nothing was written at all');
  }),
  rule('what somebody else put there survives every operation, and the status says what stands in the way', async (world) => {
    await world.target.meddle('shop', { A: 'theirs' });
    world.define({ deleteShareMaxPercent: 100 });
    const { worker } = await world.lead();
    world.cluster.write('shop', { A: 'ours' });
    await world.settled();
    equal(worker.status(1, 'shop', null)?.status.state, 'BLOCKED_BY_POLICY');
    world.cluster.write('shop', { B: 'ours' });
    await world.settled();
    world.cluster.remove('shop');
    await world.settled();
    world.cluster.undefine(1);
    await world.settled();
    await world.pass(scanMs);
    equal((await world.target.contents(['shop']))['shop']?.['A'], 'theirs');
  }),
  rule('what is there already and equal is taken for ours without being written', async (world) => {
    await world.target.meddle('shop', { A: '1' });
    world.define({ deleteShareMaxPercent: 100 });
    await world.lead();
    world.cluster.write('shop', { A: '1' });
    await world.settled();
    ok(world.cluster.heldOf(1).every(({ failed }) => !failed));
    world.cluster.write('shop', { A: '2' });
    await world.settled();
    await world.mustEqual(['shop']);
  }),
  rule('a source error deletes nothing', async (world) => {
    world.define({ deleteShareMaxPercent: 100 });
    await world.lead();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    const before = await world.target.contents(['shop']);
    const { writes } = world;
    world.cluster.unreadable.set('shop', { problem: 'a reference leads nowhere', refusals: [] });
    world.cluster.write('shop', {});
    await world.settled();
    await world.pass(scanMs);
    deepEqual(await world.target.contents(['shop']), before);
    equal(world.writes, writes);
  }),
  rule('what somebody else changed is written again', async (world) => {
    world.define({ onDrift: 'overwrite' });
    await world.lead();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    await world.target.meddle('shop', { A: 'edited' });
    await world.pass(scanMs);
    await world.mustEqual(['shop']);
  }),
  rule('what somebody else changed is reported and left', async (world) => {
    world.define({ onDrift: 'report' });
    const { worker } = await world.lead();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    await world.target.meddle('shop', { A: 'edited' });
    await world.pass(scanMs);
    equal((await world.target.contents(['shop']))['shop']?.['A'], 'edited');
    equal(worker.status(1, 'shop', null)?.status.state, 'UNSYNCED');
  }),
  rule('what somebody else changed is imported as a write, and then both are equal', async (world) => {
    world.define({ onDrift: 'import' });
    await world.lead();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    await world.target.meddle('shop', { A: 'edited' });
    await world.pass(scanMs);
    await world.settled();
    deepEqual(world.cluster.selected(1).get('shop'), { A: 'edited', B: '2' });
    await world.mustEqual(['shop']);
    deepEqual(world.cluster.heldOf(1), [{ environment: 'shop', revision: world.cluster.revision, failed: false }]);
  }),
  rule('an import that the cluster does not take is reported and left', async (world) => {
    world.define({ onDrift: 'import' });
    const { worker } = await world.lead();
    world.cluster.write('shop', { A: '1' });
    await world.settled();
    await world.target.meddle('shop', { A: world.cluster.refusedImport });
    await world.pass(scanMs);
    equal(worker.status(1, 'shop', null)?.status.state, 'UNSYNCED');
    deepEqual(world.cluster.selected(1).get('shop'), { A: '1' });
  }),
  rule('a leader that dies at any write call leaves nothing that the next one does not finish', async (world) => {
    world.define({ deleteShareMaxPercent: 100 });
    const names = ['a', 'b'];
    let round = 0;
    // Each round dies one call later, before it or after it, until a round comes to its end.
    for (let at = 1, deaths = 1; deaths > 0; at++) {
      deaths = 0;
      for (const when of ['before', 'after'] as const) {
        let died = false;
        round++;
        world.cluster.write('a', { K: `${round}`, [`N${round % 2}`]: 'x' });
        world.cluster.write('b', { L: `${round}` });
        const start = world.writes;
        world.onWrite = (number, place) => {
          if (died || number !== start + at || place !== when) return;
          died = true;
          world.kill();
        };
        await world.lead();
        await world.until(() => died || world.cluster.dueOf(1).length === 0);
        world.onWrite = () => {};
        if (died) deaths++;
        world.kill();
        await world.lead();
        await world.settled();
        await world.mustEqual(names);
        world.kill();
      }
    }
    ok(round > 2, 'no leader died at a write');
  }),
  rule('what a later life of the cluster wrote is not touched, and the mirror stops with an alarm', async (world) => {
    world.define();
    const restored = await world.lead(2);
    world.cluster.write('shop', { A: 'new life' });
    await world.settled();
    restored.kill();
    await world.lead(1);
    world.cluster.write('shop', { A: 'old life' });
    await world.until(() => world.alarms.length > 0);
    deepEqual(await world.target.contents(['shop']), { shop: { A: 'new life' } });
  }),
  rule(
    'an environment that leaves is left where it is when the mirror says so, and is still ours when it returns',
    async (world) => {
      world.define({ onLeave: 'leave' });
      await world.lead();
      world.cluster.write('shop', { A: '1' });
      await world.settled();
      world.cluster.remove('shop');
      await world.settled();
      deepEqual(await world.target.contents(['shop']), { shop: { A: '1' } });
      world.cluster.write('shop', { A: '2' });
      await world.settled();
      await world.mustEqual(['shop']);
    },
  ),
  rule('an environment that is deleted and made anew is there again', async (world) => {
    world.define({ deleteShareMaxPercent: 100 });
    await world.lead();
    world.cluster.write('shop', { A: '1' });
    await world.settled();
    world.cluster.remove('shop');
    await world.settled();
    deepEqual(await world.target.contents(['shop']), {});
    world.cluster.write('shop', { A: '2' });
    await world.settled();
    await world.mustEqual(['shop']);
  }),
  rule('most of a mirror does not vanish at once without a word', async (world) => {
    world.define();
    await world.lead();
    const names = Array.from({ length: 6 }, (_, i) => `e${i}`);
    for (const name of names) world.cluster.write(name, { A: '1' });
    await world.settled();
    world.define({ prefix: 'e5' });
    await world.until(() => world.alarms.length > 0);
    deepEqual(Object.keys(await world.target.contents(names)).toSorted(), names);
  }),
  rule('a dry run changes nothing, and neither it nor a status, an event or a report holds a value', async (world) => {
    await world.target.meddle('shop', { A: secret });
    world.define();
    const { worker } = await world.lead();
    world.cluster.write('shop', { A: `${secret} 1`, B: `${secret} 2` });
    await world.settled();
    world.define({ paused: true });
    await world.pass(1_000);
    world.cluster.write('shop', { A: `${secret} 3`, B: `${secret} 4` });
    const { writes } = world;
    const planned = await finished(world, worker.plan(1, ['shop']));
    equal(world.writes, writes);
    const told = JSON.stringify([
      planned,
      world.events,
      world.cluster.reports,
      worker.status(1, 'shop', null),
      world.alarms,
      world.troubles,
    ]);
    ok(!told.includes(secret), 'a value was told');
  }),
];

/** Lets time pass until something is done. */
async function finished<T>(world: World, work: Promise<T>): Promise<T> {
  let over = false;
  const ended = () => void (over = true);
  work.then(ended, ended);
  await world.until(() => over);
  return work;
}
