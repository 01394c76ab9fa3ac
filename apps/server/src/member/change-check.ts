import type { MemberId, MembershipChange, Status } from '@env-cli/raft';

/** What says that a change may take the quorum away. */
export const loseQuorumWords = 'lose the quorum';

/** Log entries that a learner may lack when it is made a voter: what it takes in within a moment. */
export const promotionLagEntriesMax = 1_000;

/** Why a change of who votes is not made, unless somebody says {@link loseQuorumWords}. */
export type UnsafeChange =
  /** After it `needed` voters would have to answer, and `answering` do. `members`: those that the change names. */
  | { readonly code: 'quorum-needed'; readonly members: readonly number[]; readonly answering: number; readonly needed: number }
  /** The learner lacks so many entries of the log: nothing that needs its vote could be committed before it has them. */
  | { readonly code: 'member-behind'; readonly member: number; readonly lackingEntries: number };

/** What a leader knows of those that take part. */
export type LeaderKnowledge = Pick<Status, 'configuration' | 'commitIndex' | 'followers'>;

/**
 * Why the cluster could not go on after a change; null: it can. `connected`: the members that the leader is connected to, and itself. Looked at where the change is
 * made, in the turn in which it is: what was seen before may not be so any more.
 */
export function unsafeChange(
  { configuration, commitIndex, followers }: LeaderKnowledge,
  connected: ReadonlySet<number>,
  changes: readonly MembershipChange[],
): UnsafeChange | null {
  const after = new Set<MemberId>(configuration.voters);
  const named: number[] = [];
  for (const change of changes) {
    if (change.kind === 'add' && change.as !== 'voter') continue;
    if (change.kind === 'promote') {
      const progress = followers.find(({ id }) => id === change.member);
      // Of whoever takes no part the core says so.
      if (progress === undefined) continue;
      const lackingEntries = commitIndex - progress.matchIndex;
      if (lackingEntries > promotionLagEntriesMax) return { code: 'member-behind', member: change.member, lackingEntries };
    }
    named.push(change.member);
    if (change.kind === 'remove' || change.kind === 'demote') after.delete(change.member);
    else after.add(change.member);
  }
  if (named.length === 0) return null;
  const answering = [...after].filter((member) => connected.has(member)).length;
  const needed = Math.floor(after.size / 2) + 1;
  return answering < needed ? { code: 'quorum-needed', members: named, answering, needed } : null;
}
