import { beforeEach, expect, test } from '@jest/globals';
import { toRevision } from '@env-cli/keyspace';

import { PendingProposals } from './pending-proposals.ts';

let pending: PendingProposals;
let codes: Map<number, string>;

beforeEach(() => {
  pending = new PendingProposals();
  codes = new Map();
});

async function wait(counter: number, deadlineMs = 1e9): Promise<void> {
  const outcome = pending.add(counter, deadlineMs);
  outcome.then(
    ({ appliedIndex }) => codes.set(counter, `applied at ${appliedIndex}`),
    (error: unknown) => codes.set(counter, (error as { code: string }).code),
  );
  await Promise.resolve();
}

async function heard(): Promise<[number, string][]> {
  await new Promise((resolve) => setImmediate(resolve));
  return [...codes];
}

const applied = { kind: 'applied', revision: toRevision(1) } as const;

test('a command is answered once it is applied here, and only once', async () => {
  await wait(1);
  pending.applied(1, 30, applied);
  pending.refused([1], 'outcome-unknown');
  expect(await heard()).toEqual([[1, 'applied at 30']]);
  expect(pending.size).toBe(0);
});

test('what was forwarded for a reign is certainly lost once an entry of a later reign is applied', async () => {
  await wait(1);
  await wait(2);
  await wait(3);
  pending.forwarded([1, 2], 5);
  pending.forwarded([3], 6);
  pending.termApplied(5);
  pending.applied(2, 30, applied);
  pending.termApplied(6);
  expect(await heard()).toEqual([
    [2, 'applied at 30'],
    [1, 'no-leader'],
  ]);
  pending.termApplied(7);
  expect((await heard()).at(-1)).toEqual([3, 'no-leader']);
});

test('what was proposed here is not settled by a later reign: its leader knew', async () => {
  await wait(1);
  pending.termApplied(9);
  expect(await heard()).toEqual([]);
});

test('what waits when the state is replaced may be applied in it: its outcome is unknown, whatever follows', async () => {
  await wait(1);
  await wait(2);
  pending.forwarded([1], 5);
  pending.stateReplaced();
  pending.termApplied(6);
  expect(await heard()).toEqual([
    [1, 'outcome-unknown'],
    [2, 'outcome-unknown'],
  ]);
});

test('without a word until shortly after its deadline the outcome is unknown', async () => {
  await wait(1, 1_000);
  pending.sweep(1_100);
  expect(await heard()).toEqual([]);
  pending.sweep(1_200);
  expect(await heard()).toEqual([[1, 'outcome-unknown']]);
});
