import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

import { connect } from '@env-cli/client';

import { Calls } from './calls.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { SdkEvent, SdkOrder, SdkStart } from './sdk-orders.ts';

/** How long a lane waits after a call that failed: a refusal must not become a busy loop. */
const afterFailureMs = 5;

const { addresses, operation, inFlight, index } = JSON.parse(process.argv[2] ?? '') as SdkStart;
const tell = (event: SdkEvent): void => void process.send?.(event);

const client = await connect(addresses, { timeoutMs: 30_000 });
const calls = new Calls(client, operation, index);
const over = new AbortController();
/** What is measured at the moment; null while it warms up. */
let histogram: LatencyHistogram | null = null;
let failures = 0;
let firstFailure = '';

async function lane(): Promise<void> {
  while (!over.signal.aborted) {
    const sentMs = performance.now();
    try {
      await calls.next();
      histogram?.note(performance.now() - sentMs);
    } catch (error) {
      if (over.signal.aborted) return;
      failures++;
      if (firstFailure === '') firstFailure = String(error);
      await pause(afterFailureMs);
    }
  }
}

// Whoever started this process is gone, or has what it wanted.
process.once('disconnect', () => process.exit(0));
const ordered = once(process, 'message') as Promise<[SdkOrder]>;
const lanes = Array.from({ length: inFlight }, lane);
tell({ kind: 'loading' });

const [{ measureMs }] = await ordered;
const measured = new LatencyHistogram();
histogram = measured;
failures = 0;
const beganMs = performance.now();
await pause(measureMs);
histogram = null;
const seconds = (performance.now() - beganMs) / 1000;
over.abort();
tell({ kind: 'measured', seconds, counts: measured.counts, failures, firstFailure });
await Promise.all(lanes);
await client.close();
