import { createHmac } from 'node:crypto';

import { readClusterIdentity } from '@env-cli/keyspace';
import { type MirrorDefinition, readMirrors, readOutbox } from '@env-cli/mirroring';
import {
  type AttemptEvent,
  type CloudProvider,
  defaultOutboxLimits,
  type Host,
  type LiveStatus,
  type OutboxObserver,
  OutboxWorker,
  type PlannedEnvironment,
  type ProviderContext,
  TargetError,
} from '@env-cli/outbox';
import { type AwsSettings, isAwsStore, openAwsTarget } from '@env-cli/provider-aws';
import { fileProviderName, type FolderProblem, openFileTarget } from '@env-cli/provider-file';
import { hexOf } from '@env-cli/support';

import type { Member } from '../member/member.ts';
import type { Log } from '../observability/log.ts';
import type { FigureSource } from '../observability/metrics.ts';
import { framesOf } from '../rpc/faults.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { MirrorWorker } from './mirror-worker.ts';
import { MemberImportSink } from './import-sink.ts';
import { MemberOutboxSource } from './outbox-source.ts';
import { MemberReportSink } from './report-sink.ts';

export interface OutboxOptions {
  readonly deliveriesMax: number;
  readonly scanIntervalMs: number;
  /** Why a folder of this machine may be no target. */
  readonly folderProblem: FolderProblem;
  /** Null: mirrors to cloud stores rest. */
  readonly aws: AwsSettings | null;
  readonly secrets: Secrets;
}

/** How long deliveries that are under way may take to end when the member stops. */
const drainMs = 2_000;
const figuresTimeoutMs = 1_000;
/** Rows of a mirror among which the oldest is looked for. */
const agedRowsMax = 200;

/** The worker of this member: made of the member itself, the providers there are, and the process's clock. */
export class MemberOutbox implements MirrorWorker, FigureSource {
  readonly #member: Member;
  readonly #worker: OutboxWorker;
  readonly #operations = new Map<string, number>();
  readonly #endListening: readonly (() => void)[];

  /** Begins to work whenever the member leads. `broken` is told of a fault after which the member must stop. */
  static async on(member: Member, options: OutboxOptions, log: Log, broken: (error: unknown) => void): Promise<MemberOutbox> {
    const hashKey = await hashKeyOf(member, options.secrets);
    return new MemberOutbox(member, options, hashKey, log, broken);
  }

  private constructor(member: Member, options: OutboxOptions, hashKey: Uint8Array, log: Log, broken: (error: unknown) => void) {
    this.#member = member;
    // Stamps lie at targets that others can read: their key is another one than that of the hashes in answers.
    const stampKey = createHmac('sha256', hashKey).update('stamps of mirrors').digest();
    this.#worker = new OutboxWorker({
      cluster: { clusterId: hexOf(member.identity.clusterId), epoch: member.identity.epoch },
      source: new MemberOutboxSource(member, options.secrets),
      reports: new MemberReportSink(member),
      imports: new MemberImportSink(member, options.secrets),
      open: (definition, context) => openProvider(definition, context, options),
      hash: (bytes) => createHmac('sha256', stampKey).update(bytes).digest('hex'),
      host: processHost,
      observer: this.#observer(log),
      limits: { ...defaultOutboxLimits, deliveriesMax: options.deliveriesMax, scanIntervalMs: options.scanIntervalMs },
    });
    this.#worker.run().catch(broken);
    this.#endListening = [
      member.onLeadership((leading) => this.#worker.leadership(leading)),
      member.onApplied(() => this.#worker.changed()),
      member.onStateReplaced(() => this.#worker.changed()),
    ];
    const view = member.view();
    if (view.role === 'leader') this.#worker.leadership({ term: view.term });
  }

  status(mirror: number, environment: string, due: 'deliver' | 'withdraw' | null): LiveStatus | null {
    return this.#worker.status(mirror, environment, due);
  }

  plan(mirror: number, environments: readonly string[]): Promise<readonly PlannedEnvironment[]> {
    return this.#worker.plan(mirror, environments);
  }

  async figures(): Promise<Record<string, number>> {
    const { deliveriesInFlight, deliveriesWaiting, callsHanging } = this.#worker.figures();
    const kept = await this.#keptFigures().catch(() => null);
    return {
      ...Object.fromEntries(this.#operations),
      // What could not be read is not told: 0 would say that all is well.
      ...kept,
      outbox_deliveries_in_flight: deliveriesInFlight,
      outbox_deliveries_waiting: deliveriesWaiting,
      outbox_calls_hanging: callsHanging,
    };
  }

  /** Ends what is under way, or gives it up after a while. */
  async stop(): Promise<void> {
    for (const end of this.#endListening) end();
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, drainMs);
    await Promise.race([this.#worker.drain(), timeout.promise]);
    clearTimeout(timer);
    await this.#worker.stop(drainMs);
  }

  /** What the cluster holds of deliveries. */
  #keptFigures(): Promise<Record<string, number>> {
    const deadline = performance.now() + figuresTimeoutMs;
    return this.#member.read({ freshness: { kind: 'any' }, appliedIndex: 0, deadline }, (tables) => {
      const mirrors = readMirrors(tables, null);
      const since = mirrors.flatMap(({ id }) => readOutbox(tables, id, '', agedRowsMax).map(({ sinceMs }) => sinceMs));
      return {
        outbox_due_rows: mirrors.reduce((sum, { pendingCount }) => sum + pendingCount, 0),
        outbox_oldest_due_seconds: since.length === 0 ? 0 : Math.max(0, (Date.now() - Math.min(...since)) / 1_000),
        outbox_dead_letters: mirrors.reduce((sum, { failedCount }) => sum + failedCount, 0),
      };
    });
  }

  #observer(log: Log): OutboxObserver {
    return {
      attempted: (event) => {
        this.#count(event);
        if (event.outcome === 'failed' || event.outcome === 'retry') {
          log.warn({ ...about(event), attempts: event.attempts, why: event.status.reason }, 'a delivery did not succeed');
        } else log.debug(about(event), 'delivered');
      },
      alarm: ({ mirror, reason }) =>
        log.error(
          { mirror: mirror.definition.name, namespace: mirror.namespace, why: reason },
          'a mirror has stopped and waits for somebody',
        ),
      trouble: ({ mirror, doing, error }) => {
        const what = error instanceof Error ? error.name : typeof error;
        log.warn(
          { mirror: mirror?.definition.name, doing, what, stack: framesOf(error) },
          'something went wrong beside the deliveries and is tried again',
        );
      },
    };
  }

  #count({ mirror, outcome }: AttemptEvent): void {
    const series = `sync_operations_total{provider="${mirror.definition.provider}",outcome="${outcome}"}`;
    this.#operations.set(series, (this.#operations.get(series) ?? 0) + 1);
  }
}

/** The cluster's key, as soon as this member has applied what founded the cluster. */
async function hashKeyOf(member: Member, secrets: Secrets): Promise<Uint8Array> {
  for (;;) {
    const applied = new Promise<void>((resolve) => {
      const stop = member.onApplied(() => {
        stop();
        resolve();
      });
    });
    const deadline = performance.now() + figuresTimeoutMs;
    const hashKey = await member.read({ freshness: { kind: 'any' }, appliedIndex: 0, deadline }, (tables) =>
      readClusterIdentity(tables) === null ? null : secrets.hashKeyIn(tables).slice(),
    );
    if (hashKey !== null) return hashKey;
    await applied;
  }
}

function about({ mirror, environment, revision, outcome, steps, elapsedMs }: AttemptEvent): object {
  const { namespace, definition } = mirror;
  return { mirror: definition.name, namespace, environment, revision, outcome, steps, elapsedMs: Math.round(elapsedMs) };
}

/** The providers that this version has, by their names in definitions. */
function openProvider(
  definition: MirrorDefinition,
  context: ProviderContext,
  { folderProblem, aws }: Pick<OutboxOptions, 'folderProblem' | 'aws'>,
): CloudProvider {
  if (definition.provider === fileProviderName) return openFileTarget(definition, context, folderProblem);
  if (isAwsStore(definition.provider)) {
    if (aws !== null) return openAwsTarget(definition, context, aws);
    throw new TargetError('refused', 'cloud.enabled is false in the configuration of the member that leads');
  }
  throw new TargetError('refused', `this version has no provider ${definition.provider}: start the version that made the mirror`);
}

const processHost: Host = {
  nowMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
