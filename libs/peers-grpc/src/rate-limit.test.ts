import { expect, test } from '@jest/globals';

import { RateLimit } from './rate-limit.ts';

test('all who share a rate have it together, in the order in which they asked; what was not used is not saved up', () => {
  let nowMs = 5_000;
  const rate = new RateLimit(1_000, () => nowMs);
  // Two followers, half a kilobyte at a time.
  expect([rate.take(500), rate.take(500), rate.take(500)]).toEqual([0, 500, 1_000]);
  nowMs += 1_000;
  expect(rate.take(500)).toBe(500);
  nowMs += 60_000;
  expect([rate.take(500), rate.take(500)]).toEqual([0, 500]);
});

test('at the lowest rate of all, 31 that share it each have some of it in time: before they are given up for silence', () => {
  // The least that `distributed.snapshot_bytes_per_second` may be, and the largest cluster.
  let nowMs = 0;
  const rate = new RateLimit(64 * 1024, () => nowMs);
  const chunkBytes = rate.portion(512 * 1024);
  const outMs = Array.from({ length: 31 }, () => rate.take(chunkBytes));
  let longestMs = 0;
  for (let round = 0; round < 3; round++) {
    for (const [copy, lastMs] of outMs.entries()) {
      // Each asks for its next chunk when the last one has gone out.
      nowMs = lastMs;
      outMs[copy] = nowMs + rate.take(chunkBytes);
      longestMs = Math.max(longestMs, outMs[copy] - lastMs);
    }
  }
  expect(longestMs).toBe(31_000);
});
