import type { Step, StepResult } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';

/** Steps of one delivery that are carried out at once. The rate is the worker's; this bounds what waits for it. */
const stepsAtOnce = 8;

/** Does something for each of many, a few at once, in no order. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const workers = Array.from({ length: Math.min(stepsAtOnce, items.length) }, async () => {
    for (const item of left) await work(item);
  });
  // All are waited for: one that failed must not leave the others writing behind the back of whoever is told.
  const ends = await Promise.allSettled(workers);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** Carries steps out, each by itself: a failure of one is its own result. `carryOut` answers the version of what is there then. */
export async function stepResults<S extends Step>(
  steps: readonly S[],
  carryOut: (step: S) => Promise<string>,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  await forEach(steps, async (step) => {
    try {
      results.push({ key: step.key, failure: null, version: await carryOut(step) });
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      results.push({ key: step.key, failure: error.failure, version: '' });
    }
  });
  return results;
}

/** Batches of at most so many. */
export function batchesOf<T>(items: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let at = 0; at < items.length; at += size) batches.push(items.slice(at, at + size));
  return batches;
}

export function changedMeanwhile(key: string): TargetError {
  return new TargetError('conflict', `${key} was changed after it was read`);
}
