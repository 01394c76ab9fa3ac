import { describe, expect, test } from '@jest/globals';
import { ByteWriter, encodeUtf8 } from '@env-cli/support';
import * as fc from 'fast-check';

import { MemoryTables } from './memory-tables.ts';
import { hashRow } from './row-hash.ts';
import { HashScrub, TableHashes } from './table-hashes.ts';

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

test('the hashes that are kept row by row are those that the scrub computes from the tables, in whatever order rows came', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ key: fc.uint8Array({ minLength: 1, maxLength: 2 }), value: bytes, remove: fc.boolean() })),
      fc.integer({ min: 1, max: 7 }),
      (steps, rows) => {
        const tables = new MemoryTables();
        const hashes = new TableHashes();
        for (const { key, value, remove } of steps) {
          const before = tables.get('outbox', key);
          if (before !== undefined) hashes.subtract('outbox', key, before);
          if (remove) tables.remove('outbox', key);
          else tables.put('outbox', key, value);
          if (!remove) hashes.add('outbox', key, value);
        }
        const scrub = new HashScrub(tables);
        let step = scrub.step(rows);
        while (step.kind === 'more') step = scrub.step(rows);
        const kept = new ByteWriter();
        hashes.encode(kept);
        expect(step.bytes).toEqual(kept.take());
      },
    ),
  );
});
