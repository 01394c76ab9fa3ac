import { describe, expect, test } from '@jest/globals';
import { encodeUtf8 } from '@env-cli/support';
import * as fc from 'fast-check';

import { readChange } from './change-log.ts';
import { changeAt, environmentAt } from './past.ts';
import type { Revision } from './revision.ts';
import { beginOn, CountingTables, edit, plain } from './testing/edits.ts';

const at = (revision: number): Revision => revision as Revision;

describe('a state at any revision is what it was then', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('set' as const), name: fc.constantFrom('A', 'B', 'C', 'D'), value: fc.nat(3) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('unset' as const), name: fc.constantFrom('A', 'B', 'C', 'D') }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('label' as const, 'describe' as const), value: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'recreate' as const, 'large' as const) }) },
  );
  test('through updates, deletions and new lives, and however large the changes are', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 90 }), (steps) => {
        const tables = new CountingTables();
        const transaction = beginOn(tables);
        const states: (Uint8Array | null)[] = [null];
        for (const [place, wish] of steps.entries()) {
          const revision = edit(transaction, 'a/b', (draft) => {
            if (wish.kind === 'delete' || wish.kind === 'recreate') {
              if (draft.exists) draft.delete();
              if (wish.kind === 'delete') return;
            }
            if (!draft.exists) draft.create();
            if (wish.kind === 'set') draft.setVariable(plain(wish.name, String(wish.value)));
            if (wish.kind === 'unset') draft.removeVariable(wish.name);
            if (wish.kind === 'label') draft.setLabel({ key: 'k', value: String(wish.value) });
            if (wish.kind === 'describe') draft.describe(encodeUtf8(String(wish.value)));
            // More than a keyframe is free for: the next changes have keyframes among them.
            if (wish.kind === 'large') draft.setVariable(plain('L', `${place}`.repeat(3000)));
          });
          if (revision !== null) states[revision] = transaction.environments.get('default', 'a/b')?.live?.content ?? null;
        }
        transaction.finish();
        const row = transaction.environments.get('default', 'a/b');
        for (let revision = 0; revision < states.length; revision++) {
          const past = environmentAt(tables, 'default', 'a/b', row, at(revision), at(0));
          expect(past?.content ?? null).toEqual(states[revision]);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('any of 3,000 changes is found in a few reads', () => {
  const tables = new CountingTables();
  const transaction = beginOn(tables);
  const count = 3000;
  for (let i = 0; i < count; i++) {
    edit(transaction, 'a', (draft) => {
      if (!draft.exists) draft.create();
      draft.setVariable(plain(`V${i % 10}`, String(i)));
    });
    // Changes of others lie between.
    if (i % 3 === 0) edit(transaction, `b/${i}`, (draft) => draft.create());
  }
  transaction.finish();
  const row = transaction.environments.get('default', 'a')!;

  test('a change, by the revision at or before which it is the newest', () => {
    let worst = 0;
    for (let revision = 1; revision <= transaction.progress.revision; revision += 19) {
      tables.reads = 0;
      const change = changeAt(tables, row.chain, at(revision), at(0));
      worst = Math.max(worst, tables.reads);
      expect(change).not.toBe('compacted');
      if (change === null || change === 'compacted') throw new Error('the environment exists since revision 1');
      expect(change.revision).toBeLessThanOrEqual(revision);
      const next = environmentAt(tables, 'default', 'a', row, at(revision), at(0));
      expect(next!.modifyRevision).toBe(change.revision);
    }
    // 2 log2(3000) is 23: a jump pointer skips at least half of what it may.
    expect(worst).toBeLessThan(36);
  });

  test('a state, for no more than 64 changes are undone', () => {
    let worst = 0;
    for (let revision = 1; revision <= transaction.progress.revision; revision += 31) {
      tables.reads = 0;
      environmentAt(tables, 'default', 'a', row, at(revision), at(0));
      worst = Math.max(worst, tables.reads);
    }
    expect(worst).toBeLessThan(64 + 60);
  });

  test('following `previous` from the newest meets every change once', () => {
    let met = 0;
    let change = readChange(tables, row.chain.heads.at(0)!);
    while (change !== null) {
      met++;
      expect(change.depth).toBe(count - met + 1);
      change = readChange(tables, change.previous);
    }
    expect(met).toBe(count);
  });
});
