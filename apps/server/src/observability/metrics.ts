import { status } from '@grpc/grpc-js';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import type { Member } from '../member/member.ts';

/** What other parts of the API thread tell when somebody asks for the figures. */
export interface FigureSource {
  /** Names without the prefix, with labels if any: `outbox_due_rows`, `sync_operations_total{provider="file",outcome="ok"}`. */
  figures(): Promise<Readonly<Record<string, number>>>;
}

/** Half a millisecond to ten seconds: what lies below is a read from memory, what lies above its deadline. */
const latencyBucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Everything that /metrics shows. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'method' | 'code'>;
  readonly #latency: Histogram<'method'>;
  readonly #sources: FigureSource[];
  readonly #methods: ReadonlySet<string>;

  /** `methods` bounds the labels: calls of methods that do not exist are counted together. */
  constructor(member: Member, methods: Iterable<string>, sources: readonly FigureSource[]) {
    this.#methods = new Set(methods);
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry, prefix: 'env_cli_' });
    this.#requests = new Counter({
      name: 'env_cli_api_requests_total',
      help: 'Calls that ended, by method and gRPC status.',
      labelNames: ['method', 'code'],
      registers,
    });
    this.#latency = new Histogram({
      name: 'env_cli_api_request_duration_seconds',
      help: 'How long calls took, by method. Streams count when they end.',
      labelNames: ['method'],
      buckets: latencyBucketsSeconds,
      registers,
    });
    viewGauges(member, registers);
    this.#sources = [{ figures: () => member.metrics() }, ...sources];
  }

  /** Counts a call that ended. */
  ended(path: string, code: status, seconds: number): void {
    const method = this.#methods.has(path) ? path.slice(path.lastIndexOf('.') + 1) : 'unknown';
    this.#requests.inc({ method, code: status[code] });
    this.#latency.observe({ method }, seconds);
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
    this.#registry.clear();
  }
}

/** What the member's view tells at once. */
function viewGauges(member: Member, registers: Registry[]): void {
  const gauge = (name: string, help: string, value: () => number): Gauge =>
    new Gauge({
      name: `env_cli_${name}`,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge('raft_is_leader', 'Whether this member leads.', () => Number(member.view().role === 'leader'));
  gauge('raft_has_leader', 'Whether this member knows a leader.', () => Number(member.view().leaderId !== null));
  gauge('raft_term', 'The term that this member is in.', () => member.view().term);
  gauge('raft_commit_index', 'The highest log index that is known to be committed.', () => member.view().commitIndex);
  gauge('raft_applied_index', 'The highest log index that the state has seen.', () => member.view().appliedIndex);
  gauge('raft_log_bytes', 'The size of the log on disk.', () => member.view().logBytes);
  gauge('raft_peers_connected', 'Other members to which there is a connection.', () =>
    member.view().members.reduce((count, peer) => count + Number(peer.connected && peer.memberId !== member.view().memberId), 0),
  );
}

/** Figures of several sources as text: names that end in `_total` are counters, all others gauges. */
export function exposition(groups: readonly Readonly<Record<string, number>>[]): string {
  const byName = new Map<string, string[]>();
  for (const [figure, value] of groups.flatMap((group) => Object.entries(group))) {
    const series = seriesOf(figure);
    const [name = ''] = series.split('{');
    const lines = byName.get(name) ?? [];
    lines.push(`env_cli_${series} ${value}`);
    byName.set(name, lines);
  }
  return [...byName]
    .map(([name, lines]) => `# TYPE env_cli_${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n${lines.join('\n')}\n`)
    .join('');
}

const threadFigure = /^event_loop_delay_(p99|max)_seconds_(\w+)$/;

/** The series of a figure: that of a thread carries the thread as a label. */
function seriesOf(figure: string): string {
  const [, quantile, thread] = threadFigure.exec(figure) ?? [];
  return thread === undefined
    ? figure
    : `event_loop_delay_seconds{thread="${thread}",quantile="${quantile === 'max' ? '1' : '0.99'}"}`;
}
