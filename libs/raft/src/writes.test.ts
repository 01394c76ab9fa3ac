import { BrokenInvariant } from '@env-cli/support';
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { index } from './testing/test-member.ts';
import { Writes } from './writes.ts';

describe('a write attests an entry only until a later write has overwritten it (the ABA race)', () => {
  test('the late acknowledgement of overwritten entries says nothing on the new ones', () => {
    const writes = new Writes(index(1));
    const first = writes.begin(index(2), index(4));
    const second = writes.begin(index(3), index(5));
    writes.stored(first);
    expect(writes.flushedIndex).toBe(2);
    writes.stored(second);
    expect(writes.flushedIndex).toBe(5);
  });

  test('not even when the same entries are written a second time: A, B, A', () => {
    const writes = new Writes(index(1));
    const a = writes.begin(index(2), index(2));
    writes.begin(index(2), index(2));
    const again = writes.begin(index(2), index(2));
    writes.stored(a);
    expect(writes.flushedIndex).toBe(1);
    writes.stored(again);
    expect(writes.flushedIndex).toBe(2);
  });

  test('and what was durable is not, from the moment its overwriting is asked for', () => {
    const writes = new Writes(index(9));
    writes.begin(index(5), index(6));
    expect(writes.flushedIndex).toBe(4);
  });
});

test('an acknowledgement covers all before it, and a write without entries attests none', () => {
  const writes = new Writes(index(0));
  writes.begin(index(1), index(3));
  const vote = writes.begin(index(4), index(3));
  expect([writes.idle, writes.flushedIndex]).toEqual([false, 0]);
  writes.stored(vote);
  expect([writes.idle, writes.flushedIndex]).toEqual([true, 3]);
  expect(() => writes.stored(99)).toThrow(BrokenInvariant);
});

test('after a reset the log is durable up to the snapshot, and writes from before say nothing', () => {
  const writes = new Writes(index(2));
  const before = writes.begin(index(3), index(90));
  const reset = writes.beginReset(index(50));
  writes.stored(before);
  expect(writes.flushedIndex).toBe(50);
  const after = writes.begin(index(51), index(52));
  writes.stored(reset);
  expect(writes.flushedIndex).toBe(50);
  writes.stored(after);
  expect(writes.flushedIndex).toBe(52);
});

test('what is called flushed is on disk, and stays there whatever part of the pending writes a crash lets through', () => {
  // Each write stamps its entries; an entry is safe when every possible disk after a crash holds its newest stamp.
  const commands = fc.array(
    fc.oneof(
      fc.nat(9).map((back) => ({ back, length: 1 + (back % 3) })),
      fc.constant('stored' as const),
    ),
    {
      maxLength: 30,
    },
  );
  fc.assert(
    fc.property(commands, (list) => {
      const writes = new Writes(index(0));
      let view: number[] = [];
      let disk: number[] = [];
      let pending: { sequence: number; log: number[] }[] = [];
      let stamp = 0;
      for (const command of list) {
        if (command === 'stored') {
          const [oldest] = pending;
          if (oldest === undefined) continue;
          pending = pending.slice(1);
          disk = oldest.log;
          writes.stored(oldest.sequence);
        } else {
          const first = Math.max(1, view.length + 1 - Math.max(0, command.back - 5));
          view = [...view.slice(0, first - 1), ...Array.from({ length: command.length }, () => ++stamp)];
          pending.push({ sequence: writes.begin(index(first), index(view.length)), log: view });
        }
        const possible = [disk, ...pending.map((write) => write.log)];
        const safe = view.findIndex((one, at) => possible.some((log) => log[at] !== one));
        expect(writes.flushedIndex).toBe(safe < 0 ? view.length : safe);
      }
    }),
    { numRuns: 300 },
  );
});
