import { BrokenInvariant } from '@env-cli/support';
import { describe, expect, test } from '@jest/globals';

import { Inflights } from './inflights.ts';
import { index } from './testing/test-member.ts';

/** A window of 4 messages and 100 bytes with the given appends of 10 bytes on the way. */
function windowOf(...lasts: number[]): Inflights {
  const inflights = new Inflights(4, 100);
  for (const last of lasts) inflights.add(index(last), 10);
  return inflights;
}

describe('an acknowledgement frees every append up to it', () => {
  const cases = [
    ['before the first', 0, 3, 30],
    ['exactly the first', 1, 2, 20],
    ['in the middle of an append: it is not all there', 4, 1, 10],
    ['beyond the last', 9, 0, 0],
  ] as const;
  test.each(cases)('%s', (_why, acknowledged, messages, bytes) => {
    const inflights = windowOf(1, 3, 5);
    inflights.acknowledge(index(acknowledged));
    expect([inflights.messages, inflights.bytes]).toEqual([messages, bytes]);
  });
});

describe('a window is full', () => {
  test('with so many messages', () => {
    const inflights = windowOf(1, 2, 3);
    expect(inflights.full).toBe(false);
    inflights.add(index(4), 1);
    expect(inflights.full).toBe(true);
    expect(() => inflights.add(index(5), 1)).toThrow(BrokenInvariant);
  });

  test('with so many bytes, which the last append may pass so that a large one can go', () => {
    const inflights = windowOf(1);
    inflights.add(index(2), 5000);
    expect([inflights.full, inflights.bytes]).toEqual([true, 5010]);
    inflights.acknowledge(index(2));
    expect([inflights.full, inflights.bytes]).toEqual([false, 0]);
  });
});

test('places are used again, round and round', () => {
  const inflights = windowOf();
  for (let last = 1; last <= 50; last++) {
    inflights.add(index(last), 10);
    if (last > 3) inflights.acknowledge(index(last - 3));
    expect(inflights.messages).toBe(Math.min(last, 3));
  }
  inflights.clear();
  expect([inflights.messages, inflights.bytes, inflights.full]).toEqual([0, 0, false]);
});
