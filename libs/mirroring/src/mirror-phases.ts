import {
  afterPrefix,
  bytesOfBinaryText,
  environmentKey,
  type EnvironmentReader,
  nameOfKey,
  readLive,
  type Revision,
  type Row,
  type StateTransaction,
} from '@env-cli/keyspace';
import { assert, unreachable } from '@env-cli/support';

import { type DeliveryRows, readDeliveries } from './delivery-rows.ts';
import type { MirrorPhase, MirrorRow } from './mirror-row.ts';
import type { MirrorRows } from './mirror-rows.ts';
import { type OutboxKind, readOutbox } from './outbox-rows.ts';
import { selects } from './selection.ts';

/** How a phase writes the outbox. */
export interface OutboxWriter {
  readonly enqueue: (mirror: MirrorRow, environment: string, kind: OutboxKind, revision: Revision) => void;
  readonly dequeue: (mirror: MirrorRow, environment: string) => void;
  /** Whether the environment's withdrawal is due. */
  readonly isLeaving: (mirror: MirrorRow, environment: string) => boolean;
}

/** Bytes of records after which a step ends: a hundred environments of 2 MiB are not read in one entry. */
const stepBytesMax = 4 * 1024 * 1024;
/** Rows that are read at once. */
const rowsAtOnce = 16;
/** A row that is looked at may cost an outbox row, and the mirror's own row is written once. */
const workPerRow = 2;

/** Carries the phases of mirrors on, a few rows an entry: the same rows on every member, for it all follows from the state. */
export class MirrorPhases {
  readonly #transaction: StateTransaction;
  readonly #mirrors: MirrorRows;
  readonly #deliveries: DeliveryRows;
  readonly #outbox: OutboxWriter;

  constructor(transaction: StateTransaction, mirrors: MirrorRows, deliveries: DeliveryRows, outbox: OutboxWriter) {
    this.#transaction = transaction;
    this.#mirrors = mirrors;
    this.#deliveries = deliveries;
    this.#outbox = outbox;
  }

  get left(): boolean {
    return this.#next() !== null;
  }

  /** Carries one phase of one mirror on. Answers the work, at most `rowsMax`. */
  step(rowsMax: number): number {
    const mirror = this.#next();
    const rows = Math.floor((rowsMax - 1) / workPerRow);
    if (mirror === null || rows < 1) return 0;
    const [phase] = mirror.phases;
    const seen = this.#look(mirror, phase!, rows);
    this.#advance(mirror.id, phase!, seen.ended ? null : seen.last);
    return 1 + seen.count * workPerRow;
  }

  /** Makes due again what failed, whichever way the environment stands to the mirror by now. */
  enqueueAnew(mirror: MirrorRow, environment: string): void {
    const live = this.#live(mirror, environment);
    const selected = live !== null && selects(mirror, environment, live.labels());
    this.#outbox.enqueue(mirror, environment, selected ? 'deliver' : 'withdraw', this.#revisionOf(mirror, environment));
  }

  /** Lets a mirror that is deleted go, unless something is left at its target that could not be withdrawn. */
  endIfHeldNothing(mirror: MirrorRow): void {
    this.#transaction.deliveries.flush();
    if (readDeliveries(this.#transaction.tables, mirror.id, '', 1).length > 0) return;
    this.#mirrors.remove(mirror);
    this.#transaction.progress.mirrorsVersion++;
  }

  /** The mirror whose turn it is: the lowest number with something to do. */
  #next(): MirrorRow | null {
    let next: MirrorRow | null = null;
    for (const mirror of this.#mirrors.all()) {
      if (mirror.phases.length > 0 && (next === null || mirror.id < next.id)) next = mirror;
    }
    return next;
  }

  #advance(id: number, phase: MirrorPhase, after: string | null): void {
    const mirror = this.#mirrors.byId(id);
    assert(mirror !== null && mirror.phases[0] === phase, 'a mirror is where its phase left it');
    if (after !== null) {
      this.#mirrors.put({ ...mirror, phaseAfter: after });
      return;
    }
    const done = { ...mirror, phases: mirror.phases.slice(1), phaseAfter: '' };
    this.#mirrors.put(done);
    if (done.deleting && done.phases.length === 0 && done.pendingCount === 0) this.endIfHeldNothing(done);
  }

  #look(mirror: MirrorRow, phase: MirrorPhase, rows: number): Seen {
    switch (phase) {
      case 'redeliver':
        return this.#lookAtEnvironments(mirror, rows, () => true);
      case 'select':
        return this.#lookAtEnvironments(
          mirror,
          rows,
          (environment) => !this.#holds(mirror, environment) || this.#outbox.isLeaving(mirror, environment.name),
        );
      case 'withdraw-delivered':
        return this.#lookAtDeliveries(mirror, rows, ({ environment }) => this.withdrawUnselected(mirror, environment));
      case 'withdraw-pending':
        return this.#lookAtOutbox(mirror, rows, ({ environment, kind }) => {
          if (kind === 'deliver') this.withdrawUnselected(mirror, environment);
        });
      case 'retry':
        return this.#lookAtDeliveries(mirror, rows, ({ environment, failed }) => {
          if (failed) this.enqueueAnew(mirror, environment);
        });
      case 'drop-pending':
        return this.#lookAtOutbox(mirror, rows, ({ environment }) => this.#outbox.dequeue(mirror, environment));
      case 'drop-delivered':
        return this.#lookAtDeliveries(mirror, rows, ({ environment }) => this.#deliveries.remove(mirror.id, environment));
      default:
        return unreachable(phase);
    }
  }

  #lookAtEnvironments(mirror: MirrorRow, rows: number, isDue: (environment: EnvironmentReader) => boolean): Seen {
    const { tables, environments } = this.#transaction;
    const { prefix } = mirror.definition;
    // What the caches hold is part of the range.
    environments.flush();
    const to = afterPrefix(mirror.namespace, prefix);
    let from = bytesOfBinaryText(environmentKey(mirror.namespace, mirror.phaseAfter === '' ? prefix : `${mirror.phaseAfter}\0`));
    const seen: Seen = { count: 0, last: mirror.phaseAfter, ended: false };
    for (let bytes = 0; seen.count < rows && bytes < stepBytesMax;) {
      const limit = Math.min(rowsAtOnce, rows - seen.count);
      const found: Row[] = tables.range('environments', { from, to, limit });
      for (const { key, value } of found) {
        seen.last = nameOfKey(key);
        seen.count++;
        bytes += value.length;
        const live = readLive(mirror.namespace, seen.last, value);
        if (live === null || !selects(mirror, seen.last, live.labels()) || !isDue(live)) continue;
        this.#outbox.enqueue(mirror, seen.last, 'deliver', live.modifyRevision);
      }
      if (found.length < limit) return { ...seen, ended: true };
      from = bytesOfBinaryText(environmentKey(mirror.namespace, `${seen.last}\0`));
    }
    return seen;
  }

  #lookAtDeliveries(
    mirror: MirrorRow,
    rows: number,
    look: (row: { readonly environment: string; readonly failed: boolean }) => void,
  ): Seen {
    this.#transaction.deliveries.flush();
    const found = readDeliveries(this.#transaction.tables, mirror.id, mirror.phaseAfter, rows);
    for (const { environment, failed } of found) look({ environment, failed: failed !== null });
    return seenOf(found, rows);
  }

  #lookAtOutbox(
    mirror: MirrorRow,
    rows: number,
    look: (row: { readonly environment: string; readonly kind: OutboxKind }) => void,
  ): Seen {
    this.#transaction.outbox.flush();
    const found = readOutbox(this.#transaction.tables, mirror.id, mirror.phaseAfter, rows);
    for (const row of found) look(row);
    return seenOf(found, rows);
  }

  /** Makes an environment's withdrawal due, unless the mirror selects it. */
  withdrawUnselected(mirror: MirrorRow, environment: string): void {
    const live = this.#live(mirror, environment);
    if (live !== null && selects(mirror, environment, live.labels())) return;
    this.#outbox.enqueue(mirror, environment, 'withdraw', this.#revisionOf(mirror, environment));
  }

  #holds(mirror: MirrorRow, environment: EnvironmentReader): boolean {
    const row = this.#deliveries.get(mirror.id, environment.name);
    return row !== null && row.failed === null && (row.delivered?.revision ?? 0) >= environment.modifyRevision;
  }

  #live(mirror: MirrorRow, environment: string): EnvironmentReader | null {
    return this.#transaction.environments.get(mirror.namespace, environment)?.live ?? null;
  }

  /** The newest revision that is known of an environment, or of the cluster when it is forgotten. */
  #revisionOf(mirror: MirrorRow, environment: string): Revision {
    const row = this.#transaction.environments.get(mirror.namespace, environment);
    return row?.live?.modifyRevision ?? row?.tombstone?.deleteRevision ?? this.#transaction.progress.revision;
  }
}

interface Seen {
  count: number;
  /** The name that was looked at last. */
  last: string;
  /** Nothing is left behind it. */
  ended: boolean;
}

function seenOf(found: readonly { readonly environment: string }[], rows: number): Seen {
  return { count: found.length, last: found.at(-1)?.environment ?? '', ended: found.length < rows };
}
