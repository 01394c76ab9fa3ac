import { describe, expect, test } from '@jest/globals';
import type { Index, MemberId, Status } from '@env-cli/raft';

import { type ChangeAnswer, Wishes } from './wishes.ts';

const self = 1 as MemberId;
const index = 7 as Index;

/** What is answered to a change at `index`, by a member that stands so. */
function answersOf(status: Pick<Status, 'role' | 'configurationConfirmed'>, voters: readonly number[]): ChangeAnswer[] {
  const answers: ChangeAnswer[] = [];
  const wishes = new Wishes();
  wishes.addChange(1, (answer) => answers.push(answer));
  wishes.proposed(1, index);
  const configuration = {
    voters: voters as MemberId[],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    learnersJoining: [],
  };
  wishes.settle({ ...status, id: self, configuration, configurationIndex: index });
  return answers;
}

describe('a change that took effect', () => {
  test.each([
    ['is done on whoever asked for it when it is confirmed', 'follower', true, [1, 2], [{ kind: 'done' }]],
    ['is done also on a leader that it removed', 'leader', true, [2, 3], [{ kind: 'done' }]],
    ['waits on a leader until it is confirmed', 'leader', false, [1, 2], []],
    ['waits on a leader that it removed: that one leads until then', 'leader', false, [2, 3], []],
    ['waits on a member that leads no more, and hears of it from the next leader', 'follower', false, [1, 2], []],
    ['is unknown where nobody tells of it any more', 'follower', false, [2, 3], [{ kind: 'unknown' }]],
  ] as const)('%s', (_rule, role, configurationConfirmed, voters, answers) => {
    expect(answersOf({ role, configurationConfirmed }, voters)).toEqual(answers);
  });
});
