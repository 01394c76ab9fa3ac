import { type Configuration, isJoint, type MemberId, type MembershipChange, membersOf } from '@env-cli/raft';

import type { Random } from './random.ts';

interface Identified {
  readonly id: MemberId;
}

/** Whether all of these vote and nobody else takes part, and nothing is on its way. */
export function isWhole(configuration: Configuration, members: readonly Identified[]): boolean {
  return (
    !isJoint(configuration) &&
    membersOf(configuration).length === members.length &&
    members.every(({ id }) => configuration.voters.includes(id))
  );
}

/** Whether a minority at most of each half of a configuration is among these, also when those who still run (`running`) have become voters. */
export function isMinority(
  lost: readonly MemberId[],
  running: readonly MemberId[],
  { voters, votersOutgoing }: Configuration,
): boolean {
  const halves = [[...new Set([...voters, ...running])], votersOutgoing];
  return halves.every((half) => 2 * half.filter((id) => lost.includes(id)).length < Math.max(half.length, 1));
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

/** More members than a configuration of a run may have (`drawSettings`). */
const tooMany = Array.from({ length: 20 }, (_, at) => (1000 + at) as MemberId);

/** Changes that make no sense in a configuration, each in its own way: they have to be refused, and change nothing. */
export function nonsenseIn({ voters, learners }: Configuration): MembershipChange[][] {
  const stranger = 999 as MemberId;
  const voter = voters[0]!;
  const learner = learners[0] ?? stranger;
  return [
    [],
    [{ kind: 'add', member: 0 as MemberId, as: 'joining' }],
    [{ kind: 'add', member: voter, as: 'learner' }],
    [{ kind: 'remove', member: stranger }],
    [{ kind: 'promote', member: voter }],
    [{ kind: 'demote', member: learner }],
    [
      { kind: 'add', member: stranger, as: 'joining' },
      { kind: 'remove', member: stranger },
    ],
    voters.map((member) => ({ kind: 'demote', member })),
    tooMany.map((member) => ({ kind: 'add', member, as: 'learner' })),
  ];
}

/** What makes it these members: who is lost goes, who is missing joins and is made a voter by itself. */
export function wholeAgain(configuration: Configuration, members: readonly Identified[]): MembershipChange[] {
  const { voters, learners, learnersJoining } = configuration;
  const gone = membersOf(configuration).filter((id) => !members.some((member) => member.id === id));
  if (gone.length > 0) return gone.map((member) => ({ kind: 'remove', member }));
  return members.flatMap(({ id: member }): MembershipChange[] => {
    if (voters.includes(member) || learnersJoining.includes(member)) return [];
    return learners.includes(member) ? [{ kind: 'promote', member }] : [{ kind: 'add', member, as: 'joining' }];
  });
}
