import { describe, expect, test } from '@jest/globals';

import { changeAt, environmentAt } from './past.ts';
import type { Revision } from './revision.ts';
import { beginOn, CountingTables, edit, plain } from './testing/edits.ts';

const at = (revision: number): Revision => revision as Revision;

/** `a` changes at revisions 1, 3, 5, …; `b` is created at 2, deleted at 4 and created again at 6. */
function written() {
  const tables = new CountingTables();
  const transaction = beginOn(tables);
  const set = (value: string) =>
    edit(transaction, 'a', (draft) => (draft.exists || draft.create(), draft.setVariable(plain('V', value))));
  set('1');
  edit(transaction, 'b', (draft) => draft.create());
  set('3');
  edit(transaction, 'b', (draft) => draft.delete());
  set('5');
  edit(transaction, 'b', (draft) => draft.create());
  for (let revision = 7; revision <= 20; revision++) set(String(revision));
  return { tables, transaction };
}

describe('below the floor everything goes, a few rows at a time; the floor itself stays readable', () => {
  test('changes up to the floor are deleted, in order, and then no more', () => {
    const { tables, transaction } = written();
    transaction.progress.floor = at(15);
    const removed: number[] = [];
    while (transaction.progress.sweptRevision < 15) removed.push(transaction.sweepChanges(8));
    expect(removed).toEqual([4, 4, 4, 3]);
    expect(transaction.sweepChanges(8)).toBe(0);
    expect(tables.size('changes')).toBe(5);
  });

  test('states at the floor and above are what they were', () => {
    const { tables, transaction } = written();
    const row = transaction.environments.get('default', 'a');
    const before = [15, 17, 20].map((revision) => environmentAt(tables, 'default', 'a', row, at(revision), at(0))!.content);
    transaction.progress.floor = at(15);
    while (transaction.progress.sweptRevision < 15) transaction.sweepChanges(200);
    const after = [15, 17, 20].map((revision) => environmentAt(tables, 'default', 'a', row, at(revision), at(15))!.content);
    expect(after).toEqual(before);
  });

  test('a change at or below the floor is told to be compacted, whether or not the broom came by', () => {
    const { tables, transaction } = written();
    const { chain } = transaction.environments.get('default', 'a')!;
    expect(changeAt(tables, chain, at(15), at(15))).toBe('compacted');
    expect(changeAt(tables, chain, at(16), at(15))).toMatchObject({ revision: 16 });
  });
});

describe('a tombstone goes with its deletion', () => {
  test('when the name did not live again', () => {
    const { transaction } = written();
    const revision = edit(transaction, 'b', (draft) => draft.delete())!;
    edit(transaction, 'a', (draft) => draft.delete());
    transaction.progress.floor = revision;
    while (transaction.progress.sweptRevision < revision) transaction.sweepChanges(200);
    expect(transaction.environments.get('default', 'b')).toBeNull();
    expect(transaction.environments.get('default', 'a')?.tombstone?.deleteRevision).toBe(revision + 1);
  });

  test('and not when it did, or was deleted again since', () => {
    const { transaction } = written();
    const last = edit(transaction, 'b', (draft) => draft.delete())!;
    transaction.progress.floor = at(5);
    while (transaction.progress.sweptRevision < 5) transaction.sweepChanges(200);
    expect(transaction.environments.get('default', 'b')?.tombstone?.deleteRevision).toBe(last);
  });

  test('a name that is created after it is forgotten begins its chain anew', () => {
    const { tables, transaction } = written();
    const revision = edit(transaction, 'b', (draft) => draft.delete())!;
    transaction.progress.floor = revision;
    while (transaction.progress.sweptRevision < revision) transaction.sweepChanges(200);
    const created = edit(transaction, 'b', (draft) => draft.create())!;
    const row = transaction.environments.get('default', 'b')!;
    expect(row.chain.depth).toBe(1);
    expect(environmentAt(tables, 'default', 'b', row, revision, revision)).toBeNull();
    expect(changeAt(tables, row.chain, created, revision)).toMatchObject({ kind: 'created', previous: { revision: 0 } });
  });
});
