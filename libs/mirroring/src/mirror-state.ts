import type { Label, Revision, StateTransaction } from '@env-cli/keyspace';
import { assert } from '@env-cli/support';

import type { MirrorDefinition } from './definition.ts';
import { targetsOverlap } from './definition-codec.ts';
import { type Delivered, type DeliveryRow, DeliveryRows, type Failed } from './delivery-rows.ts';
import { MirrorPhases } from './mirror-phases.ts';
import { type MirrorPhase, type MirrorRow, withPhases } from './mirror-row.ts';
import { type MirrorCache, MirrorRows, mirrorsCeiling } from './mirror-rows.ts';
import { type OutboxKind, OutboxRows } from './outbox-rows.ts';
import { selects } from './selection.ts';

/** What a change of an environment means for one mirror. */
export interface Enqueued {
  readonly mirror: MirrorRow;
  readonly environment: string;
  readonly kind: OutboxKind;
}

/** What a worker did for one environment. */
export interface Report {
  readonly mirror: number;
  readonly environment: string;
  readonly revision: Revision;
  /** `OutboxRow.enqueuedIndex` of the row that it took; 0 when it took none. */
  readonly enqueuedIndex: number;
}

/** What became of a wish about a mirror. */
export type MirrorVerdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'exists'; readonly deleting: boolean }
  | { readonly kind: 'overlap'; readonly other: MirrorRow }
  | { readonly kind: 'too-many'; readonly max: number }
  | { readonly kind: 'target-fixed'; readonly targetKey: string };

/** The mirrors, what is due to them and what they hold, as one transaction changes them. */
export class MirrorState {
  readonly #transaction: StateTransaction;
  readonly #mirrors: MirrorRows;
  readonly #outbox: OutboxRows;
  readonly #deliveries: DeliveryRows;
  readonly #phases: MirrorPhases;
  /** The index of the entry that is being applied. */
  #index = 0;

  constructor(transaction: StateTransaction, cache: MirrorCache) {
    this.#transaction = transaction;
    this.#mirrors = new MirrorRows(transaction.mirrors, transaction.tables, cache);
    this.#outbox = new OutboxRows(transaction.outbox);
    this.#deliveries = new DeliveryRows(transaction.deliveries);
    this.#phases = new MirrorPhases(transaction, this.#mirrors, this.#deliveries, {
      enqueue: (mirror, environment, kind, revision) => this.#enqueue(mirror, environment, kind, revision),
      dequeue: (mirror, environment) => this.#dequeue(mirror, environment),
      isLeaving: (mirror, environment) => this.#outbox.get(mirror.id, environment)?.kind === 'withdraw',
    });
  }

  /** Begins an entry. */
  beginEntry(index: number): void {
    this.#index = index;
  }

  /** What a change of an environment makes due: labels are null where it did not, or does no longer, exist. */
  affected(
    namespace: string,
    environment: string,
    before: () => readonly Label[] | null,
    after: () => readonly Label[] | null,
  ): Enqueued[] {
    const affected: Enqueued[] = [];
    for (const mirror of this.#mirrors.all()) {
      if (mirror.namespace !== namespace || mirror.deleting || !environment.startsWith(mirror.definition.prefix)) continue;
      if (selects(mirror, environment, after())) affected.push({ mirror, environment, kind: 'deliver' });
      // The labels of before count too: an environment that leaves the mirror must not stay at the target.
      else if (selects(mirror, environment, before())) affected.push({ mirror, environment, kind: 'withdraw' });
    }
    return affected;
  }

  /** Writes the outbox rows of a change. */
  enqueueAll(affected: readonly Enqueued[], revision: Revision): void {
    for (const { mirror, environment, kind } of affected) this.#enqueue(mirror, environment, kind, revision);
  }

  create(namespace: string, definition: MirrorDefinition, mirrorsMax: number): MirrorVerdict {
    const known = this.#mirrors.get(namespace, definition.name);
    if (known !== null) return { kind: 'exists', deleting: known.deleting };
    const max = Math.min(mirrorsMax, mirrorsCeiling);
    if (this.#mirrors.size >= max) return { kind: 'too-many', max };
    const other = this.#overlapping(definition.targetKey);
    if (other !== null) return { kind: 'overlap', other };
    const { progress } = this.#transaction;
    progress.mirrorIdLast++;
    progress.mirrorsVersion++;
    this.#mirrors.put({
      id: progress.mirrorIdLast,
      namespace,
      definition,
      createRevision: progress.revision,
      modifyRevision: progress.revision,
      modifyTimeMs: progress.peopleTimeMs,
      deleting: false,
      pendingCount: 0,
      failedCount: 0,
      phases: ['select'],
      phaseAfter: '',
    });
    return { kind: 'done' };
  }

  /** Makes a mirror what the definition says, but for whether it rests: that is {@link setPaused}'s, so that neither undoes the other. */
  update(namespace: string, wanted: MirrorDefinition): MirrorVerdict {
    const mirror = this.#mirrors.get(namespace, wanted.name);
    if (mirror === null) return { kind: 'not-found' };
    if (mirror.deleting) return { kind: 'exists', deleting: true };
    const { targetKey, paused } = mirror.definition;
    const definition = { ...wanted, paused };
    if (targetKey !== definition.targetKey) return { kind: 'target-fixed', targetKey };
    const asked = phasesOfUpdate(mirror.definition, definition);
    if (asked === null) return { kind: 'unchanged' };
    this.#mirrors.put(withPhases(this.#modified(mirror, definition), asked));
    return { kind: 'done' };
  }

  /** Lets a mirror rest, or work again: also one that is being deleted, whose withdrawals would else never be done. */
  setPaused(namespace: string, name: string, paused: boolean): MirrorVerdict {
    const mirror = this.#mirrors.get(namespace, name);
    if (mirror === null) return { kind: 'not-found' };
    if (mirror.definition.paused === paused) return { kind: 'unchanged' };
    this.#mirrors.put(this.#modified(mirror, { ...mirror.definition, paused }));
    return { kind: 'done' };
  }

  delete(namespace: string, name: string, abandon: boolean): MirrorVerdict {
    const mirror = this.#mirrors.get(namespace, name);
    if (mirror === null) return { kind: 'not-found' };
    if (mirror.deleting && !abandon) return { kind: 'unchanged' };
    this.#transaction.progress.mirrorsVersion++;
    const leaves = abandon || mirror.definition.onLeave === 'leave';
    const phases: MirrorPhase[] = leaves ? ['drop-pending', 'drop-delivered'] : ['withdraw-delivered', 'withdraw-pending'];
    // What it had still to do for the environments that it selected is without a purpose.
    this.#mirrors.put({ ...mirror, deleting: true, phases, phaseAfter: '' });
    return { kind: 'done' };
  }

  retry(namespace: string, name: string, environment: string | null): MirrorVerdict {
    const mirror = this.#mirrors.get(namespace, name);
    if (mirror === null) return { kind: 'not-found' };
    if (environment === null) {
      this.#mirrors.put(withPhases(mirror, ['retry']));
      return { kind: 'done' };
    }
    const failed = this.#deliveries.get(mirror.id, environment)?.failed ?? null;
    if (failed === null) return { kind: 'unchanged' };
    this.#phases.enqueueAnew(mirror, environment);
    return { kind: 'done' };
  }

  /** A worker's report: the target holds a revision. False when there is no such mirror. */
  delivered(report: Report, held: Omit<Delivered, 'revision' | 'timeMs'>): boolean {
    const mirror = this.#mirrors.byId(report.mirror);
    if (mirror === null) return false;
    if (isDropped(mirror)) return true;
    const before = this.#deliveries.get(mirror.id, report.environment);
    const { peopleTimeMs } = this.#transaction.progress;
    if ((before?.delivered?.revision ?? 0) <= report.revision) {
      this.#putDelivery(mirror.id, report.environment, before, {
        delivered: { revision: report.revision, timeMs: peopleTimeMs, ...held },
        failed: before?.failed != null && before.failed.revision > report.revision ? before.failed : null,
      });
    }
    this.#settle(mirror, report, 'deliver');
    // It may have left the mirror while it was on its way, and the phase that looks for such may have passed it.
    this.#phases.withdrawUnselected(this.#mirrors.byId(mirror.id)!, report.environment);
    return true;
  }

  /** A worker's report: the target holds nothing of the environment any more, or what it holds is left there by policy. */
  withdrawn(report: Report): boolean {
    const mirror = this.#mirrors.byId(report.mirror);
    if (mirror === null) return false;
    const before = this.#deliveries.get(mirror.id, report.environment);
    this.#putDelivery(mirror.id, report.environment, before, null);
    this.#settle(mirror, report, 'withdraw');
    this.#endIfEmpty(mirror.id);
    return true;
  }

  /** A worker's report: no further attempt will help. */
  failed(report: Report, why: Omit<Failed, 'revision' | 'timeMs'>): boolean {
    const mirror = this.#mirrors.byId(report.mirror);
    if (mirror === null) return false;
    if (isDropped(mirror)) return true;
    const before = this.#deliveries.get(mirror.id, report.environment);
    this.#putDelivery(mirror.id, report.environment, before, {
      delivered: before?.delivered ?? null,
      failed: { revision: report.revision, timeMs: this.#transaction.progress.peopleTimeMs, ...why },
    });
    this.#settle(mirror, report, null);
    return true;
  }

  /** Rows of work that a phase of some mirror still needs. */
  get phasesLeft(): boolean {
    return this.#phases.left;
  }

  /** Carries a mirror's phase on. Answers how many rows it looked at and changed, at most `rowsMax`. */
  step(rowsMax: number): number {
    return this.#phases.step(rowsMax);
  }

  /** Writes the mirrors that changed; their other rows are the transaction's. */
  flush(): void {
    this.#mirrors.flush();
  }

  #modified(mirror: MirrorRow, definition: MirrorDefinition): MirrorRow {
    const { progress } = this.#transaction;
    progress.mirrorsVersion++;
    return { ...mirror, definition, modifyRevision: progress.revision, modifyTimeMs: progress.peopleTimeMs };
  }

  #overlapping(targetKey: string): MirrorRow | null {
    let found: MirrorRow | null = null;
    for (const mirror of this.#mirrors.all()) {
      if (!targetsOverlap(mirror.definition.targetKey, targetKey)) continue;
      // Several may; which one is named must not depend on the order in which they were read.
      if (found === null || mirror.id < found.id) found = mirror;
    }
    return found;
  }

  #enqueue(mirror: MirrorRow, environment: string, kind: OutboxKind, revision: Revision): void {
    const { peopleTimeMs } = this.#transaction.progress;
    const isNew = this.#outbox.put(mirror.id, environment, { kind, revision, timeMs: peopleTimeMs, index: this.#index });
    if (isNew) this.#count(mirror.id, { pending: 1 });
  }

  #dequeue(mirror: MirrorRow, environment: string): void {
    this.#outbox.remove(mirror.id, environment);
    this.#count(mirror.id, { pending: -1 });
  }

  /** Removes the outbox row that the report is about, unless it was written again since, or asks for the contrary by now. */
  #settle(mirror: MirrorRow, report: Report, kind: OutboxKind | null): void {
    const row = this.#outbox.get(mirror.id, report.environment);
    if (row === null || row.enqueuedIndex > report.enqueuedIndex || row.revision > report.revision) return;
    if (kind !== null && row.kind !== kind) return;
    this.#dequeue(mirror, report.environment);
  }

  #putDelivery(id: number, environment: string, before: DeliveryRow | null, after: DeliveryRow | null): void {
    if (after !== null) this.#deliveries.put(id, environment, after);
    else if (before !== null) this.#deliveries.remove(id, environment);
    const failed = (after?.failed == null ? 0 : 1) - (before?.failed == null ? 0 : 1);
    if (failed !== 0) this.#count(id, { failed });
  }

  #count(id: number, { pending = 0, failed = 0 }: { readonly pending?: number; readonly failed?: number }): void {
    const mirror = this.#mirrors.byId(id);
    assert(mirror !== null, 'rows are counted for a mirror that is there');
    const { pendingCount, failedCount } = mirror;
    this.#mirrors.put({ ...mirror, pendingCount: pendingCount + pending, failedCount: failedCount + failed });
  }

  /** A mirror that is being deleted goes with the last of its withdrawals. */
  #endIfEmpty(id: number): void {
    const mirror = this.#mirrors.byId(id)!;
    if (!mirror.deleting || mirror.phases.length > 0 || mirror.pendingCount > 0) return;
    this.#phases.endIfHeldNothing(mirror);
  }
}

/** Whether a mirror's rows are going away: then no report may make one behind the phase that removes them. */
function isDropped(mirror: MirrorRow): boolean {
  return mirror.phases.includes('drop-delivered');
}

/** What a new definition asks for; null when it is the old one. */
function phasesOfUpdate(before: MirrorDefinition, after: MirrorDefinition): MirrorPhase[] | null {
  const { prefix, labels, provider, options, layout, ...policy } = after;
  const {
    prefix: prefixBefore,
    labels: labelsBefore,
    provider: providerBefore,
    options: optionsBefore,
    layout: layoutBefore,
    ...policyBefore
  } = before;
  const target = !same([provider, options, layout], [providerBefore, optionsBefore, layoutBefore]);
  const selection = !same([prefix, labels], [prefixBefore, labelsBefore]);
  if (!target && !selection) return same(policy, policyBefore) ? null : [];
  return [
    ...(target ? (['redeliver'] as const) : (['select'] as const)),
    ...(selection ? (['withdraw-delivered', 'withdraw-pending'] as const) : []),
  ];
}

/** Definitions are read and made with their fields in one order, so their JSON is one spelling. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
