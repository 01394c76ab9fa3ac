import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { noteOf, outcomeOf, outcomeOfFailure, outcomeOfNoPlan, type StepResult } from './outcome.ts';
import type { Hold, PlanItem } from './plan.ts';
import { defaultRetryPolicy, type Failure, type FailureClass, isRetried, waitBeforeRetry } from './retry.ts';
import { decodeStatus, type DeliveryStatus, deliveryStates, encodeStatus } from './status.ts';

const found = { key: '', stamps: [], landed: true, valueHash: 'h', version: '' };

function item(key: string, variables: readonly string[], hold: Hold | null = null): PlanItem {
  const step = hold === null ? ({ kind: 'delete', key, found } as const) : null;
  return { key, variables, found, valueBytes: 0, action: 'update', step, hold };
}

function failure(failureClass: FailureClass, retryAfterMs: number | null = null): Failure {
  return { class: failureClass, message: `it was ${failureClass}`, retryAfterMs };
}

function result(key: string, failed: Failure | null): StepResult {
  return { key, failure: failed, version: '' };
}

const first = { number: 1, random: 0.5, policy: defaultRetryPolicy };
const last = { ...first, number: defaultRetryPolicy.attemptsMax };

describe('what follows an attempt', () => {
  test('everything in place: done', () => {
    expect(outcomeOf([item('K', ['A'])], [result('K', null)], first)).toMatchObject({
      kind: 'done',
      status: { state: 'SYNCED', variables: [] },
    });
  });

  test('a failure that may pass is retried, and the status names every variable that waits', () => {
    const items = [item('K', ['A']), item('L', ['B']), item('M', ['C']), item('N', ['D'])];
    const results = [result('K', null), result('L', failure('throttled')), result('M', failure('refused'))];
    const outcome = outcomeOf(items, results, first);
    expect(outcome).toMatchObject({ kind: 'retry', status: { state: 'TARGET_ERROR', others: { state: 'SYNCED' } } });
    expect(outcome.kind === 'retry' && outcome.status.variables.map(({ variable, state }) => [variable, state])).toEqual([
      ['B', 'TARGET_ERROR'],
      ['C', 'TARGET_ERROR'],
      ['D', 'PENDING'],
    ]);
  });

  test('a refusal is not retried, nor is anything after the last attempt', () => {
    expect(outcomeOf([item('K', ['A'])], [result('K', failure('refused'))], first).kind).toBe('failed');
    expect(outcomeOf([item('K', ['A'])], [result('K', failure('throttled'))], last).kind).toBe('failed');
  });

  test('a key that is held back is a failure that no attempt cures', () => {
    const hold: Hold = { state: 'UNSYNCED', reason: 'somebody changed it', refusals: [], skipped: false };
    expect(outcomeOf([item('K', ['A'], hold)], [], first)).toMatchObject({ kind: 'failed', status: { state: 'UNSYNCED' } });
  });

  test('what the policy goes without is named, and the environment counts as delivered', () => {
    const refusals = [{ variable: 'B', reason: 'no empty value' }];
    const hold: Hold = { state: 'BLOCKED_BY_POLICY', reason: 'it cannot be written', refusals, skipped: true };
    const outcome = outcomeOf([item('K', ['A']), item('L', ['B'], hold)], [result('K', null)], first);
    expect(outcome).toMatchObject({
      kind: 'done',
      status: { state: 'SYNCED', variables: [{ variable: 'B', state: 'BLOCKED_BY_POLICY', reason: 'no empty value' }] },
    });
  });

  test('in a blob the variables that are the cause are named, and the others say what they wait for', () => {
    const hold: Hold = {
      state: 'BLOCKED_BY_POLICY',
      reason: 'the file is left',
      refusals: [{ variable: 'B', reason: 'no name' }],
      skipped: false,
    };
    const outcome = outcomeOf([item('prod.env', ['A', 'B', 'C'], hold)], [], first);
    expect(outcome).toMatchObject({
      status: {
        state: 'BLOCKED_BY_POLICY',
        variables: [{ variable: 'B', state: 'BLOCKED_BY_POLICY', reason: 'no name' }],
        others: { state: 'BLOCKED_BY_POLICY', reason: 'prod.env: the file is left: B: no name' },
      },
    });
    expect(noteOf(item('prod.env', ['A', 'B'], hold))).toBe('the file is left: B: no name');
  });

  test('a source that fails is retried, and named as what it is', () => {
    const stopped = { kind: 'source-failed', problem: 'no key', refusals: [{ variable: 'A', reason: 'sealed' }] } as const;
    expect(outcomeOfNoPlan(stopped, first)).toMatchObject({ kind: 'retry', status: { state: 'SOURCE_ERROR' } });
    expect(outcomeOfNoPlan(stopped, last)).toMatchObject({ kind: 'failed', status: { variables: [{ variable: 'A' }] } });
  });

  test('a higher epoch stops the mirror, a newer revision only this attempt', () => {
    expect(outcomeOfNoPlan({ kind: 'higher-epoch', key: 'K', epoch: 3 }, first).kind).toBe('stop');
    expect(outcomeOfNoPlan({ kind: 'newer-revision', key: 'K', revision: 3 }, first).kind).toBe('retry');
  });

  test('a fault of ours is told from one of the target', () => {
    expect(outcomeOfFailure(failure('internal'), first)).toMatchObject({ kind: 'failed', status: { state: 'INTERNAL_ERROR' } });
    expect(outcomeOfFailure(failure('timed-out'), first)).toMatchObject({ kind: 'retry', status: { state: 'TARGET_ERROR' } });
  });
});

describe('retries', () => {
  test.each([
    ['throttled', true],
    ['unavailable', true],
    ['timed-out', true],
    ['connection-lost', true],
    ['conflict', true],
    ['refused', false],
    ['internal', false],
  ] as const)('%s is retried: %s', (failureClass, retried) => {
    expect(isRetried(failure(failureClass))).toBe(retried);
  });

  test.each([
    // attempts, random, expected wait in ms: random × min(300 s, 500 ms × 2^(attempts − 1))
    [1, 0, 0],
    [1, 0.5, 250],
    [4, 0.5, 2_000],
    [30, 0.999_999, 299_999],
  ])('the wait after %d attempts at chance %d is %d ms', (attempts, random, waitMs) => {
    expect(waitBeforeRetry(defaultRetryPolicy, attempts, [failure('throttled')], random)).toBe(waitMs);
  });

  test('a wait that the target asks for is honoured up to an hour, and the jitter comes on top', () => {
    expect(waitBeforeRetry(defaultRetryPolicy, 1, [failure('throttled', 7_000), failure('throttled', 2_000)], 0.5)).toBe(7_250);
    expect(waitBeforeRetry(defaultRetryPolicy, 1, [failure('throttled', 1e12)], 0)).toBe(3_600_000);
  });
});

describe('a status in bytes', () => {
  const state = fc.record({ state: fc.constantFrom(...deliveryStates), reason: fc.string({ maxLength: 400 }) });
  const status = fc.tuple(state, state, fc.array(fc.tuple(fc.string(), state))).map(([own, others, variables]) => ({
    ...own,
    others,
    variables: variables.map(([variable, its]) => ({ variable, ...its })),
  }));

  test('comes back as it was', () => {
    fc.assert(
      fc.property(status, (before) => expect(decodeStatus(encodeStatus(before))).toEqual(before)),
      { numRuns: 200 },
    );
  });

  test('fits its limit however many variables there are, and then nothing unlisted passes for being in order', () => {
    const reason = 'x'.repeat(300);
    const variables = Array.from({ length: 4096 }, (_, i) => ({ variable: `V${i}`, state: 'TARGET_ERROR' as const, reason }));
    const before: DeliveryStatus = { state: 'TARGET_ERROR', reason, variables, others: { state: 'SYNCED', reason: '' } };
    const bytes = encodeStatus(before);
    const after = decodeStatus(bytes);
    expect(bytes.length).toBeLessThanOrEqual(48 * 1024);
    expect(after.variables.length).toBeGreaterThan(100);
    expect(after.others.state).toBe('TARGET_ERROR');
  });
});
