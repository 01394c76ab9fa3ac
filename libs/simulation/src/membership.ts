import { type Configuration, isJoint, type MemberId, type MembershipChange } from '@env-cli/raft';

import type { Random } from './random.ts';

interface Identified {
  readonly id: MemberId;
}

/** Whether everybody votes, and nothing is on its way. */
export function isWhole(configuration: Configuration, members: readonly Identified[]): boolean {
  return !isJoint(configuration) && members.every(({ id }) => configuration.voters.includes(id));
}

/** Some changes at once, each of which makes sense in a configuration. All of them together may not. */
export function drawChanges(
  { voters, learners }: Configuration,
  members: readonly Identified[],
  random: Random,
): MembershipChange[] {
  return members.flatMap(({ id: member }): MembershipChange[] => {
    if (!random.chance(0.4)) return [];
    if (voters.includes(member)) return [{ kind: random.pick(['remove', 'demote'] as const), member }];
    if (learners.includes(member)) return [{ kind: random.pick(['remove', 'promote'] as const), member }];
    return [{ kind: 'add', member, as: random.pick(['joining', 'learner', 'voter'] as const) }];
  });
}

/** What brings everybody back: who is missing joins, and is made a voter by itself. */
export function wholeAgain(configuration: Configuration, members: readonly Identified[]): MembershipChange[] {
  const { voters, learners, learnersJoining } = configuration;
  return members.flatMap(({ id: member }): MembershipChange[] => {
    if (voters.includes(member) || learnersJoining.includes(member)) return [];
    return learners.includes(member) ? [{ kind: 'promote', member }] : [{ kind: 'add', member, as: 'joining' }];
  });
}
