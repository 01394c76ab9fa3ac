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
