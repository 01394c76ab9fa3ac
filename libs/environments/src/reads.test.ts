import { describe, expect, test } from '@jest/globals';
import type { Revision } from '@env-cli/keyspace';
import { decodeUtf8 } from '@env-cli/support';

import { changesAfter } from './changes.ts';
import { diff } from './diff.ts';
import { batchGet } from './get.ts';
import { history } from './history.ts';
import { list } from './list.ts';
import { input, secretInput, setOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

const at = (revision: number): Revision => revision as Revision;

function filled(count: number): TestMember {
  const member = TestMember.bootstrapped();
  for (let i = 0; i < count; i++) {
    const name = `e/${String(i).padStart(3, '0')}`;
    const label = { kind: 'label', environment: name, set: [{ key: 'n', value: String(i % 10) }], remove: [] } as const;
    member.apply(writeOf([setOf(name, input('A', 'x'.repeat(100))), label]));
  }
  return member;
}

const all = {
  namespace: 'default',
  prefix: '',
  labels: [],
  after: null,
  revision: null,
  rowsMax: 1000,
  bytesMax: 1e6,
  scanMax: 1000,
};

function pageOf(member: TestMember, request: Partial<typeof all>) {
  const page = list(member.tables, { ...all, ...request });
  if (page.kind !== 'page') throw new Error(page.kind);
  return [page.environments.length, page.next];
}

describe('a page of a list ends', () => {
  const member = filled(40);

  test('with the last environment', () => {
    expect(pageOf(member, {})).toEqual([40, null]);
    expect(pageOf(member, { rowsMax: 40 })).toEqual([40, null]);
  });
  test('after so many rows', () => {
    expect(pageOf(member, { rowsMax: 7 })).toEqual([7, 'e/006']);
  });
  test('after so many bytes, but never without one', () => {
    expect(pageOf(member, { bytesMax: 500 })).toEqual([4, 'e/003']);
    expect(pageOf(member, { bytesMax: 1 })).toEqual([1, 'e/000']);
  });
  test('after so much work, be it without a match', () => {
    const labels = [{ kind: 'in' as const, key: 'n', values: ['9'] }];
    const page = list(member.tables, { ...all, labels, scanMax: 5 });
    expect(page).toMatchObject({ kind: 'page', environments: [], next: 'e/004' });
  });
});

test('a list shows one namespace, one prefix, and the labels that are asked for', () => {
  const member = filled(30);
  member.apply(writeOf([setOf('e', input('A', '1')), setOf('f/1', input('A', '1'))]));
  member.apply(writeOf([setOf('e/zzz', input('A', '1'))]), { namespace: 'other' });
  const names = (prefix: string, value: string | null) => {
    const labels = value === null ? [] : [{ kind: 'in' as const, key: 'n', values: [value] }];
    const page = list(member.tables, { ...all, prefix, labels });
    return page.kind === 'page' ? page.environments.map(({ name }) => name) : page.kind;
  };
  expect(names('e/02', null)).toHaveLength(10);
  expect(names('e/', '3')).toEqual(['e/003', 'e/013', 'e/023']);
  expect(names('f', null)).toEqual(['f/1']);
  expect(names('', null)).toHaveLength(32);
  expect(names('x', null)).toEqual([]);
});

test('a batch answers what fits, in the order of the names, and says how far it came', () => {
  const { tables } = filled(10);
  const request = { namespace: 'default', names: ['e/003', 'none', 'e/001', 'e/002'], revision: null };
  const answer = (bytesMax: number) => {
    const batch = batchGet(tables, { ...request, bytesMax });
    return batch.kind === 'answered' ? [batch.environments.map((found) => found?.name ?? null), batch.answered] : batch;
  };
  expect(answer(1e6)).toEqual([['e/003', null, 'e/001', 'e/002'], 4]);
  expect(answer(150)).toEqual([['e/003', null, 'e/001'], 3]);
});

describe('the changes behind a revision', () => {
  const member = TestMember.bootstrapped();
  for (let i = 0; i < 20; i++) member.apply(writeOf(['a', 'b', 'c'].map((name) => setOf(name, input('A', String(i))))));
  const read = (after: number, rowsMax: number, bytesMax = 1e6) => {
    const answer = changesAfter(member.tables, at(after), { rowsMax, bytesMax });
    if (answer.kind !== 'changes') return answer;
    return [answer.changes.map(({ revision }) => revision), answer.upTo, answer.more];
  };
  test('come in whole revisions, however few are asked for', () => {
    expect(read(0, 1)).toEqual([[1, 1, 1], 1, true]);
    expect(read(4, 4)).toEqual([[5, 5, 5, 6, 6, 6], 6, true]);
    expect(read(4, 100, 1)).toEqual([[5, 5, 5], 5, true]);
  });
  test('end with the newest', () => {
    expect(read(18, 100)).toEqual([[19, 19, 19, 20, 20, 20], 20, false]);
    expect(read(20, 100)).toEqual([[], 20, false]);
    expect(read(21, 100)).toMatchObject({ refusal: { code: 'future-revision', newest: 20 } });
  });
});

test('history tells who, when, why and what, newest first, and whether older changes were compacted', () => {
  const member = TestMember.bootstrapped();
  member.apply(writeOf([setOf('a', input('A', '1'))]));
  member.apply(writeOf([setOf('a', input('A', '2'))]), { principal: 'bob', reason: Uint8Array.of(0x77, 0x68, 0x79) });
  member.apply(writeOf([{ kind: 'delete', environment: 'a' }]));
  member.apply(writeOf([setOf('a', input('A', '4'))]));
  const read = (upTo: number | null) => {
    const page = history(member.tables, {
      namespace: 'default',
      name: 'a',
      upTo: upTo === null ? null : at(upTo),
      rowsMax: 10,
      bytesMax: 1e6,
    });
    if (page.kind !== 'page') throw new Error(page.kind);
    return page;
  };
  const page = read(null);
  expect(page.changes.map(({ kind, revision }) => `${revision} ${kind}`)).toEqual([
    '4 created',
    '3 deleted',
    '2 updated',
    '1 created',
  ]);
  expect(page).toMatchObject({ next: null, compacted: false });
  const change = page.changes.at(2)!;
  expect([change.head.modifiedBy, decodeUtf8(change.reason), change.head.modifyTimeMs]).toEqual([
    'bob',
    'why',
    1_700_000_000_030,
  ]);
  const [variable] = change.variableChanges();
  expect([variable?.before?.valueBytes, variable?.after?.valueBytes].map((bytes) => decodeUtf8(bytes!))).toEqual(['1', '2']);
  expect(read(3).changes.map(({ revision }) => revision)).toEqual([3, 2, 1]);
  member.apply({ kind: 'compact', revision: at(2) });
  expect(read(null)).toMatchObject({ changes: [{ revision: 4 }, { revision: 3 }], next: null, compacted: true });
  expect(read(2)).toMatchObject({ changes: [], compacted: true });
});

const requestOf = ([name, revision]: [string, number | null]) => ({
  namespace: 'default',
  name,
  revision: revision === null ? null : at(revision),
});

describe('a comparison', () => {
  const member = TestMember.bootstrapped();
  member.apply(writeOf([setOf('a', input('A', '1'), input('B', '1'), secretInput('S', 'x'))]));
  member.apply(writeOf([setOf('b', input('B', '2'), input('C', '1'), secretInput('S', 'x'))]));
  member.apply(writeOf([setOf('a', input('B', '2'), secretInput('S', 'y'))]));
  const compared = (left: [string, number | null], right: [string, number | null]) => {
    const answer = diff(member.tables, requestOf(left), requestOf(right));
    if (answer.kind !== 'diff') return answer;
    return answer.variables.map(
      ({ name, before, after }) => `${name} ${before === null ? '-' : '+'}${after === null ? '-' : '+'}`,
    );
  };
  test('of two environments', () => {
    expect(compared(['a', 1], ['b', null])).toEqual(['A +-', 'B ++', 'C -+']);
  });
  test('of two revisions, where a secret differs by its hash', () => {
    expect(compared(['a', 1], ['a', null])).toEqual(['B ++', 'S ++']);
    expect(compared(['a', 3], ['a', null])).toEqual([]);
  });
  test('with what is not there', () => {
    expect(compared(['none', null], ['b', null])).toEqual(['B -+', 'C -+', 'S -+']);
    expect(compared(['b', 1], ['none', null])).toEqual([]);
  });
  test('with a revision that cannot be read', () => {
    expect(compared(['a', 99], ['b', null])).toMatchObject({ kind: 'refused', refusal: { code: 'future-revision' } });
  });
});
