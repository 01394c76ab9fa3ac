import { join } from 'node:path';

import { CpuWatch } from './cpu-watch.ts';
import { generated } from './generator-run.ts';
import type { Measurement } from './measurement.ts';
import type { OurCluster } from './our-cluster.ts';
import { unaryRequests } from './requests.ts';
import type { OurRun, Times } from './works.ts';

/** What etcd/unary/main.go prints. */
interface UnaryReport {
  readonly operations: number;
  readonly failures: number;
  readonly firstFailure: string;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Loads our leader by single gRPC calls. `directory`: where the requests are written. */
export async function loadByUnary(
  ours: OurCluster,
  run: OurRun,
  times: Times,
  how: { readonly generator: string; readonly directory: string },
): Promise<Measurement> {
  if (run.operation === 'write-100') throw new TypeError('there is no unary load of a hundred variables');
  const { method, file } = unaryRequests(run.operation, join(how.directory, 'requests'));
  const watch = new CpuWatch(ours.pids);
  const output = await generated(
    how.generator,
    [
      `-address=${ours.leaderAddress}`,
      `-method=${method}`,
      `-requests=${file}`,
      `-clients=${run.inFlight}`,
      `-conns=${run.connections}`,
      `-warm=${times.warmMs}ms`,
      `-measure=${times.measureMs}ms`,
    ],
    times.warmMs + times.measureMs + 60_000,
  );
  const cpu = watch.end();
  const { operations, seconds, p50Ms, p99Ms, failures, firstFailure } = JSON.parse(output) as UnaryReport;
  return { ratePerSecond: operations / seconds, p50Ms, p99Ms, failures, firstFailure, cpu };
}
