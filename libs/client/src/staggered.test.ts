import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { staggered } from './staggered.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Attempts that the test ends, and which of them were begun. */
function attemptsOf(count: number) {
  const all = Array.from({ length: count }, () => Promise.withResolvers<string | null>());
  const begun: number[] = [];
  const attempts = all.map(({ promise }, at) => () => {
    begun.push(at);
    return promise;
  });
  return { all, begun, attempts };
}

describe('attempts', () => {
  test('begin one after another, each when the one before has had its time', async () => {
    const { all, begun, attempts } = attemptsOf(3);
    const first = staggered(attempts, 100);
    expect(begun).toEqual([0]);
    await jest.advanceTimersByTimeAsync(99);
    expect(begun).toEqual([0]);
    await jest.advanceTimersByTimeAsync(1);
    expect(begun).toEqual([0, 1]);
    all[1]!.resolve('second');
    expect(await first).toBe('second');
    await jest.advanceTimersByTimeAsync(1000);
    expect(begun).toEqual([0, 1]);
  });

  test('begin at once when the one before comes to nothing', async () => {
    const { all, begun, attempts } = attemptsOf(3);
    const first = staggered(attempts, 100);
    all[0]!.resolve(null);
    await jest.advanceTimersByTimeAsync(0);
    expect(begun).toEqual([0, 1]);
    all[1]!.resolve(null);
    all[2]!.resolve('third');
    expect(await first).toBe('third');
  });

  test('that all come to nothing are answered when the last of them does', async () => {
    const { all, begun, attempts } = attemptsOf(2);
    const first = staggered(attempts, 100);
    await jest.advanceTimersByTimeAsync(100);
    all[1]!.resolve(null);
    await jest.advanceTimersByTimeAsync(1000);
    expect(begun).toEqual([0, 1]);
    all[0]!.resolve(null);
    expect(await first).toBeNull();
  });

  test('of which one breaks end with that', async () => {
    const { all, begun, attempts } = attemptsOf(2);
    const first = staggered(attempts, 100);
    all[0]!.reject(new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    await jest.advanceTimersByTimeAsync(1000);
    expect(begun).toEqual([0]);
  });
});
