import type { MirrorDefinition, VariableRefusal } from '@env-cli/mirroring';
import { encodeUtf8 } from '@env-cli/support';

import type {
  DeliveryReport,
  DeliverySnapshot,
  DueRow,
  HeldRow,
  ImportRequest,
  ImportResult,
  ImportSink,
  MirrorInForce,
  OutboxSource,
  ReportSink,
} from './ports.ts';

/** The cluster's side of the ports, in memory: rows as the state machine writes and removes them. For tests. */
export class ClusterTwin implements OutboxSource, ReportSink, ImportSink {
  term = 1;
  revision = 0;
  /** Every report that was proposed, in order, applied or not. */
  readonly reports: DeliveryReport[] = [];
  /** While it is set, reads and proposals reject with it. */
  failure: Error | null = null;
  /** A value that no import may bring. */
  refusedImport = 'refused by the cluster';
  /** Awaited before reports are applied. */
  beforeReports: () => Promise<void> = () => Promise.resolve();
  /** What `snapshot` answers for an environment instead of its variables. */
  readonly unreadable = new Map<string, { readonly problem: string; readonly refusals: readonly VariableRefusal[] }>();
  readonly #mirrors = new Map<number, MirrorInForce>();
  readonly #environments = new Map<string, Readonly<Record<string, string>>>();
  readonly #revisions = new Map<string, number>();
  readonly #due = new Map<number, Map<string, DueRow>>();
  readonly #held = new Map<number, Map<string, HeldRow>>();
  #index = 0;
  readonly #listeners = new Set<() => void>();

  /** Calls back after every change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Defines a mirror (or defines it anew), and makes what it selects due. */
  define(id: number, definition: Partial<MirrorDefinition> = {}): void {
    this.#mirrors.set(id, { id, namespace: 'default', definition: { ...someDefinition, ...definition }, deleting: false });
    this.#due.set(id, this.#due.get(id) ?? new Map());
    this.#held.set(id, this.#held.get(id) ?? new Map());
    this.#index++;
    for (const environment of this.#environments.keys()) this.#enqueue(id, environment);
    for (const environment of this.#held.get(id)!.keys()) if (!this.#selects(id, environment)) this.#enqueue(id, environment);
    this.#changed();
  }

  /** Deletes a mirror: what it holds is withdrawn. */
  undefine(id: number): void {
    const mirror = this.#mirrors.get(id);
    if (mirror === undefined) return;
    this.#mirrors.set(id, { ...mirror, deleting: true });
    this.#index++;
    for (const environment of this.#held.get(id)!.keys()) this.#enqueue(id, environment);
    this.#changed();
  }

  /** Replaces an environment's variables. */
  write(environment: string, variables: Readonly<Record<string, string>>): number {
    this.revision++;
    this.#index++;
    this.#environments.set(environment, variables);
    this.#revisions.set(environment, this.revision);
    for (const id of this.#mirrors.keys()) this.#enqueue(id, environment);
    this.#changed();
    return this.revision;
  }

  remove(environment: string): void {
    this.revision++;
    this.#index++;
    const affected = [...this.#mirrors.keys()].filter((id) => this.#selects(id, environment));
    this.#environments.delete(environment);
    for (const id of affected) this.#enqueue(id, environment);
    this.#changed();
  }

  /** Removes an environment without a row that says so: as a member finds it that missed its withdrawal. */
  forget(id: number, environment: string): void {
    this.#environments.delete(environment);
    this.#held.get(id)?.delete(environment);
    this.#changed();
  }

  /** What a mirror should hold: its environments and their variables. */
  selected(id: number): ReadonlyMap<string, Readonly<Record<string, string>>> {
    return new Map([...this.#environments].filter(([environment]) => this.#selects(id, environment)));
  }

  dueOf(id: number): readonly DueRow[] {
    return sorted(this.#due.get(id));
  }

  heldOf(id: number): readonly HeldRow[] {
    return sorted(this.#held.get(id));
  }

  async mirrors(): Promise<readonly MirrorInForce[]> {
    await this.#reading();
    return [...this.#mirrors.values()];
  }

  async due(mirror: number, after: string | null, limit: number): Promise<readonly DueRow[]> {
    await this.#reading();
    return pageOf(this.#due.get(mirror), after, limit);
  }

  async held(mirror: number, after: string | null, limit: number): Promise<readonly HeldRow[]> {
    await this.#reading();
    return pageOf(this.#held.get(mirror), after, limit);
  }

  async snapshot(mirror: number, environment: string): Promise<DeliverySnapshot> {
    await this.#reading();
    const due = this.#due.get(mirror)?.get(environment) ?? null;
    const held = this.#held.get(mirror)?.get(environment) ?? null;
    const unreadable = this.unreadable.get(environment);
    if (unreadable !== undefined) return { revision: this.revision, due, held, content: { kind: 'failed', ...unreadable } };
    const variables = this.#selects(mirror, environment) ? this.#environments.get(environment) : undefined;
    if (variables === undefined) return { revision: this.revision, due, held, content: { kind: 'absent' } };
    const plain = Object.entries(variables).map(([name, value]) => ({ name, value: encodeUtf8(value), secret: true }));
    return {
      revision: this.revision,
      due,
      held,
      content: { kind: 'present', variables: plain, modifyRevision: this.#revisions.get(environment) ?? 0 },
    };
  }

  async propose(term: number, reports: readonly DeliveryReport[]): Promise<void> {
    await this.#reading();
    await this.beforeReports();
    this.reports.push(...reports);
    if (term !== this.term) return;
    for (const report of reports) this.#apply(report);
    this.#changed();
  }

  async import({ environment, modifyRevision, variables }: ImportRequest): Promise<ImportResult> {
    await this.#reading();
    if (this.#revisions.get(environment) !== modifyRevision) return { kind: 'conflict' };
    const decoder = new TextDecoder();
    const found = Object.fromEntries(variables.map(({ name, value }) => [name, decoder.decode(value)]));
    if (Object.values(found).includes(this.refusedImport)) return { kind: 'refused', reason: 'the cluster does not take it' };
    const before = this.#environments.get(environment) ?? {};
    if (Object.entries(found).every(([name, value]) => before[name] === value)) return { kind: 'unchanged' };
    this.write(environment, { ...before, ...found });
    return { kind: 'written' };
  }

  #apply(report: DeliveryReport): void {
    const { mirror, environment, revision, enqueuedIndex } = report;
    const row = this.#due.get(mirror)?.get(environment);
    const before = this.#held.get(mirror)?.get(environment);
    if (report.kind === 'withdrawn') this.#held.get(mirror)?.delete(environment);
    else if ((before?.revision ?? 0) <= revision)
      this.#held.get(mirror)?.set(environment, { environment, revision, failed: report.kind === 'failed' });
    if (row !== undefined && row.enqueuedIndex <= enqueuedIndex) this.#due.get(mirror)?.delete(environment);
  }

  #selects(id: number, environment: string): boolean {
    const mirror = this.#mirrors.get(id);
    return mirror?.deleting === false && environment.startsWith(mirror.definition.prefix) && this.#environments.has(environment);
  }

  #enqueue(id: number, environment: string): void {
    const selected = this.#selects(id, environment);
    if (!selected && this.#held.get(id)?.has(environment) !== true && this.#due.get(id)?.has(environment) !== true) return;
    const kind = selected ? 'deliver' : 'withdraw';
    this.#due.get(id)?.set(environment, { environment, kind, revision: this.revision, enqueuedIndex: this.#index });
  }

  async #reading(): Promise<void> {
    await Promise.resolve();
    if (this.failure !== null) throw this.failure;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

const someDefinition: MirrorDefinition = {
  name: 'files',
  prefix: '',
  labels: [],
  provider: 'twin',
  targetKey: 'twin/a',
  options: [],
  layout: 'per-variable',
  onLeave: 'delete',
  onDrift: 'overwrite',
  deleteShareMaxPercent: 50,
  paused: false,
};

function sorted<Row extends { readonly environment: string }>(rows: ReadonlyMap<string, Row> | undefined): readonly Row[] {
  return [...(rows?.values() ?? [])].toSorted((a, b) => (a.environment < b.environment ? -1 : 1));
}

function pageOf<Row extends { readonly environment: string }>(
  rows: ReadonlyMap<string, Row> | undefined,
  after: string | null,
  limit: number,
): readonly Row[] {
  return sorted(rows)
    .filter(({ environment }) => after === null || environment > after)
    .slice(0, limit);
}
