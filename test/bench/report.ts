import type { Machine, Noise, SyncLatency } from './machine.ts';
import type { Summary } from './measurement.ts';
import { figure, textTable } from './text-table.ts';
import type { EtcdRun, OurRun } from './works.ts';

/** Cores that others may take before a figure is marked. */
const disturbedCores = 0.3;

export interface EtcdResult {
  readonly run: EtcdRun;
  readonly summary: Summary;
}

export interface OurResult {
  readonly run: OurRun;
  readonly summary: Summary;
  /** Ours ÷ etcd's in the same run; null without etcd. */
  readonly ratio: number | null;
}

/** All that a run found, as .results/bench.json keeps it. */
export interface BenchReport {
  readonly machine: Machine;
  readonly rounds: number;
  readonly warmMs: number;
  readonly measureMs: number;
  /** Before the first round, and after each. */
  readonly noises: readonly Noise[];
  /** Empty without etcd. */
  readonly etcd: readonly EtcdResult[];
  readonly ours: readonly OurResult[];
}

/** Holds one of our figures against etcd's. */
export function ratioOf(run: OurRun, ours: Summary, etcd: Summary | undefined): number | null {
  if (etcd === undefined) return null;
  return run.compares === 'p50' ? ours.p50Ms / etcd.p50Ms : ours.ratePerSecond / etcd.ratePerSecond;
}

/** The whole report, for people. */
export function reportText({ machine, rounds, warmMs, measureMs, noises, etcd, ours }: BenchReport): string {
  return [
    '',
    `Three members and the clients on one machine: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, kernel ${machine.kernel}, Node ${machine.node}.`,
    'Loopback, no TLS, fsync on. Values of 256 B (W4: 100 variables, or puts, of 16 B a call, counted singly); 10,000 keys, or environments',
    'of one variable for each client process. All calls go to the leader. `unary`: single gRPC calls from one process in Go; `SDK`: client',
    `processes in Node, as many as connections. Medians of ${rounds} round(s); each load ${warmMs / 1000} s of warm-up and ${measureMs / 1000} s of measurement (one call in flight: five times the warm-up).`,
    ...noises.map(noiseLine),
    ...(etcd.length === 0 ? [] : ['\netcd 3.6.16\n', etcdTable(etcd)]),
    '\nenv-cli\n',
    ourTable(ours),
    `\n*: other processes took more than ${disturbedCores} cores; repeat the run when the machine is quiet.`,
  ].join('\n');
}

function noiseLine({ at, load, preallocatedUs, growingUs }: Noise): string {
  return `${at}  load ${load.toFixed(1)}; fdatasync of 512 B: ${syncText(preallocatedUs)} preallocated, ${syncText(growingUs)} growing`;
}

function syncText({ p50, p99 }: SyncLatency): string {
  return `${p50} µs (p99 ${p99})`;
}

function ourTable(results: readonly OurResult[]): string {
  return textTable(
    ['', 'in flight', 'connections', ...measuredHeading, 'against', 'ratio', 'goal'],
    results.map(({ run, summary, ratio }) => [
      run.id,
      ...loadCells(run),
      ...measuredCells(summary),
      `${run.against} ${run.compares}`,
      figure(ratio ?? undefined),
      `${run.compares === 'p50' ? '≤' : '≥'} ${run.goal}`,
    ]),
  );
}

function etcdTable(results: readonly EtcdResult[]): string {
  return textTable(
    ['', 'in flight', 'connections', ...measuredHeading],
    results.map(({ run, summary }) => [run.id, ...loadCells(run), ...measuredCells(summary)]),
  );
}

const measuredHeading = [
  'per second',
  'p50 ms',
  'p99 ms',
  'failed',
  'spread',
  'cores: members',
  'clients',
  'others',
  'members µs each',
];

function loadCells(run: { readonly inFlight: number; readonly connections: number }): string[] {
  return [String(run.inFlight), String(run.connections)];
}

function measuredCells({ ratePerSecond, p50Ms, p99Ms, failures, spread, rounds, cpu }: Summary): string[] {
  return [
    figure(ratePerSecond),
    figure(p50Ms),
    figure(p99Ms),
    String(failures),
    rounds === 1 ? '–' : `${Math.round(spread * 100)} %`,
    figure(cpu?.members),
    figure(cpu?.clients),
    `${cpu !== null && cpu.others > disturbedCores ? '*' : ''}${figure(cpu?.others)}`,
    // What one costs the members: the figure that other processes disturb least.
    figure(cpu === null ? undefined : (cpu.members * 1e6) / ratePerSecond),
  ];
}
