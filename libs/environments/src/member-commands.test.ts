import { describe, expect, test } from '@jest/globals';
import { readRoster } from '@env-cli/keyspace';

import { memberIdStepMax, membersMax } from './limits.ts';
import { TestMember } from './testing/test-member.ts';

const disk = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const memberOf = (memberId: number, address = `m${memberId}:7381`) => ({ memberId, diskId: disk(100 + memberId), address });
const add = (memberId: number, parts = {}) => ({ kind: 'add-member' as const, member: { ...memberOf(memberId), ...parts } });
const replace = (memberId: number, replaces: number, parts = {}) => ({
  kind: 'replace-member' as const,
  member: { ...memberOf(memberId), ...parts },
  replaces,
});
const numbersOf = ({ tables }: TestMember): number[] => readRoster(tables).members.map(({ memberId }) => memberId);

describe('the members of a cluster', () => {
  test('grow by one with its disk and address; asked for again, nothing changes', () => {
    const member = TestMember.bootstrapped();
    expect(member.apply(add(2)).kind).toBe('applied');
    expect(readRoster(member.tables)).toMatchObject({ members: [{ memberId: 1 }, memberOf(2)], memberIdLast: 2 });
    expect(member.apply(add(2)).kind).toBe('unchanged');
  });

  test('have each a number that is given once, also when its member is gone', () => {
    const member = TestMember.bootstrapped();
    member.apply(add(5));
    expect(member.apply({ kind: 'remove-member', memberId: 5 }).kind).toBe('applied');
    expect(member.apply({ kind: 'remove-member', memberId: 5 }).kind).toBe('unchanged');
    for (const used of [add(5), add(3), add(1, { diskId: disk(9) })]) {
      expect(member.apply(used)).toMatchObject({ refusal: { code: 'member-number-used', next: 6 } });
    }
    expect(numbersOf(member)).toEqual([1]);
    expect(member.apply(add(6)).kind).toBe('applied');
  });

  test('have each a disk of their own, and numbers that leave room for others', () => {
    const member = TestMember.bootstrapped();
    expect(member.apply(add(2)).kind).toBe('applied');
    expect(member.apply(add(3, { diskId: disk(102) }))).toMatchObject({ refusal: { code: 'invalid', field: 'disk_id' } });
    expect(member.apply(add(2 + memberIdStepMax + 1))).toMatchObject({ refusal: { code: 'invalid', field: 'member_id' } });
    expect(member.apply({ kind: 'add-member', member: { ...memberOf(7), memberId: 2 + memberIdStepMax } }).kind).toBe('applied');
  });

  test('have each an address of their own, and are few', () => {
    const member = TestMember.bootstrapped();
    expect(member.apply(add(2, { address: 'a:7381' }))).toMatchObject({
      refusal: { code: 'member-address-used', address: 'a:7381', memberId: 1 },
    });
    for (let memberId = 2; memberId <= membersMax; memberId++) expect(member.apply(add(memberId)).kind).toBe('applied');
    expect(member.apply(add(membersMax + 1))).toMatchObject({ refusal: { code: 'too-many-members', max: membersMax } });
  });

  test('come in the place of another, each of one, also at its address; with either the pair is forgotten', () => {
    const member = TestMember.bootstrapped();
    const pairs = () => [...readRoster(member.tables).replacements];
    expect(member.apply(replace(2, 1))).toMatchObject({ refusal: { code: 'level-too-low', needed: 2, level: 1 } });
    member.apply({ kind: 'raise-level', featureLevel: 2 });
    for (const memberId of [2, 3]) member.apply(add(memberId));
    expect(member.apply(replace(4, 2, { address: 'm2:7381' })).kind).toBe('applied');
    expect(member.apply(replace(4, 2, { address: 'm2:7381' })).kind).toBe('unchanged');
    expect(member.apply(replace(4, 3, { address: 'm2:7381' }))).toMatchObject({ refusal: { code: 'member-number-used' } });
    for (const [replaced, problem] of [
      [9, 'does not have'],
      [2, 'member 4 comes already'],
      [4, 'does not vote yet'],
    ] as const) {
      const refusal = { code: 'invalid', field: 'replaces', problem: expect.stringContaining(problem) };
      expect(member.apply(replace(5, replaced))).toMatchObject({ refusal });
    }
    expect(member.apply(replace(5, 3, { address: 'm2:7381' }))).toMatchObject({ refusal: { code: 'member-address-used' } });
    expect(member.apply(replace(5, 3)).kind).toBe('applied');
    expect(pairs()).toEqual([
      [4, 2],
      [5, 3],
    ]);
    expect(member.apply(add(5)).kind).toBe('unchanged');
    member.apply({ kind: 'remove-member', memberId: 2 });
    expect(pairs()).toEqual([[5, 3]]);
    // An answer was lost, and all of it is done.
    expect(member.apply(replace(4, 2, { address: 'm2:7381' })).kind).toBe('unchanged');
    member.apply({ kind: 'remove-member', memberId: 5 });
    expect(pairs()).toEqual([]);
    expect(numbersOf(member)).toEqual([1, 3, 4]);
  });

  test.each([
    [add(0), 'member_id'],
    [add(2, { address: '' }), 'address'],
    [add(2, { address: 'no port' }), 'address'],
    [add(2, { address: `${'h'.repeat(300)}:1` }), 'address'],
    [{ ...add(2), kind: 'replace-member' as const, replaces: 0 }, 'replaces'],
    [{ kind: 'remove-member' as const, memberId: 0 }, 'member_id'],
  ])('are not changed by what is wrong: %j', (body, field) => {
    const member = TestMember.bootstrapped();
    member.apply({ kind: 'raise-level', featureLevel: 2 });
    expect(member.apply(body)).toMatchObject({ kind: 'refused', refusal: { code: 'invalid', field } });
    expect(numbersOf(member)).toEqual([1]);
  });
});
