import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

import { CpuWatch } from './cpu-watch.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { Measurement } from './measurement.ts';
import type { OurCluster } from './our-cluster.ts';
import type { SdkEvent, SdkOrder, SdkStart } from './sdk-orders.ts';
import { variablesOfHundred, type OurRun, type Times } from './works.ts';

type Measured = Extract<SdkEvent, { readonly kind: 'measured' }>;

/** How long a client process may take beyond what it was told. */
const slackMs = 60_000;

/** When a load was measured, on the clock that CPU profiles use, in microseconds. */
export interface Window {
  readonly fromUs: number;
  readonly toUs: number;
}

/** Loads our members through the SDK, from client processes of their own. */
export async function loadBySdk(ours: OurCluster, run: OurRun, times: Times): Promise<Measurement & { readonly window: Window }> {
  const program = new URL('./sdk-child.ts', import.meta.url);
  const children = Array.from({ length: run.connections }, (_, index) => {
    const start: SdkStart = {
      addresses: ours.cluster.addresses,
      operation: run.operation,
      inFlight: Math.ceil(run.inFlight / run.connections),
      index,
    };
    return fork(program, [JSON.stringify(start)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  });
  try {
    await Promise.all(children.map((child) => told(child, 'loading', slackMs)));
    await pause(times.warmMs);
    const watch = new CpuWatch(
      ours.pids,
      children.flatMap((child) => child.pid ?? []),
    );
    const fromUs = nowUs();
    const answers = children.map((child) => told(child, 'measured', times.measureMs + slackMs));
    const order: SdkOrder = { measureMs: times.measureMs };
    for (const child of children) child.send(order);
    const measured = (await Promise.all(answers)) as Measured[];
    return { ...together(measured, run), cpu: watch.end(), window: { fromUs, toUs: nowUs() } };
  } finally {
    await Promise.all(children.map(ended));
  }
}

function together(measured: readonly Measured[], run: OurRun): Omit<Measurement, 'cpu'> {
  const histogram = new LatencyHistogram();
  let callsPerSecond = 0;
  for (const { counts, seconds } of measured) {
    histogram.add(counts);
    callsPerSecond += new LatencyHistogram(counts).total / seconds;
  }
  return {
    ratePerSecond: callsPerSecond * (run.operation === 'write-100' ? variablesOfHundred : 1),
    p50Ms: histogram.percentileMs(0.5),
    p99Ms: histogram.percentileMs(0.99),
    failures: measured.reduce((sum, { failures }) => sum + failures, 0),
    firstFailure: measured.find(({ firstFailure }) => firstFailure !== '')?.firstFailure ?? '',
  };
}

/** Waits for a client process to say something. Rejects when it ends or says nothing for too long. */
async function told(child: ChildProcess, kind: SdkEvent['kind'], timeoutMs: number): Promise<SdkEvent> {
  const over = new AbortController();
  const { signal } = over;
  try {
    return await Promise.race([
      (async () => {
        for (;;) {
          const [event] = (await once(child, 'message', { signal })) as [SdkEvent];
          if (event.kind === kind) return event;
        }
      })(),
      once(child, 'exit', { signal }).then(() => {
        throw new Error(`a client process ended before it was ${kind}`);
      }),
      pause(timeoutMs, undefined, { signal }).then(() => {
        throw new Error(`a client process was not ${kind} within ${timeoutMs} ms`);
      }),
    ]);
  } finally {
    over.abort();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
