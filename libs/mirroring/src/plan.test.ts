import { describe, expect, test } from '@jest/globals';

import type { ObservedKey } from './observed.ts';
import { plan, type PlanItem, type PlanRequest } from './plan.ts';
import type { Stamp } from './stamp.ts';
import type { WantedKey } from './wanted.ts';

const writer = { clusterId: 'c1', epoch: 2, mirror: 'default/files', environment: 'prod', revision: 10 };

function stamp(revision: number, valueHash: string, over: Partial<Stamp> = {}): Stamp {
  return { ...writer, revision, valueHash, ...over };
}

/** A key at the target: what is there, then the stamps with it. */
function there(valueHash: string | null, stamps: readonly Stamp[], landed = stamps.length > 0): ObservedKey {
  return { key: 'K', stamps, landed, valueHash, version: 'v1' };
}

function wanted(hash: string, key = 'K', variables = ['A']): WantedKey {
  return { key, variables, content: { kind: 'value', bytes: new Uint8Array(hash.length), attributes: '', hash } };
}

function planned(
  keys: readonly WantedKey[] | 'left',
  observed: readonly ObservedKey[],
  over: Partial<PlanRequest> = {},
): readonly PlanItem[] {
  const source = keys === 'left' ? ({ kind: 'left' } as const) : ({ kind: 'wanted', keys } as const);
  const result = plan({ writer, source, observed: { keys: observed }, drift: 'overwrite', onLeave: 'delete', ...over });
  if (result.kind !== 'plan') throw new Error(result.kind);
  return result.items;
}

const mine = stamp(9, 'old');
const others = { mirror: 'default/other' };

describe('what a key is follows from its stamps and its value alone', () => {
  const cases: readonly (readonly [string, ObservedKey | null, 'overwrite' | 'report', string, string | null, string | null])[] =
    [
      // why                                                 what is there                                   drift        action             step      hold
      ['nothing is there', null, 'report', 'create', 'write', null],
      ['ours and out of date', there('old', [mine]), 'report', 'update', 'write', null],
      ['ours and equal', there('new', [stamp(9, 'new')]), 'report', 'unchanged', null, null],
      ['equal, and nobody marked it', there('new', []), 'report', 'adopt', 'mark', null],
      ['different, and nobody marked it', there('x', []), 'overwrite', 'foreign', null, 'BLOCKED_BY_POLICY'],
      [
        "another mirror's, even if equal",
        there('new', [stamp(1, 'new', others)]),
        'overwrite',
        'foreign',
        null,
        'BLOCKED_BY_POLICY',
      ],
      [
        "another cluster's",
        there('old', [stamp(1, 'old', { clusterId: 'c2' })]),
        'overwrite',
        'foreign',
        null,
        'BLOCKED_BY_POLICY',
      ],
      [
        "another environment's",
        there('old', [stamp(1, 'old', { environment: 'dev' })]),
        'overwrite',
        'foreign',
        null,
        'BLOCKED_BY_POLICY',
      ],
      ['ours, changed, and to be overwritten', there('x', [mine]), 'overwrite', 'foreign-changed', 'write', null],
      ['ours, changed, and to be reported', there('x', [mine]), 'report', 'foreign-changed', null, 'UNSYNCED'],
      ['ours, and changed to what is wanted', there('new', [mine]), 'report', 'adopt', 'mark', null],
      ['ours, removed, and to be overwritten', there(null, [mine]), 'overwrite', 'foreign-changed', 'write', null],
      ['ours, removed, and to be reported', there(null, [mine]), 'report', 'foreign-changed', null, 'UNSYNCED'],
      ['a first write that a crash cut before it arrived', there(null, [mine], false), 'report', 'create', 'write', null],
      ['a first write that a crash cut after it arrived', there('old', [mine], false), 'report', 'update', 'write', null],
      [
        'a first write that a crash cut, and then a stranger',
        there('x', [mine], false),
        'overwrite',
        'foreign',
        null,
        'BLOCKED_BY_POLICY',
      ],
      [
        'a second write that a crash cut before it arrived',
        there('old', [mine, stamp(10, 'new')]),
        'report',
        'update',
        'write',
        null,
      ],
      [
        'a second write that a crash cut after it arrived',
        there('new', [mine, stamp(10, 'new')]),
        'report',
        'unchanged',
        null,
        null,
      ],
      [
        'an old value that a deposed leader landed late',
        there('old', [mine, stamp(10, 'new')]),
        'report',
        'update',
        'write',
        null,
      ],
      ['ours of an earlier epoch', there('old', [stamp(99, 'old', { epoch: 1 })]), 'report', 'update', 'write', null],
    ];
  test.each(cases)('%s', (_why, found, drift, action, step, hold) => {
    const [item, ...more] = planned([wanted('new')], found === null ? [] : [found], { drift });
    expect([item?.action, item?.step?.kind ?? null, item?.hold?.state ?? null, more]).toEqual([action, step, hold, []]);
  });
});

describe('a key that is no longer wanted is deleted only if it is ours', () => {
  const cases: readonly (readonly [string, ObservedKey, Partial<PlanRequest>, string | undefined, string | null])[] = [
    ['ours', there('old', [mine]), {}, 'orphan', 'delete'],
    ['ours, and the mirror leaves what it wrote', there('old', [mine]), { onLeave: 'leave' }, 'orphan', null],
    ['ours, and gone: the stamp goes too', there(null, [mine]), { drift: 'report' }, 'orphan', 'delete'],
    ['ours, changed, and to be overwritten', there('x', [mine]), {}, 'foreign-changed', 'delete'],
    ['ours, changed, and to be reported', there('x', [mine]), { drift: 'report' }, 'foreign-changed', null],
    ['a stranger where a write was begun', there('x', [mine], false), {}, 'foreign', null],
    ["another mirror's", there('old', [stamp(1, 'old', others)]), {}, undefined, null],
    ["another environment's", there('old', [stamp(1, 'old', { environment: 'dev' })]), {}, undefined, null],
    ['nobody marked it', there('old', []), {}, undefined, null],
  ];
  test.each(cases)('%s', (_why, found, over, action, step) => {
    const [item] = planned('left', [found], over);
    expect([item?.action, item?.step?.kind ?? null]).toEqual([action, step]);
  });

  test('a variable that was unset is deleted even where an environment that leaves is left', () => {
    const [gone] = planned([wanted('new', 'L')], [there('old', [mine])], { onLeave: 'leave' });
    expect([gone?.key, gone?.step?.kind]).toEqual(['K', 'delete']);
  });

  test('it waits while another key of the environment is held back', () => {
    const refused: WantedKey = {
      key: 'L',
      variables: ['B'],
      content: { kind: 'refused', reason: 'too long', refusals: [], skipped: false },
    };
    const items = planned([refused], [there('old', [mine])]);
    expect(items.map((item) => [item.key, item.step, item.hold?.state])).toEqual([
      ['K', null, 'BLOCKED_BY_POLICY'],
      ['L', null, 'BLOCKED_BY_POLICY'],
    ]);
  });
});

describe('a plan stops where it must not go on', () => {
  const request = { writer, source: { kind: 'wanted', keys: [wanted('new')] }, drift: 'overwrite', onLeave: 'delete' } as const;
  const over = (found: ObservedKey) => plan({ ...request, observed: { keys: [found] } });

  test('a failed source deletes nothing, whatever is at the target', () => {
    const source = { kind: 'failed', problem: 'no key to open it', refusals: [] } as const;
    expect(plan({ ...request, source, observed: { keys: [there('old', [mine])] } }).kind).toBe('source-failed');
  });

  test('the stamp of a higher epoch stops it', () => {
    expect(over(there('old', [stamp(1, 'old', { epoch: 3 })]))).toEqual({ kind: 'higher-epoch', key: 'K', epoch: 3 });
  });

  test('an older revision is never written over a newer stamp, not even over one whose value has not arrived', () => {
    expect(over(there('old', [mine, stamp(11, 'newer')]))).toEqual({ kind: 'newer-revision', key: 'K', revision: 11 });
  });

  test("another environment's newer revision is its own affair", () => {
    const [item] = planned([wanted('new')], [there('old', [stamp(99, 'old', { environment: 'dev' })])]);
    expect(item?.action).toBe('foreign');
  });
});

test('two names that the target cannot tell apart are both refused, and the others go on', () => {
  const items = planned([wanted('a', 'a-b', ['A_B']), wanted('b', 'a-b', ['A-B']), wanted('c', 'c', ['C'])], []);
  expect(
    items.map(({ key, step, hold }) => [key, step?.kind ?? null, hold?.refusals.map(({ variable }) => variable) ?? null]),
  ).toEqual([
    ['a-b', null, ['A-B', 'A_B']],
    ['c', 'write', null],
  ]);
});

test('what is written is stamped with cluster, epoch, mirror, environment, revision and hash', () => {
  const [item] = planned([wanted('new')], []);
  expect(item?.step).toMatchObject({ kind: 'write', stamp: { ...writer, valueHash: 'new' }, found: null });
});
