import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { HashScrub, ScrubbedTables } from './hash-scrub.ts';
import { HashedTables } from './hashed-tables.ts';
import { MemoryTables } from './memory-tables.ts';
import { writeHashes } from './meta.ts';
import { TableHashes } from './table-hashes.ts';
import type { TableName } from './tables.ts';

const table = fc.constantFrom<TableName>('environments', 'outbox', 'sessions');
const key = fc.uint8Array({ minLength: 1, maxLength: 2 });
const value = fc.uint8Array({ maxLength: 40 });
/** What happens, in its order: a row changes, or the scrub goes a step on. */
const happenings = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('put' as const), table, key, value }),
    fc.record({ kind: fc.constant('remove' as const), table, key }),
    fc.record({ kind: fc.constant('step' as const) }),
  ),
  { maxLength: 200 },
);

/** Tables with a scrub under way, written as apply writes them. */
class World {
  readonly tables = new MemoryTables();
  readonly scrub = new HashScrub();
  readonly #kept = new TableHashes();

  change(name: TableName, rowKey: Uint8Array, rowValue: Uint8Array | undefined): void {
    const hashed = new HashedTables(new ScrubbedTables(this.tables, this.scrub), this.#kept);
    const before = this.tables.get(name, rowKey);
    if (rowValue !== undefined) hashed.put(name, rowKey, rowValue, before);
    else if (before !== undefined) hashed.remove(name, rowKey, before);
    writeHashes(this.tables, this.#kept);
  }

  finish(rowsMax: number): readonly TableName[] {
    for (;;) {
      const step = this.scrub.step(this.tables, rowsMax);
      if (step.kind === 'done') return step.broken;
    }
  }
}

describe('a scrub', () => {
  test('finds nothing in tables that are as they were written, whatever is written while it goes on', () => {
    fc.assert(
      fc.property(happenings, fc.integer({ min: 1, max: 7 }), (all, rowsMax) => {
        const world = new World();
        for (const one of all) {
          if (one.kind === 'step') world.scrub.step(world.tables, rowsMax);
          else world.change(one.table, one.key, one.kind === 'put' ? one.value : undefined);
        }
        expect(world.finish(rowsMax)).toEqual([]);
      }),
    );
  });

  test('names the table in which a row is not what was written, whatever changes meanwhile', () => {
    fc.assert(
      fc.property(happenings, table, key, fc.integer({ min: 1, max: 7 }), fc.nat(100), (all, name, rowKey, rowsMax, at) => {
        const world = new World();
        world.change(name, rowKey, Uint8Array.of(1, 2, 3));
        // On the disk, behind everybody's back.
        world.tables.put(name, rowKey, Uint8Array.of(1, 2, 4));
        for (const one of all.slice(0, at)) {
          if (one.kind === 'step') world.scrub.step(world.tables, rowsMax);
          else if (one.table !== name) world.change(one.table, one.key, one.kind === 'put' ? one.value : undefined);
        }
        expect(world.finish(rowsMax)).toEqual([name]);
      }),
    );
  });

  test('finds a row that rotted although it was written again since: what was kept is wrong from then on', () => {
    const world = new World();
    world.change('outbox', Uint8Array.of(1), Uint8Array.of(1));
    world.tables.put('outbox', Uint8Array.of(1), Uint8Array.of(9));
    world.change('outbox', Uint8Array.of(1), Uint8Array.of(2));
    expect(world.finish(10)).toEqual(['outbox']);
  });

  test('finds a row that is missing', () => {
    const world = new World();
    world.change('changes', Uint8Array.of(1), Uint8Array.of(1));
    world.tables.remove('changes', Uint8Array.of(1));
    expect(world.finish(10)).toEqual(['changes']);
  });
});
