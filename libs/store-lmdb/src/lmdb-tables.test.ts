import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { type ReadTables, type Row, type RowRange, type TableName, tableNames } from '@env-cli/keyspace';
import { compareBytes } from '@env-cli/support';

import { keyBytesMax } from '@env-cli/snapshot-file';
import type { Store } from './store.ts';
import { openTestState } from './testing/fixture.ts';
import { temporaryDirectory } from './testing/temporary.ts';

let store: Store;
beforeAll(async () => {
  store = await openTestState(temporaryDirectory());
});
afterAll(() => store.abandon());

/** A table as a sorted list. */
class ModelTables implements ReadTables {
  readonly #tables = new Map<TableName, Row[]>(tableNames.map((name) => [name, []]));

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    return this.#rows(table).find((row) => compareBytes(row.key, key) === 0)?.value;
  }

  range(table: TableName, { from, to, reverse = false, limit }: RowRange): Row[] {
    const within = this.#rows(table).filter(
      ({ key }) => (from === undefined || compareBytes(key, from) >= 0) && (to === undefined || compareBytes(key, to) < 0),
    );
    return (reverse ? within.toReversed() : within).slice(0, limit);
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    this.remove(table, key);
    const rows = this.#rows(table);
    rows.push({ key, value });
    rows.sort((a, b) => compareBytes(a.key, b.key));
  }

  remove(table: TableName, key: Uint8Array): void {
    this.#tables.set(
      table,
      this.#rows(table).filter((row) => compareBytes(row.key, key) !== 0),
    );
  }

  #rows(table: TableName): Row[] {
    return this.#tables.get(table)!;
  }
}

const table = fc.constantFrom<TableName[]>('environments', 'changes', 'meta');
// Few different bytes, so that keys collide and are prefixes of one another; the lowest, the highest and the longest among them.
const key: fc.Arbitrary<number[]> = fc.oneof(
  { weight: 8, arbitrary: fc.array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0xff).map((byte) => Array.from({ length: keyBytesMax }, () => byte)) },
);
const value = fc.oneof({ weight: 8, arbitrary: fc.nat(400) }, { weight: 1, arbitrary: fc.constantFrom(5_000, 70_000) });
const write = fc.record({ table, key, length: fc.option(value, { freq: 3 }), fill: fc.nat(255) });
const range = fc.record({
  from: fc.option(fc.oneof(key, fc.constant<number[]>([])), { nil: undefined }),
  to: fc.option(fc.oneof(key, fc.constant<number[]>([])), { nil: undefined }),
  reverse: fc.boolean(),
  limit: fc.nat(12),
});

function bounds({
  from,
  to,
  reverse,
  limit,
}: {
  from: number[] | undefined;
  to: number[] | undefined;
  reverse: boolean;
  limit: number;
}): RowRange {
  return { ...(from && { from: Uint8Array.from(from) }), ...(to && { to: Uint8Array.from(to) }), reverse, limit };
}

describe('the tables are sorted maps', () => {
  test('in the transaction that writes, in a snapshot and in a pin, whatever was written before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(write, { maxLength: 15 }), { maxLength: 4 }),
        fc.array(range, { minLength: 1, maxLength: 8 }),
        (batches, ranges) => {
          const model = new ModelTables();
          store.transact((tables) => {
            for (const name of tableNames) for (const row of tables.range(name, { limit: 1_000 })) tables.remove(name, row.key);
          });
          for (const batch of batches) {
            store.transact((tables) => {
              for (const { table: name, key: bytes, length, fill } of batch) {
                const [at, data] = [Uint8Array.from(bytes), new Uint8Array(length ?? 0).fill(fill)];
                for (const target of [tables, model]) {
                  if (length === null) target.remove(name, at);
                  else target.put(name, at, data);
                }
                expect(difference(tables.get(name, at), model.get(name, at))).toBeNull();
              }
              expect(differenceOf(tables, model, ranges)).toBeNull();
            });
            expect(store.snapshot((tables) => differenceOf(tables, model, ranges))).toBeNull();
            const pin = store.pin();
            store.transact((tables) => tables.put('sessions', Uint8Array.of(1), Uint8Array.of(1)));
            store.transact((tables) => tables.remove('sessions', Uint8Array.of(1)));
            expect(differenceOf(pin.tables, model, ranges)).toBeNull();
            pin.release();
          }
        },
      ),
      { numRuns: 250 },
    );
  });
});

function differenceOf(tables: ReadTables, model: ModelTables, ranges: readonly Parameters<typeof bounds>[0][]): unknown {
  for (const name of tableNames) {
    for (const asked of [{ limit: 1_000 }, ...ranges.map(bounds)]) {
      const found = difference(tables.range(name, asked), model.range(name, asked));
      if (found !== null) return { name, asked, ...found };
    }
  }
  return null;
}

/** Instead of `toEqual`, which looks at every byte by itself. */
function difference<T>(found: T, expected: T): { readonly found: T; readonly expected: T } | null {
  return isDeepStrictEqual(found, expected) ? null : { found, expected };
}

describe('what is read belongs to the reader', () => {
  test.each([10, 3_000, 100_000, 5_000_000])('a value of %d bytes stays as it was when it is overwritten', (length) => {
    const at = Uint8Array.of(9);
    store.transact((tables) => tables.put('meta', at, new Uint8Array(length).fill(1)));
    const read = store.snapshot((tables) => [
      tables.get('meta', at)!,
      ...tables.range('meta', { from: at, limit: 1 }).map((row) => row.value),
    ]);
    store.transact((tables) => {
      read.push(tables.get('meta', at)!);
      tables.put('meta', at, new Uint8Array(length).fill(2));
    });
    store.snapshot((tables) => tables.get('meta', at));
    for (const bytes of read) {
      expect(bytes.length).toBe(length);
      expect(bytes.every((byte) => byte === 1)).toBe(true);
      // A Buffer's slice would share memory.
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    }
  });
});

describe('what LMDB would not take as meant is a bug of the caller', () => {
  const cases: [string, () => void][] = [
    ['an empty key', () => store.snapshot((tables) => tables.get('meta', new Uint8Array()))],
    ['a key of 1,025 bytes', () => store.transact((tables) => tables.put('meta', new Uint8Array(1_025), new Uint8Array()))],
    ['a value of 16 MiB', () => store.transact((tables) => tables.put('meta', Uint8Array.of(1), new Uint8Array(2 ** 24)))],
    ['a range without a limit', () => store.snapshot((tables) => tables.range('meta', { limit: Infinity }))],
    [
      'tables that are used after their call',
      () => {
        const leaked = store.snapshot((tables) => tables);
        leaked.get('meta', Uint8Array.of(1));
      },
    ],
  ];
  test.each(cases)('%s', (_what, act) => {
    expect(act).toThrow('broken invariant');
  });
});
