import { CpuWatch } from './cpu-watch.ts';
import { type EtcdCluster, readKey } from './etcd-cluster.ts';
import { generated } from './generator-run.ts';
import type { Measurement } from './measurement.ts';
import { variablesOfHundred, type EtcdRun } from './works.ts';

/** Calls of a warm-up, for each that is in flight, within bounds: what tells how many make a measurement of the wanted length. */
const warmCalls = { each: 40, min: 500, max: 20_000 } as const;
const callsMax = 2_000_000;
const keysCount = 10_000;

const commands: Record<EtcdRun['command'], { readonly args: readonly string[]; readonly counts: number }> = {
  put: { args: ['put', '--key-size=16', '--val-size=256', '--sequential-keys', `--key-space-size=${keysCount}`], counts: 1 },
  'txn-put': {
    args: ['txn-put', '--key-size=16', '--val-size=16', `--txn-ops=${variablesOfHundred}`, `--key-space-size=${keysCount * 10}`],
    counts: variablesOfHundred,
  },
  'range-linearizable': { args: ['range', readKey, '--consistency=l'], counts: 1 },
  'range-serializable': { args: ['range', readKey, '--consistency=s'], counts: 1 },
};

/** Loads etcd's leader with its own generator: a warm-up, and then as many calls as take about `measureMs`. */
export async function loadEtcd(cluster: EtcdCluster, benchmark: string, run: EtcdRun, measureMs: number): Promise<Measurement> {
  const { args, counts } = commands[run.command];
  const call = async (total: number): Promise<BenchmarkFigures> =>
    benchmarkFigures(
      await generated(
        benchmark,
        [
          ...args,
          `--endpoints=${cluster.endpoints}`,
          '--target-leader',
          '--precise',
          `--clients=${run.inFlight}`,
          `--conns=${run.connections}`,
          `--total=${total}`,
        ],
        measureMs * 20 + 30_000,
      ),
    );
  const warm = await call(Math.max(warmCalls.min, Math.min(warmCalls.max, run.inFlight * warmCalls.each)));
  const total = Math.max(warmCalls.min, Math.min(callsMax, Math.round((warm.callsPerSecond * measureMs) / 1000)));
  const watch = new CpuWatch(cluster.pids);
  const { callsPerSecond, p50Ms, p99Ms } = await call(total);
  return { ratePerSecond: callsPerSecond * counts, p50Ms, p99Ms, failures: 0, firstFailure: '', cpu: watch.end() };
}

interface BenchmarkFigures {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Reads the summary that etcd's `benchmark --precise` prints. */
export function benchmarkFigures(output: string): BenchmarkFigures {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(output)?.[1];
    if (found === undefined) throw new Error(`etcd's benchmark printed no ${pattern.source}:\n${output.slice(-2000)}`);
    return Number(found);
  };
  return {
    callsPerSecond: number(/Requests\/sec:\s+([\d.e+-]+)/),
    p50Ms: number(/\b50% in ([\d.e+-]+) secs/) * 1000,
    p99Ms: number(/\b99% in ([\d.e+-]+) secs/) * 1000,
  };
}
