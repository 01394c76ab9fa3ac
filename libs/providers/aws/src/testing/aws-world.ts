import { createHmac, randomUUID } from 'node:crypto';

import type { MirrorDefinition, MirrorLayout } from '@env-cli/mirroring';
import {
  type AttemptEvent,
  type CloudProvider,
  ClusterTwin,
  defaultOutboxLimits,
  HostTwin,
  type OutboxLimits,
  OutboxWorker,
  type ProviderContext,
  type ReadCalls,
  type WriteCalls,
} from '@env-cli/outbox';

import { openAwsTarget } from '../aws-provider.ts';
import { awsDefinition } from '../aws-target.ts';
import type { AwsSettings } from '../credentials.ts';
import type { AwsStore } from '../target-options.ts';
import { type AwsPlaceUnderTest, settingsOf } from './aws-stores.ts';

/** HMAC-SHA-256 with a key of the test. */
export function hash(bytes: Uint8Array): string {
  return createHmac('sha256', 'a key').update(bytes).digest('hex');
}

/** A cluster in memory and its workers, before a store of AWS. Time stands still while a call is under way. */
export class AwsWorld {
  readonly host = new HostTwin();
  readonly cluster = new ClusterTwin();
  readonly events: AttemptEvent[] = [];
  readonly alarms: string[] = [];
  readonly prefix: string;
  readonly #place: AwsPlaceUnderTest;
  readonly #settings: AwsSettings;
  readonly #calls = new Set<Promise<void>>();
  readonly #workers: OutboxWorker[] = [];

  constructor(place: AwsPlaceUnderTest, settings: AwsSettings = settingsOf(place)) {
    this.#place = place;
    this.#settings = settings;
    this.prefix = `env-cli-test/${randomUUID().slice(0, 8)}`;
  }

  /** Defines mirror 1. */
  define(
    store: AwsStore,
    options: Readonly<Record<string, string>> = {},
    over: Partial<MirrorDefinition> & { readonly layout?: MirrorLayout } = {},
  ): void {
    this.cluster.define(1, { ...this.#definition(store, options, over.layout ?? 'per-variable'), ...over });
  }

  /** A provider by itself. */
  provider(store: AwsStore, options: Readonly<Record<string, string>>, context: ProviderContext): CloudProvider {
    return openAwsTarget(this.#definition(store, options, 'per-variable'), context, this.#settings);
  }

  #definition(store: AwsStore, options: Readonly<Record<string, string>>, layout: MirrorLayout) {
    const { account, region } = this.#place;
    return awsDefinition(store, layout, { account, region, prefix: this.prefix, ...options });
  }

  /** A worker that leads in a new term, with its wait for the one before over. */
  async lead(limits: Partial<OutboxLimits> = {}): Promise<OutboxWorker> {
    this.cluster.term++;
    const worker = new OutboxWorker({
      cluster: { clusterId: 'c0ffee', epoch: 1 },
      source: this.cluster,
      reports: this.cluster,
      imports: this.cluster,
      open: (definition, context) => this.#timed(openAwsTarget(definition, context, this.#settings)),
      hash,
      host: this.host,
      observer: {
        attempted: (event) => this.events.push(event),
        alarm: ({ reason }) => this.alarms.push(reason),
        trouble: () => {},
      },
      limits: { ...defaultOutboxLimits, ...limits },
    });
    this.#workers.push(worker);
    this.cluster.onChange(() => worker.changed());
    worker.leadership({ term: this.cluster.term });
    await this.pass(15_001);
    return worker;
  }

  /** Whoever leads is gone, without a word. */
  kill(): void {
    this.#workers.at(-1)?.leadership(null);
  }

  until(holds: () => boolean): Promise<void> {
    return this.host.until(holds, () => (this.#calls.size === 0 ? null : Promise.race(this.#calls)));
  }

  settled(): Promise<void> {
    return this.until(() => this.cluster.dueOf(1).length === 0);
  }

  async pass(ms: number): Promise<void> {
    let over = false;
    this.host.after(ms, () => (over = true));
    await this.until(() => over);
  }

  /** Everything that was told of deliveries to anybody: no value may be in it. */
  told(): string {
    return JSON.stringify([this.events, this.alarms, this.cluster.reports]);
  }

  async close(): Promise<void> {
    const stopped = Promise.all(this.#workers.map((worker) => worker.stop(0)));
    await this.pass(0);
    await stopped;
    // What was given up has ended when its call has: it must not go on in the next test, or behind the last one.
    await Promise.all(this.#calls);
  }

  #timed(provider: CloudProvider): CloudProvider {
    const reading = (calls: ReadCalls): ReadCalls => ({
      read: (call, meter) => calls.read((signal) => this.#timeless(call(signal)), meter),
    });
    const writing = (calls: WriteCalls): WriteCalls => ({
      ...reading(calls),
      write: (call, meter) => calls.write((signal) => this.#timeless(call(signal)), meter),
    });
    return {
      limits: provider.limits,
      render: (...args) => provider.render(...args),
      read: (environment, keys, calls) => provider.read(environment, keys, reading(calls)),
      apply: (steps, calls) => provider.apply(steps, writing(calls)),
      countOwned: (calls) => provider.countOwned(reading(calls)),
      ownedEnvironments: (calls) => provider.ownedEnvironments(reading(calls)),
      imported: (key, found, variables, calls) => provider.imported!(key, found, variables, reading(calls)),
      close: () => provider.close(),
    };
  }

  #timeless<T>(made: Promise<T>): Promise<T> {
    const end = made.then(
      () => void this.#calls.delete(end),
      () => void this.#calls.delete(end),
    );
    this.#calls.add(end);
    return made;
  }
}
