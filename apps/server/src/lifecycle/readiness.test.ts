import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';

import { type Member, MemberUnavailable } from '../member/member.ts';
import { Readiness } from './readiness.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A member of which the test says how it stands, and when its reads end. */
function memberOf() {
  const view = { leaderId: null as number | null, appliedIndex: 0 };
  const reads: PromiseWithResolvers<void>[] = [];
  const read = (): Promise<void> => {
    const made = Promise.withResolvers<void>();
    reads.push(made);
    return made.promise;
  };
  return { view, reads, member: { view: () => view, read } as unknown as Member };
}

const passing = (): Promise<void> => jest.advanceTimersByTimeAsync(100);

test('calls are sent to a member once it listens, knows a leader and has taken in what the others have; until it stops', async () => {
  const told: boolean[] = [];
  const readiness = new Readiness((ready) => told.push(ready));
  const { view, reads, member } = memberOf();
  expect(readiness.verdict().why).toBe('starting');
  readiness.begin(member);
  expect(readiness.verdict().why).toBe('no leader is known');
  view.leaderId = 2;
  await passing();
  expect(readiness.verdict().why).toBe('the cluster is being founded');
  view.appliedIndex = 7;
  expect(readiness.verdict().why).toBe('what the others have is being taken in');
  expect(told).not.toContain(true);
  reads[0]!.resolve();
  await passing();
  await readiness.first;
  expect(readiness.verdict()).toEqual({ ok: true, why: 'ready' });
  expect(told.at(-1)).toBe(true);
  // Having caught up once is enough, a leader is not.
  view.leaderId = null;
  await passing();
  expect(told.at(-1)).toBe(false);
  view.leaderId = 1;
  await passing();
  expect([told.at(-1), reads.length]).toEqual([true, 1]);
  readiness.stop();
  await passing();
  expect([told.at(-1), readiness.verdict().why]).toEqual([false, 'stopping']);
});

test('whether it has caught up is asked again when nobody could say', async () => {
  const readiness = new Readiness(() => undefined);
  const { view, reads, member } = memberOf();
  Object.assign(view, { leaderId: 2, appliedIndex: 7 });
  readiness.begin(member);
  await passing();
  expect(reads.length).toBe(1);
  reads[0]!.reject(new MemberUnavailable('no-leader', 'no leader is known'));
  await passing();
  expect(reads.length).toBe(2);
  reads[1]!.resolve();
  await passing();
  await readiness.first;
  readiness.stop();
});

test('one that was stopped before it listened does not begin', async () => {
  const told: boolean[] = [];
  const readiness = new Readiness((ready) => told.push(ready));
  readiness.stop();
  const { reads, member } = memberOf();
  readiness.begin(member);
  await passing();
  expect([told, reads.length]).toEqual([[false], 0]);
});
