import { status } from '@grpc/grpc-js';
import { limitsOf, positionOf } from '@env-cli/environments';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

import type { Member } from '../member/member.ts';
import { catalogued, type MetricEntry, metricCatalogue, metricPrefix } from './catalogue.ts';

/** What other parts of the API thread tell when somebody asks for the figures. */
export interface FigureSource {
  /** Names without the prefix, as the catalogue has them, with labels if any: `outbox_due_rows`, `sync_operations_total{provider="file",outcome="ok"}`. */
  figures(): Promise<Readonly<Record<string, number>>>;
}

/** Half a millisecond to ten seconds: what lies below is a read from memory, what lies above its deadline. */
const latencyBucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Everything that /metrics shows. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'method' | 'code'>;
  readonly #latency: Histogram<'method' | 'code'>;
  readonly #sources: FigureSource[];
  readonly #methods: ReadonlySet<string>;
  readonly #endListening: () => void;
  /** How often this member began or ended to lead. */
  #leaderChanges = 0;

  /** `methods` bounds the labels: calls of methods that do not exist are counted together. */
  constructor(member: Member, methods: Iterable<string>, sources: readonly FigureSource[]) {
    this.#methods = new Set(methods);
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry, prefix: metricPrefix });
    this.#requests = new Counter({
      ...headOf('api_requests_total'),
      labelNames: ['method', 'code'],
      registers,
    });
    this.#latency = new Histogram({
      ...headOf('api_request_duration_seconds'),
      labelNames: ['method', 'code'],
      buckets: latencyBucketsSeconds,
      registers,
    });
    this.#endListening = member.onLeadership(() => this.#leaderChanges++);
    this.#sources = [
      { figures: () => stateFigures(member, this.#leaderChanges) },
      { figures: () => member.metrics() },
      ...sources,
    ];
  }

  /** Counts a call that ended. */
  ended(path: string, code: status, seconds: number): void {
    const method = this.#methods.has(path) ? path.slice(path.lastIndexOf('.') + 1) : 'unknown';
    this.#requests.inc({ method, code: status[code] });
    this.#latency.observe({ method, code: status[code] }, seconds);
  }

  /** Everything in Prometheus' text format. */
  async text(): Promise<string> {
    const groups = await Promise.all(this.#sources.map((source) => source.figures()));
    return `${await this.#registry.metrics()}\n${exposition(groups)}`;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  close(): void {
    this.#endListening();
    this.#registry.clear();
  }
}

/** How long reading the state's own figures may wait. */
const readTimeoutMs = 1_000;

/** What the member's view and its state tell at once. */
async function stateFigures(member: Member, leaderChanges: number): Promise<Record<string, number>> {
  const view = member.view();
  const deadline = performance.now() + readTimeoutMs;
  const state = await member
    .read({ freshness: { kind: 'any' }, appliedIndex: 0, deadline }, (tables) => ({
      position: positionOf(tables),
      limits: limitsOf(tables),
    }))
    .catch(() => null);
  return {
    raft_has_leader: Number(view.leaderId !== null),
    raft_leader_changes_total: leaderChanges,
    raft_log_bytes: view.logBytes,
    ...(state === null
      ? {}
      : {
          revision: state.position.revision,
          compacted_revision: state.position.floor,
          state_bytes: state.position.stateBytes,
          state_quota_bytes: state.limits.quotaBytes,
        }),
  };
}

/** The metrics that prom-client keeps, and tells itself. */
const keptByClient: ReadonlySet<string> = new Set(['api_requests_total', 'api_request_duration_seconds']);

function headOf(name: string): { readonly name: string; readonly help: string } {
  return { name: `${metricPrefix}${name}`, help: metricCatalogue[name]!.help };
}

/**
 * Figures of several sources as text, in the order of the catalogue. A metric that has no series at the moment (no peer, nothing delivered)
 * is told by its HELP and TYPE alone, so that whoever looks for it finds it.
 */
export function exposition(groups: readonly Readonly<Record<string, number>>[]): string {
  const byName = new Map<string, string[]>(
    Object.keys(metricCatalogue)
      .filter((name) => !keptByClient.has(name))
      .map((name) => [name, []]),
  );
  for (const [figure, value] of groups.flatMap((group) => Object.entries(group))) {
    const series = seriesOf(figure);
    const name = catalogued(series) ?? series.split('{').at(0)!;
    const lines = byName.get(name) ?? [];
    lines.push(`${metricPrefix}${series} ${value}`);
    byName.set(name, lines);
  }
  return [...byName].map(([name, lines]) => familyOf(name, lines)).join('');
}

/** A test holds that there is none of these. */
const notCatalogued: MetricEntry = { type: 'gauge', help: 'Not described.' };

function familyOf(name: string, lines: readonly string[]): string {
  const { type, help } = metricCatalogue[name] ?? notCatalogued;
  return [`# HELP ${metricPrefix}${name} ${help}`, `# TYPE ${metricPrefix}${name} ${type}`, ...lines, ''].join('\n');
}

const threadFigure = /^event_loop_delay_(p99|max)_seconds_(\w+)$/;

/** The series of a figure: that of a thread carries the thread as a label. */
function seriesOf(figure: string): string {
  const [, quantile, thread] = threadFigure.exec(figure) ?? [];
  return thread === undefined
    ? figure
    : `event_loop_delay_seconds{thread="${thread}",quantile="${quantile === 'max' ? '1' : '0.99'}"}`;
}
