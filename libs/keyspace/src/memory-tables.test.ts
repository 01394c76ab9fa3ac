import { describe, expect, test } from '@jest/globals';
import { compareBytes } from '@env-cli/support';
import * as fc from 'fast-check';

import { MemoryTables } from './memory-tables.ts';

const keys = fc.uint8Array({ minLength: 1, maxLength: 3 });
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('put' as const), key: keys, value: fc.uint8Array({ maxLength: 2 }) }),
    fc.record({ kind: fc.constant('remove' as const), key: keys }),
  ),
  { maxLength: 40 },
);

test('a range is what sorting all rows and cutting them gives', () => {
  fc.assert(
    fc.property(
      steps,
      fc.option(keys),
      fc.option(keys),
      fc.boolean(),
      fc.integer({ min: 1, max: 50 }),
      (script, from, to, reverse, limit) => {
        const tables = new MemoryTables();
        const naive = new Map<string, { key: Uint8Array; value: Uint8Array }>();
        for (const step of script) {
          if (step.kind === 'put') {
            tables.put('meta', step.key, step.value);
            naive.set(String(step.key), { key: step.key, value: step.value });
          } else {
            tables.remove('meta', step.key);
            naive.delete(String(step.key));
          }
        }
        const expected = [...naive.values()]
          .toSorted((a, b) => compareBytes(a.key, b.key))
          .filter(({ key }) => (from === null || compareBytes(key, from) >= 0) && (to === null || compareBytes(key, to) < 0));
        if (reverse) expected.reverse();
        const range = { ...(from && { from }), ...(to && { to }), reverse, limit };
        expect(tables.range('meta', range)).toEqual(expected.slice(0, limit));
        expect(tables.size('meta')).toBe(naive.size);
      },
    ),
  );
});

describe('rows belong to whoever holds them', () => {
  test('writing into an array that was put or got changes no row', () => {
    const tables = new MemoryTables();
    const key = Uint8Array.of(1);
    const value = Uint8Array.of(2);
    tables.put('meta', key, value);
    value[0] = 9;
    tables.get('meta', key)![0] = 9;
    expect(tables.get('meta', key)).toEqual(Uint8Array.of(2));
  });

  test('a clone lives on its own', () => {
    const tables = new MemoryTables();
    tables.put('meta', Uint8Array.of(1), Uint8Array.of(1));
    const clone = tables.clone();
    tables.put('meta', Uint8Array.of(1), Uint8Array.of(2));
    tables.remove('meta', Uint8Array.of(3));
    expect(clone.get('meta', Uint8Array.of(1))).toEqual(Uint8Array.of(1));
  });
});
