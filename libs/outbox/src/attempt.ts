import { type Revision, toRevision } from '@env-cli/keyspace';
import {
  type Attempt,
  brake,
  type BrakeReading,
  deletesOf,
  type DriftPolicy,
  type ObservedTarget,
  type Outcome,
  outcomeOf,
  outcomeOfFailure,
  outcomeOfNoPlan,
  plan,
  type Plan,
  type PlanItem,
  type Source,
  type Stamp,
  type Step,
  type StepResult,
  synced,
  type WantedContent,
  type WantedKey,
} from '@env-cli/mirroring';
import { unreachable } from '@env-cli/support';

import { importDrift } from './import-drift.ts';
import type { KeyPace } from './key-pace.ts';
import { countWrites, pacedOutcome, pacedPlan } from './paced-plan.ts';
import type { DeliverySnapshot, EnvironmentContent, ImportSink, MirrorInForce, OutboxSource } from './ports.ts';
import {
  type CloudProvider,
  contentHash,
  type KeyedHash,
  type PartlyRendered,
  type ReadCalls,
  type RenderedKey,
  TargetError,
  type WriteCalls,
} from './provider.ts';

/** One mirror with its target, as deliveries need them. */
export interface Delivering {
  readonly mirror: MirrorInForce;
  readonly provider: CloudProvider;
  readonly source: OutboxSource;
  readonly imports: ImportSink;
  readonly hash: KeyedHash;
  /** The cluster and its epoch, as stamps name them. */
  readonly cluster: { readonly clusterId: string; readonly epoch: number };
}

/** What there is to do for an environment, as its snapshot says. */
export interface Job {
  /** Why: a due row, a comparison of what was reported, or keys of an environment of which the mirror knows nothing. */
  readonly cause: 'due' | 'compare' | 'leftover';
  readonly kind: 'deliver' | 'withdraw';
  readonly revision: Revision;
  /** Of the due row; 0 when there is none. */
  readonly enqueuedIndex: number;
  /** Whether the last word on this revision was that the worker gave up. */
  readonly failedBefore: boolean;
  readonly source: Source;
  /** Keys that are refused as a whole and can be had in part, by their names: see `RenderedKey`. */
  readonly partial: ReadonlyMap<string, (calls: ReadCalls) => Promise<PartlyRendered>>;
  /** The revision that last changed the environment; 0 when there is none. */
  readonly modifyRevision: number;
  /** Bytes of the values that the source holds. */
  readonly valueBytes: number;
}

/** The cluster's state could not be read now. Says nothing of the target, and counts as no attempt. */
export class SourceUnavailable extends Error {
  override readonly name = 'SourceUnavailable';
}

/** Reads what there is to do for an environment; null: nothing. Rejects with {@link SourceUnavailable}. */
export async function jobOf(delivering: Delivering, environment: string): Promise<Job | null> {
  const { revision, due, held, content } = await snapshotOf(delivering, environment);
  const failedBefore = held?.failed ?? false;
  if (due !== null) {
    const job = { cause: 'due', revision: toRevision(due.revision), enqueuedIndex: due.enqueuedIndex, failedBefore } as const;
    return due.kind === 'withdraw' ? withdrawal(job) : delivery(delivering, environment, content, job);
  }
  if (held !== null) {
    const job = { cause: 'compare', revision: toRevision(held.revision), enqueuedIndex: 0, failedBefore } as const;
    if (content.kind !== 'absent') return delivery(delivering, environment, content, job);
    // It left the mirror. Unless its withdrawal failed for good, the cluster has not come to asking for it yet, and will.
    return failedBefore ? withdrawal(job) : null;
  }
  // Selected, and neither due nor delivered: the cluster has not come to it yet (a mirror that was just made).
  if (content.kind !== 'absent') return null;
  return withdrawal({ cause: 'leftover', revision: toRevision(revision), enqueuedIndex: 0, failedBefore });
}

const nonePartial: Job['partial'] = new Map();

type JobHead = Pick<Job, 'cause' | 'revision' | 'enqueuedIndex' | 'failedBefore'>;

async function snapshotOf(delivering: Delivering, environment: string): Promise<DeliverySnapshot> {
  try {
    return await delivering.source.snapshot(delivering.mirror.id, environment);
  } catch (cause) {
    throw new SourceUnavailable('the state of an environment could not be read', { cause });
  }
}

function withdrawal({ cause, revision, enqueuedIndex, failedBefore }: JobHead): Job {
  return {
    cause,
    kind: 'withdraw',
    revision,
    enqueuedIndex,
    failedBefore,
    source: { kind: 'left' },
    partial: nonePartial,
    modifyRevision: 0,
    valueBytes: 0,
  };
}

function delivery({ provider, hash }: Delivering, environment: string, content: EnvironmentContent, head: JobHead): Job {
  const { cause, revision, enqueuedIndex, failedBefore } = head;
  const common = { modifyRevision: 0, partial: nonePartial, valueBytes: 0 };
  const job = { ...common, cause, kind: 'deliver', revision, enqueuedIndex, failedBefore } as const;
  switch (content.kind) {
    case 'failed':
      return { ...job, source: content };
    case 'absent': {
      // A row that says "deliver" beside a state that says "absent" is a contradiction, and no reason to delete anything.
      const problem = 'the environment is to be delivered, and is not there: this is a fault of the cluster';
      return { ...job, source: { kind: 'failed', problem, refusals: [] } };
    }
    case 'present': {
      const rendered = provider.render(environment, content.variables);
      const partial = new Map(
        rendered.flatMap(({ key, content: of }) =>
          of.kind === 'refused' && of.skipped !== true && of.asFarAsPossible !== undefined
            ? [[key, of.asFarAsPossible] as const]
            : [],
        ),
      );
      const keys = rendered.map((key) => ({
        ...key,
        content: wantedContentOf(key.content, hash),
      }));
      const valueBytes = content.variables.reduce((sum, variable) => sum + variable.value.length, 0);
      return { ...job, source: { kind: 'wanted', keys }, partial, modifyRevision: content.modifyRevision, valueBytes };
    }
    default:
      return unreachable(content);
  }
}

function wantedContentOf(content: RenderedKey['content'], hash: KeyedHash): WantedContent {
  if (content.kind === 'refused') {
    const { reason, refusals, skipped = false } = content;
    return { kind: 'refused', reason, refusals, skipped };
  }
  const { bytes, attributes = '' } = content;
  return { kind: 'value', bytes, attributes, hash: contentHash(hash, bytes, attributes) };
}

/** The job with the keys in it that can be had in part. Rejects with {@link TargetError}. */
async function asFarAsPossible({ hash }: Delivering, job: Job, calls: ReadCalls): Promise<Job> {
  const { source, partial } = job;
  if (source.kind !== 'wanted' || partial.size === 0) return job;
  const keys: WantedKey[] = [];
  for (const key of source.keys) {
    const rendered = await partial.get(key.key)?.(calls);
    if (rendered === undefined) keys.push(key);
    else {
      const { bytes, attributes = '', reason, refusals } = rendered;
      const lacking = { reason, refusals };
      keys.push({ ...key, content: { kind: 'value', bytes, attributes, hash: contentHash(hash, bytes, attributes), lacking } });
    }
  }
  return { ...job, source: { kind: 'wanted', keys }, partial: nonePartial };
}

/** The variables that their key cannot hold as they are. */
function lackingOf({ source }: Job): ReadonlySet<string> {
  if (source.kind !== 'wanted') return new Set();
  const refusals = source.keys.flatMap(({ content }) => (content.kind === 'value' ? (content.lacking?.refusals ?? []) : []));
  return new Set(refusals.map(({ variable }) => variable));
}

/** Reads the target and compares. Writes nothing; the delete brake is not asked. Rejects with {@link TargetError}. */
export async function planOf(delivering: Delivering, environment: string, given: Job, calls: ReadCalls): Promise<Plan> {
  const job = await asFarAsPossible(delivering, given, calls);
  return compared(delivering, environment, job, await observedAt(delivering, environment, job, calls));
}

/** What is at the target of an environment. */
async function observedAt(
  { provider }: Delivering,
  environment: string,
  { source }: Job,
  calls: ReadCalls,
): Promise<ObservedTarget> {
  // What is not known cannot be compared: the plan says so itself.
  if (source.kind === 'failed') return { keys: [] };
  return provider.read(environment, source.kind === 'wanted' ? source.keys.map(({ key }) => key) : [], calls);
}

function compared(
  delivering: Delivering,
  environment: string,
  job: Job,
  observed: ObservedTarget,
  drift: DriftPolicy = delivering.mirror.definition.onDrift,
): Plan {
  const { mirror, cluster } = delivering;
  const { definition, namespace } = mirror;
  const writer: Omit<Stamp, 'valueHash'> = {
    ...cluster,
    mirror: `${namespace}/${definition.name}`,
    environment,
    revision: job.revision,
  };
  return plan({
    writer,
    source: job.source,
    observed,
    drift,
    onLeave: definition.onLeave,
  });
}

/** What the delete brake needs to know, and is told. */
export interface BrakePort {
  reading(deletes: number): Promise<BrakeReading>;
  deleted(keys: number): void;
}

/** What came of one attempt. */
export interface Attempted {
  readonly outcome: Outcome;
  /** Whether the delete brake held something back. */
  readonly braked: boolean;
  /** Whether nothing but the rate of writes of a key is in the way. */
  readonly paced: boolean;
  /** Steps that were done at the target. */
  readonly steps: number;
  /** The keys that the target holds, with the hashes and versions of what they hold; for `done` alone. */
  readonly held: readonly { readonly key: string; readonly valueHash: string; readonly version: string }[];
}

/**
 * One attempt at one environment: read, plan, apply; writes first, and deletions only when all that was written before them is
 * in place. Rejects only when it was given up or when a fault of ours is no failure of the target.
 */
export async function attemptAt(
  delivering: Delivering,
  environment: string,
  given: Job,
  run: {
    readonly calls: WriteCalls;
    readonly brake: BrakePort;
    /** Null: each key may be written as often as it changes. */
    readonly keyPace: KeyPace | null;
    readonly attempt: Attempt;
  },
): Promise<Attempted> {
  const { calls, attempt, keyPace } = run;
  const { provider, mirror } = delivering;
  const nothing = { braked: false, paced: false, steps: 0, held: [] };
  // Left where it is, with its stamps: if the environment comes back, it is still ours.
  if (given.source.kind === 'left' && mirror.definition.onLeave === 'leave')
    return { ...nothing, outcome: { kind: 'done', status: synced } };

  let job = given;
  let items: readonly PlanItem[];
  let braked = false;
  try {
    job = await asFarAsPossible(delivering, given, calls);
    const observed = await observedAt(delivering, environment, job, calls);
    let planned = compared(delivering, environment, job, observed);
    if (planned.kind === 'plan' && mirror.definition.onDrift === 'import') {
      const came = await importDrift(delivering, {
        environment,
        modifyRevision: job.modifyRevision,
        items: planned.items,
        lacking: lackingOf(job),
        calls,
      });
      if (came.kind === 'again') return { ...nothing, outcome: { kind: 'retry', afterMs: came.afterMs, status: came.status } };
      planned =
        came.kind === 'overwrite'
          ? compared(delivering, environment, job, observed, 'overwrite')
          : { ...planned, items: came.items };
    }
    if (planned.kind !== 'plan') return { ...nothing, outcome: outcomeOfNoPlan(planned, attempt) };
    items = planned.items;
    const deletes = deletesOf(items);
    if (deletes > 0) {
      items = brake(items, await run.brake.reading(deletes));
      braked = deletesOf(items) === 0;
    }
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    return { ...nothing, outcome: outcomeOfFailure(error.failure, attempt) };
  }

  const allowed = pacedPlan(items, keyPace);
  const results = await applied(allowed.items, provider, run);
  countWrites(allowed.items, results, keyPace);
  const outcome = pacedOutcome(outcomeOf(allowed.items, results, attempt), allowed.waitMs);
  const paced = allowed.waitMs !== null && results.every(({ failure }) => failure === null);
  const steps = results.filter(({ failure }) => failure === null).length;
  return { outcome, braked, paced, steps, held: outcome.kind === 'done' ? heldAfter(job, items, results) : [] };
}

async function applied(
  items: readonly PlanItem[],
  provider: CloudProvider,
  { calls, brake: brakePort }: { readonly calls: WriteCalls; readonly brake: BrakePort },
): Promise<readonly StepResult[]> {
  const steps = items.flatMap((item) => item.step ?? []);
  const written = await appliedSteps(
    steps.filter((step) => step.kind !== 'delete'),
    provider,
    calls,
  );
  if (written.some((result) => result.failure !== null)) return written;
  const deleted = await appliedSteps(
    steps.filter((step) => step.kind === 'delete'),
    provider,
    calls,
  );
  brakePort.deleted(deleted.filter((result) => result.failure === null).length);
  return [...written, ...deleted];
}

async function appliedSteps(steps: readonly Step[], provider: CloudProvider, calls: WriteCalls): Promise<readonly StepResult[]> {
  if (steps.length === 0) return [];
  try {
    return await provider.apply(steps, calls);
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    return steps.map(({ key }) => ({ key, failure: error.failure, version: '' }));
  }
}

function heldAfter(job: Job, items: readonly PlanItem[], results: readonly StepResult[]): Attempted['held'] {
  if (job.source.kind !== 'wanted') return [];
  const versions = new Map(items.map(({ key, found }) => [key, found?.version ?? '']));
  for (const { key, version } of results) versions.set(key, version);
  return job.source.keys.flatMap(({ key, content }) => {
    // What the mirror's policy goes without is not held.
    if (content.kind === 'refused') return [];
    return [{ key, valueHash: content.hash, version: versions.get(key) ?? '' }];
  });
}
