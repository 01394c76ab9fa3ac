import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import type { Configuration } from './configuration.ts';
import { decodeConfiguration, encodeConfiguration, isJoint, membersOf } from './configuration.ts';
import type { MemberId } from './entry.ts';
import type { MembershipChange } from './membership-change.ts';
import { changedConfiguration, leftJoint, promotions } from './membership-change.ts';
import { A, B, C, configurationOf, D, E, memberId } from './testing/test-member.ts';

const add = (member: MemberId, as: 'joining' | 'learner' | 'voter' = 'voter'): MembershipChange => ({ kind: 'add', member, as });
const promote = (member: MemberId): MembershipChange => ({ kind: 'promote', member });
const demote = (member: MemberId): MembershipChange => ({ kind: 'demote', member });
const remove = (member: MemberId): MembershipChange => ({ kind: 'remove', member });

const before = configurationOf([A, B, C], { learners: [D], learnersJoining: [D] });

describe('where the voters differ by one at most, a change is one step; else it goes through both halves', () => {
  const cases: readonly (readonly [string, readonly MembershipChange[], Configuration])[] = [
    ['a voter more', [add(E)], configurationOf([A, B, C, E], { learners: [D], learnersJoining: [D] })],
    ['a voter less', [remove(A)], configurationOf([B, C], { learners: [D], learnersJoining: [D] })],
    ['a learner more', [add(E, 'learner')], configurationOf([A, B, C], { learners: [D, E], learnersJoining: [D] })],
    ['one that joins', [add(E, 'joining')], configurationOf([A, B, C], { learners: [D, E], learnersJoining: [D, E] })],
    ['a learner less', [remove(D)], configurationOf([A, B, C])],
    ['a learner promoted', [promote(D)], configurationOf([A, B, C, D])],
    ['a voter demoted: it does not join again', [demote(B)], configurationOf([A, C], { learners: [B, D], learnersJoining: [D] })],
    [
      'a voter replaced',
      [remove(A), add(E)],
      configurationOf([B, C, E], { votersOutgoing: [A, B, C], learners: [D], learnersJoining: [D] }),
    ],
    [
      'a learner in the place of a voter, which becomes a learner when it has left',
      [promote(D), demote(A)],
      configurationOf([B, C, D], { votersOutgoing: [A, B, C], learnersNext: [A] }),
    ],
  ];
  test.each(cases)('%s', (_why, changes, configuration) => {
    expect(changedConfiguration(before, changes, 9)).toEqual({ configuration });
  });

  test('and what was both halves becomes the half that comes, with its learners', () => {
    const joint = configurationOf([B, C, D], {
      votersOutgoing: [A, B, C],
      learners: [E],
      learnersNext: [A],
      learnersJoining: [E],
    });
    expect(leftJoint(joint)).toEqual(configurationOf([B, C, D], { learners: [A, E], learnersJoining: [E] }));
  });
});

describe('a learner that is ripe becomes a voter', () => {
  test.each([
    ['alone', [D], new Map(), [promote(D)]],
    ['together with the going of the voter that it replaces', [D, E], new Map([[D, B]]), [promote(D), promote(E), remove(B)]],
    ['alone where that one votes no more', [D], new Map([[D, E]]), [promote(D)]],
    ['alone while only another one is replaced', [D], new Map([[E, B]]), [promote(D)]],
  ])('%s', (_how, ripe, replacements, changes) => {
    expect(promotions(ripe, replacements, configurationOf([A, B, C]))).toEqual(changes);
  });
});

describe('a change that makes no sense is refused, and says why', () => {
  const cases = [
    ['no change at all', [], { code: 'no-change' }],
    ['a member twice', [demote(A), remove(A)], { code: 'named-twice', member: A }],
    ['a voter that is there', [add(A)], { code: 'already-member', member: A }],
    ['a learner that is there', [add(D, 'learner')], { code: 'already-member', member: D }],
    ['nobody removed', [remove(E)], { code: 'unknown-member', member: E }],
    ['nobody promoted', [promote(E)], { code: 'unknown-member', member: E }],
    ['a voter promoted', [promote(A)], { code: 'not-a-learner', member: A }],
    ['a learner demoted', [demote(D)], { code: 'not-a-voter', member: D }],
    ['no voter left', [remove(A), remove(B), demote(C)], { code: 'no-voter-left' }],
    ['a number that no member can have', [add(memberId(0))], { code: 'invalid-member', member: 0 }],
    ['a number that is none', [add(memberId(1.5))], { code: 'invalid-member', member: 1.5 }],
    ['more members than there may be', [add(E), add(memberId(6))], { code: 'too-many-members', count: 6, limit: 5 }],
  ] as const;
  test.each(cases)('%s', (_why, changes, refusal) => {
    expect(changedConfiguration(before, changes, 5)).toEqual({ refusal });
  });

  test('those who leave count until they have left', () => {
    const refusal = { code: 'too-many-members', count: 6, limit: 5 };
    expect(changedConfiguration(before, [remove(A), remove(B), add(E), add(memberId(6))], 5)).toEqual({ refusal });
  });
});

const change = fc.oneof(
  fc.record({
    kind: fc.constant('add' as const),
    member: fc.integer({ min: 1, max: 9 }).map(memberId),
    as: fc.constantFrom('joining' as const, 'learner' as const, 'voter' as const),
  }),
  fc.record({
    kind: fc.constantFrom('promote' as const, 'demote' as const, 'remove' as const),
    member: fc.integer({ min: 1, max: 9 }).map(memberId),
  }),
);

function isQuorum({ voters, votersOutgoing }: Configuration, ids: ReadonlySet<MemberId>): boolean {
  return [voters, votersOutgoing].every((half) => half.length === 0 || half.filter((id) => ids.has(id)).length * 2 > half.length);
}

/** Every majority of the one meets every majority of the other, by trying all of them. */
function allMajoritiesMeet(one: Configuration, other: Configuration): boolean {
  const all = [...new Set([...membersOf(one), ...membersOf(other)])];
  for (let bits = 0; bits < 2 ** all.length; bits++) {
    const inside = new Set(all.filter((_id, at) => (bits >> at) & 1));
    const outside = new Set(all.filter((id) => !inside.has(id)));
    if (isQuorum(one, inside) && isQuorum(other, outside)) return false;
  }
  return true;
}

test('quorums of configurations that follow one another always meet, in any series of changes', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), (series) => {
      let configuration = configurationOf([A, B, C]);
      for (const changes of series) {
        const changed = changedConfiguration(configuration, changes, 9);
        if ('refusal' in changed) continue;
        const next = changed.configuration;
        expect(allMajoritiesMeet(configuration, next)).toBe(true);
        const left = isJoint(next) ? leftJoint(next) : next;
        expect(allMajoritiesMeet(next, left)).toBe(true);
        // No reader refuses what comes of it.
        for (const one of [next, left]) expect(decodeConfiguration(encodeConfiguration(one))).toEqual(one);
        configuration = left;
      }
    }),
    { numRuns: 300 },
  );
});

const bringsVoter = (one: MembershipChange) => one.kind === 'promote' || (one.kind === 'add' && one.as === 'voter');

test('changes at once come to the same as the same changes one after the other', () => {
  fc.assert(
    fc.property(fc.uniqueArray(change, { maxLength: 5, selector: ({ member }) => member }), (changes) => {
      const changed = changedConfiguration(before, changes, 9);
      if ('refusal' in changed) return;
      // First those that bring voters, so that there is always one.
      let stepwise: Configuration = before;
      for (const one of [...changes.filter(bringsVoter), ...changes.filter((other) => !bringsVoter(other))]) {
        const step = changedConfiguration(stepwise, [one], 20);
        if ('refusal' in step) throw new Error(step.refusal.code);
        expect(isJoint(step.configuration)).toBe(false);
        stepwise = step.configuration;
      }
      expect(isJoint(changed.configuration) ? leftJoint(changed.configuration) : changed.configuration).toEqual(stepwise);
    }),
    { numRuns: 1000 },
  );
});
