import type { Outcome, PlanItem, StepResult } from '@env-cli/mirroring';

import type { KeyPace } from './key-pace.ts';

/** A plan without the writes that come too soon. */
export interface PacedPlan {
  readonly items: readonly PlanItem[];
  /** Until the first of the writes that were held back may be made, in milliseconds; null: none was. */
  readonly waitMs: number | null;
}

/** Holds back writes of keys that were written too often. Deletions wait with them, as they do for every key that is not in place. */
export function pacedPlan(items: readonly PlanItem[], pace: KeyPace | null): PacedPlan {
  if (pace === null) return { items, waitMs: null };
  let waitMs: number | null = null;
  const writing = items.map((item) => {
    const itsWaitMs = item.step?.kind === 'write' ? pace.waitMs(item.key) : 0;
    if (itsWaitMs === 0) return item;
    waitMs = Math.min(waitMs ?? itsWaitMs, itsWaitMs);
    return held(item, tooOften(pace));
  });
  if (waitMs === null) return { items, waitMs };
  const deleting = 'it is deleted once every other key is in place';
  return { items: writing.map((item) => (item.step?.kind === 'delete' ? held(item, deleting) : item)), waitMs };
}

/** Remembers the writes that were made, or may have been. */
export function countWrites(items: readonly PlanItem[], results: readonly StepResult[], pace: KeyPace | null): void {
  if (pace === null) return;
  const writes = new Set(items.flatMap(({ key, step }) => (step?.kind === 'write' ? [key] : [])));
  for (const { key, failure } of results) {
    const landed = failure === null || failure.class === 'timed-out' || failure.class === 'connection-lost';
    if (landed && writes.has(key)) pace.written(key);
  }
}

/** What follows a delivery of which some writes were held back: another attempt once they may be made, whatever became of the others. */
export function pacedOutcome(outcome: Outcome, waitMs: number | null): Outcome {
  if (waitMs === null || outcome.kind === 'stop') return outcome;
  const afterMs = outcome.kind === 'retry' ? Math.min(outcome.afterMs, waitMs) : waitMs;
  return { kind: 'retry', afterMs, status: outcome.status };
}

function held(item: PlanItem, reason: string): PlanItem {
  return { ...item, step: null, hold: { state: 'PENDING', reason, refusals: [], skipped: false } };
}

function tooOften({ rate: { writesBurst, intervalMs } }: KeyPace): string {
  return (
    `it was written ${writesBurst} times in short order, and may be once in ${intervalMs / 1_000} s in the long run: what is newest by ` +
    'then is written once that time has passed. If it cannot wait, shorten the write interval of the mirror'
  );
}
