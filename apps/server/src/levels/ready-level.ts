import type { MemberView } from '../member/member.ts';

/** A member that is not ready for a feature level, and why: it is away, or its program understands less. */
export interface UnreadyMember {
  readonly memberId: number;
  readonly connected: boolean;
  /** The highest level that its program understands, as it said last; null before it said anything. */
  readonly featureLevelMax: number | null;
}

/**
 * The members that are not ready for a feature level, as the leader sees them; none: the cluster may have it. Voters and learners count alike, for all
 * of them apply the log. One that is away counts as not ready whatever it said before: it may come back with another program.
 */
export function unreadyFor(level: number, { memberId: own, members }: MemberView): UnreadyMember[] {
  return members
    .map(({ memberId, connected, featureLevelMax }) => ({ memberId, connected: connected || memberId === own, featureLevelMax }))
    .filter(({ connected, featureLevelMax }) => !connected || featureLevelMax === null || featureLevelMax < level);
}

/** The highest feature level that every member is ready for; the cluster's own while a member is away. */
export function readyLevel(view: MemberView): number {
  const understood = view.members.map(({ featureLevelMax }) => featureLevelMax ?? 0);
  const level = Math.min(...understood);
  return level > view.featureLevel && unreadyFor(level, view).length === 0 ? level : view.featureLevel;
}

/** What is to be done about members that are not ready, for people. */
export function unreadyText(level: number, members: readonly UnreadyMember[]): string {
  return members
    .map(({ memberId, connected, featureLevelMax }) =>
      !connected
        ? `member ${memberId} is away: start it, or remove it`
        : featureLevelMax === null
          ? `member ${memberId} has not said yet what it understands: wait a moment`
          : `member ${memberId} runs a program that understands ${featureLevelMax}, not ${level}: upgrade it`,
    )
    .join('; ');
}
