import { describe, expect, test } from '@jest/globals';
import { encodeUtf8 } from '@env-cli/support';
import * as fc from 'fast-check';

import { hashRow } from './row-hash.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const of = (key: Uint8Array, value: Uint8Array): string => JSON.stringify(hashRow(key, value));

test('the hash of a row never changes from version to version: members of several compare theirs', () => {
  expect(hashRow(encodeUtf8('key'), encodeUtf8('a value of some length'))).toEqual({ low: -1819157058, high: -1762025212 });
  expect(hashRow(new Uint8Array(0), new Uint8Array(0))).toEqual({ low: -607910413, high: -848417060 });
});

describe('different rows have different hashes', () => {
  test('when one bit differs, anywhere', () => {
    fc.assert(
      fc.property(bytes, fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), (key, value, place) => {
        const other = value.slice();
        other.set([value.at(place % value.length)! ^ (1 << (place % 8))], place % value.length);
        expect(of(key, other)).not.toBe(of(key, value));
      }),
    );
  });

  test('when a byte moves from the value to the key', () => {
    fc.assert(
      fc.property(bytes, fc.uint8Array({ minLength: 1, maxLength: 40 }), (key, value) => {
        expect(of(Uint8Array.of(...key, value.at(0)!), value.subarray(1))).not.toBe(of(key, value));
      }),
    );
  });

  test('when the top bits of two words differ: no multiplication may keep them at the top', () => {
    for (let first = 3; first < 64; first += 4) {
      for (let second = first + 4; second < 64; second += 4) {
        const value = new Uint8Array(64);
        value[first] = 0x80;
        value[second] = 0x80;
        expect(of(encodeUtf8('key'), value)).not.toBe(of(encodeUtf8('key'), new Uint8Array(64)));
      }
    }
  });
});
