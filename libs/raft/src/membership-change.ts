import type { Configuration } from './configuration.ts';
import { isJoint, isMemberId, membersOf } from './configuration.ts';
import type { MemberId } from './entry.ts';
import { assert } from '@env-cli/support';

/** One part of a change of who takes part. */
export type MembershipChange =
  /**
   * Somebody new: `joining` is a learner that is made a voter by itself once it has caught up, `learner` one that stays so until it is
   * promoted, `voter` votes at once, though it may have nothing of the log yet: the cluster waits for it where it needs it for a quorum.
   */
  | { readonly kind: 'add'; readonly member: MemberId; readonly as: 'joining' | 'learner' | 'voter' }
  /** A learner becomes a voter. */
  | { readonly kind: 'promote'; readonly member: MemberId }
  /** A voter becomes a learner, and stays one. */
  | { readonly kind: 'demote'; readonly member: MemberId }
  | { readonly kind: 'remove'; readonly member: MemberId };

/** Why a change makes no sense in the configuration that it was asked of. */
export type ConfigurationRefusal =
  | { readonly code: 'no-change' }
  /** Not an integer from 1 to 2^32 − 1. */
  | { readonly code: 'invalid-member'; readonly member: number }
  | { readonly code: 'named-twice'; readonly member: MemberId }
  | { readonly code: 'already-member'; readonly member: MemberId }
  | { readonly code: 'unknown-member'; readonly member: MemberId }
  | { readonly code: 'not-a-learner'; readonly member: MemberId }
  | { readonly code: 'not-a-voter'; readonly member: MemberId }
  | { readonly code: 'no-voter-left' }
  | { readonly code: 'too-many-members'; readonly count: number; readonly limit: number };

export type ChangedConfiguration = { readonly configuration: Configuration } | { readonly refusal: ConfigurationRefusal };

interface Lists {
  readonly voters: Set<MemberId>;
  readonly learners: Set<MemberId>;
  readonly joining: Set<MemberId>;
}

/**
 * What a configuration that is not joint becomes by changes that happen all at once.
 *
 * Where the voters differ by one at most, every majority of the old meets every majority of the new, and the change is done in one step (thesis
 * §4.1). Else the result is the joint configuration, from which {@link leftJoint} leads on (thesis §4.3).
 */
export function changedConfiguration(
  before: Configuration,
  changes: readonly MembershipChange[],
  membersMax: number,
): ChangedConfiguration {
  assert(!isJoint(before), 'a joint configuration is left before it is changed');
  if (changes.length === 0) return { refusal: { code: 'no-change' } };
  const lists: Lists = {
    voters: new Set(before.voters),
    learners: new Set(before.learners),
    joining: new Set(before.learnersJoining),
  };
  const named = new Set<MemberId>();
  for (const change of changes) {
    const refusal = named.has(change.member)
      ? ({ code: 'named-twice', member: change.member } as const)
      : applyChange(lists, change);
    if (refusal !== null) return { refusal };
    named.add(change.member);
  }
  if (lists.voters.size === 0) return { refusal: { code: 'no-voter-left' } };
  const configuration = between(before, lists);
  const count = membersOf(configuration).length;
  if (count > membersMax) return { refusal: { code: 'too-many-members', count, limit: membersMax } };
  return { configuration };
}

/** Learners become voters, and the voters that they replace go with the same change: never is there one more to wait for. */
export function promotions(
  ripe: readonly MemberId[],
  replacements: ReadonlyMap<MemberId, MemberId>,
  { voters }: Configuration,
): MembershipChange[] {
  const going = ripe.map((id) => replacements.get(id)).filter((id) => id !== undefined && voters.includes(id)) as MemberId[];
  return [
    ...ripe.map((member) => ({ kind: 'promote', member }) as const),
    ...going.map((member) => ({ kind: 'remove', member }) as const),
  ];
}

/** What a joint configuration leads to. */
export function leftJoint({ voters, learners, learnersNext, learnersJoining }: Configuration): Configuration {
  return {
    voters,
    votersOutgoing: [],
    learners: ascending([...learners, ...learnersNext]),
    learnersNext: [],
    learnersJoining,
  };
}

function applyChange({ voters, learners, joining }: Lists, change: MembershipChange): ConfigurationRefusal | null {
  const { kind, member } = change;
  const isVoter = voters.has(member);
  const isLearner = learners.has(member);
  if (kind === 'add') {
    if (!isMemberId(member)) return { code: 'invalid-member', member };
    if (isVoter || isLearner) return { code: 'already-member', member };
    (change.as === 'voter' ? voters : learners).add(member);
    if (change.as === 'joining') joining.add(member);
    return null;
  }
  if (!isVoter && !isLearner) return { code: 'unknown-member', member };
  if (kind === 'promote' && isVoter) return { code: 'not-a-learner', member };
  if (kind === 'demote' && isLearner) return { code: 'not-a-voter', member };
  voters.delete(member);
  learners.delete(member);
  joining.delete(member);
  if (kind === 'promote') voters.add(member);
  if (kind === 'demote') learners.add(member);
  return null;
}

/** One step where that is safe, else both halves. */
function between(before: Configuration, { voters, learners, joining }: Lists): Configuration {
  const isNew = (id: MemberId): boolean => !before.voters.includes(id);
  const difference = [...voters].filter(isNew).length + before.voters.filter((id) => !voters.has(id)).length;
  const joint = difference > 1;
  // Who still votes in the half that goes becomes a learner only when that half has gone.
  const demoted = joint ? before.voters.filter((id) => learners.has(id)) : [];
  return {
    voters: ascending(voters),
    votersOutgoing: joint ? before.voters : [],
    learners: ascending([...learners].filter((id) => !demoted.includes(id))),
    learnersNext: demoted,
    learnersJoining: ascending(joining),
  };
}

function ascending(ids: Iterable<MemberId>): MemberId[] {
  return [...ids].toSorted((a, b) => a - b);
}
