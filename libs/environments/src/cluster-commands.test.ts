import { describe, expect, test } from '@jest/globals';
import { readClusterIdentity, readMembers, readMembership, type Revision } from '@env-cli/keyspace';

import { featureLevelMax } from './levels.ts';
import { limitsOf } from './limits-codec.ts';
import { positionOf } from './position.ts';
import { bootstrapOf, input, setOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

const write = writeOf([setOf('a', input('A', '1'))]);

describe('bootstrap', () => {
  test('comes first, and once', () => {
    const member = new TestMember();
    expect(positionOf(member.tables)).toMatchObject({ clusterId: null, epoch: 0, featureLevel: 0 });
    expect(member.apply(write)).toEqual({ kind: 'refused', refusal: { code: 'not-bootstrapped' } });
    expect(member.apply(bootstrapOf({ variablesMax: 7 })).kind).toBe('applied');
    expect(member.apply(bootstrapOf())).toEqual({ kind: 'refused', refusal: { code: 'already-bootstrapped' } });
    expect(member.apply(write)).toEqual({ kind: 'applied', revision: 1 });
  });

  test('is kept: cluster, members, limits, hash key', () => {
    const member = TestMember.bootstrapped({ variablesMax: 7 });
    expect(positionOf(member.tables)).toMatchObject({ clusterId: new Uint8Array(16).fill(1), epoch: 1, featureLevel: 1 });
    expect(readClusterIdentity(member.tables)).toMatchObject({ hashKey: new Uint8Array(32).fill(3) });
    expect(readMembers(member.tables)).toEqual([{ memberId: 1, diskId: new Uint8Array(16).fill(2), address: 'a:7381' }]);
    expect(limitsOf(member.tables).variablesMax).toBe(7);
  });
});

describe('time', () => {
  test('for people is the greatest stamp so far, and never goes back', () => {
    const member = TestMember.bootstrapped();
    member.stampMs = 5_000_000_000_000;
    member.apply(write);
    member.stampMs = 1_000_000_000_000;
    member.apply(write);
    expect(positionOf(member.tables).peopleTimeMs).toBe(5_000_000_000_010);
  });

  test('for sessions is the sum of the deltas, each of 5 s at most: a clock that is a year ahead ends none', () => {
    const member = TestMember.bootstrapped();
    const { clusterTimeMs } = positionOf(member.tables);
    member.entry([], 365 * 86_400_000);
    member.entry([], 300);
    expect(positionOf(member.tables).clusterTimeMs - clusterTimeMs).toBe(5300);
  });
});

describe('compact', () => {
  test('moves the floor, at once and never back', () => {
    const member = TestMember.bootstrapped();
    for (const value of ['1', '2', '3']) member.apply(writeOf([setOf('a', input('A', value))]));
    const compact = (revision: number) => member.apply({ kind: 'compact', revision: revision as Revision });
    expect(compact(4)).toMatchObject({ refusal: { code: 'future-revision', asked: 4, newest: 3 } });
    expect(compact(2)).toEqual({ kind: 'applied', revision: 3 });
    expect(compact(1)).toEqual({ kind: 'unchanged', revision: 3 });
    expect(positionOf(member.tables)).toMatchObject({ revision: 3, floor: 2 });
  });
});

test('a level that is lower than the cluster has is no change, and one that nobody knows stops the member', () => {
  const member = TestMember.bootstrapped();
  expect(member.apply({ kind: 'raise-level', featureLevel: 1 }).kind).toBe('unchanged');
  expect(() => member.apply({ kind: 'raise-level', featureLevel: featureLevelMax + 1 })).toThrow(
    expect.objectContaining({ name: 'NotUnderstood', what: 'level' }),
  );
});

test('only writes that change something take a revision; every entry moves the applied index', () => {
  const member = TestMember.bootstrapped();
  member.apply(write);
  member.apply(write);
  member.transact([
    { kind: 'noop', data: new Uint8Array() },
    { kind: 'configuration', data: Uint8Array.of(7) },
  ]);
  expect(positionOf(member.tables)).toMatchObject({ revision: 1, appliedIndex: 5, appliedTerm: 1 });
  expect(readMembership(member.tables)).toEqual(Uint8Array.of(7));
});
