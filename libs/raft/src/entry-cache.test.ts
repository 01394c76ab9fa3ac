import { BrokenInvariant } from '@env-cli/support';
import { describe, expect, test } from '@jest/globals';

import { EntryCache, sizeOf } from './entry-cache.ts';
import { entry, index } from './testing/test-member.ts';

const one = sizeOf(entry(1, 1, 'text'));

/** A cache with the entries 1 … `count`, each of `one` bytes, and room for `room` of them. */
function cacheOf(count: number, room: number): EntryCache {
  const cache = new EntryCache(index(1), room * one);
  for (let at = 1; at <= count; at++) cache.push(entry(at, 1, 'text'));
  return cache;
}

test('the oldest entries go when there is no room, but none that is not on disk yet', () => {
  const cache = cacheOf(10, 4);
  expect([cache.firstIndex, cache.bytes]).toEqual([1, 10 * one]);
  cache.evict(index(3));
  expect([cache.firstIndex, cache.bytes]).toEqual([4, 7 * one]);
  cache.evict(index(10));
  expect([cache.firstIndex, cache.bytes]).toEqual([7, 4 * one]);
});

describe('entries are taken by index, up to a bound in bytes', () => {
  const cases = [
    ['as many as fit', 3, 11, one * 3, [3, 4, 5]],
    ['not beyond the end', 9, 10, one * 5, [9]],
    ['one that is larger than the bound goes alone', 5, 11, 1, [5]],
  ] as const;
  test.each(cases)('%s', (_why, from, end, bytesMax, expected) => {
    const entries = cacheOf(10, 10).slice(index(from), index(end), bytesMax);
    expect(entries.map((found) => found.index)).toEqual(expected);
  });

  test('not what was evicted', () => {
    const cache = cacheOf(10, 4);
    cache.evict(index(10));
    expect(() => cache.slice(index(6), index(11), one)).toThrow(BrokenInvariant);
  });
});

test('followers that lack the same are given the same array, as long as it is true', () => {
  const cache = cacheOf(5, 10);
  const first = cache.slice(index(4), index(6), one * 9);
  expect(cache.slice(index(4), index(6), one * 9)).toBe(first);
  cache.truncateFrom(index(5));
  cache.push(entry(5, 2, 'else'));
  expect(cache.slice(index(4), index(6), one * 9).map((found) => found.term)).toEqual([1, 2]);
});

test('truncating and releasing take away from either end, up to all of it', () => {
  const cache = cacheOf(5, 10);
  cache.releaseTo(index(2));
  cache.truncateFrom(index(5));
  expect([cache.firstIndex, cache.bytes]).toEqual([3, 2 * one]);
  cache.truncateFrom(index(1));
  expect([cache.firstIndex, cache.bytes]).toEqual([1, 0]);
  cache.push(entry(1, 3, 'text'));
  expect([cache.firstIndex, cache.bytes]).toEqual([1, one]);
});

test('thousands of evictions leave the rest where it is', () => {
  const cache = cacheOf(0, 3);
  for (let at = 1; at <= 5000; at++) {
    cache.push(entry(at, 1, 'text'));
    cache.evict(index(at));
  }
  expect(cache.slice(cache.firstIndex, index(5001), one * 9).map((found) => found.index)).toEqual([4998, 4999, 5000]);
});
