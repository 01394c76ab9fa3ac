import { describe, expect, test } from '@jest/globals';
import type { FollowerStatus, Index, MemberId, MembershipChange } from '@env-cli/raft';

import { type LeaderKnowledge, promotionLagEntriesMax, unsafeChange } from './change-check.ts';

const commitIndex = 5_000 as Index;

/** What member 1 knows as the leader of these voters; `behind`: how many entries members lack. */
function leading(voters: readonly number[], behind: Readonly<Record<number, number>> = {}): LeaderKnowledge {
  const followers = Object.entries(behind).map(
    ([id, entries]) => ({ id: Number(id), matchIndex: commitIndex - entries }) as Partial<FollowerStatus> as FollowerStatus,
  );
  const configuration = { voters: voters as MemberId[], votersOutgoing: [], learners: [], learnersNext: [], learnersJoining: [] };
  return { configuration, commitIndex, followers };
}

const promote = (member: number): MembershipChange => ({ kind: 'promote', member: member as MemberId });
const remove = (member: number): MembershipChange => ({ kind: 'remove', member: member as MemberId });
const add = (member: number, as: 'joining' | 'learner' | 'voter'): MembershipChange => ({
  kind: 'add',
  member: member as MemberId,
  as,
});

describe('a change after which the voters that answer are no majority is unsafe:', () => {
  test.each([
    ['the only voter gets a second that is away', [1], [1], [promote(2)], { answering: 1, needed: 2 }],
    ['one of three is away, and a fourth that is away is to vote', [1, 2, 3], [1, 2], [promote(4)], { answering: 2, needed: 3 }],
    [
      'one of three is away, and the new one of a pair is too',
      [1, 2, 3],
      [1, 3],
      [promote(4), remove(3)],
      { answering: 1, needed: 2 },
    ],
    ['one of four is away, and another one goes, and then one more', [2, 3, 4], [2, 3], [remove(2)], { answering: 1, needed: 2 }],
    ['one that is away votes at once', [1, 2, 3], [1, 2], [add(4, 'voter')], { answering: 2, needed: 3 }],
  ] as const)('%s', (_why, voters, connected, changes, counts) => {
    const members = changes.map(({ member }) => member);
    expect(unsafeChange(leading(voters, { 2: 0, 4: 0 }), new Set(connected), changes)).toEqual({
      code: 'quorum-needed',
      members,
      ...counts,
    });
  });
});

test.each([
  ['a learner that is there votes', [1, 2, 3], [1, 2, 4], [promote(4)]],
  ['whoever is away goes', [1, 2, 3], [1, 2], [remove(3)]],
  ['the new one of a pair comes for one that is away', [1, 2, 3], [1, 2, 4], [promote(4), remove(3)]],
  ['nobody that takes part votes: the core says that there is no such member', [1], [1], [promote(9)]],
  ['learners come, wherever they are', [1], [1], [add(2, 'learner'), add(3, 'joining')]],
] as const)('one after which they are is safe: %s', (_why, voters, connected, changes) => {
  expect(unsafeChange(leading(voters, { 4: 0 }), new Set(connected), changes)).toBeNull();
});

test('a learner that lacks much of the log is not promoted, though it answers', () => {
  const connected = new Set([1, 2]);
  const lackingEntries = promotionLagEntriesMax + 1;
  const behind = { code: 'member-behind', member: 2, lackingEntries };
  expect(unsafeChange(leading([1], { 2: lackingEntries }), connected, [promote(2)])).toEqual(behind);
  expect(unsafeChange(leading([1], { 2: promotionLagEntriesMax }), connected, [promote(2)])).toBeNull();
});
