import { appendOwn } from './appending.ts';
import { CatchUp } from './catch-up.ts';
import type { Configuration } from './configuration.ts';
import { encodeConfiguration, isJoint } from './configuration.ts';
import type { ChangeRefusal, Message } from './door.ts';
import type { Entry, MemberId } from './entry.ts';
import { sizeOf } from './entry-cache.ts';
import type { LeaderState, Member } from './member.ts';
import { leaderOf } from './member.ts';
import { changedConfiguration, leftJoint, promotions } from './membership-change.ts';

/** Takes a change of the configuration, or refuses it. */
export function onChangeMembership(member: Member, { id, changes }: Extract<Message, { kind: 'change-membership' }>): void {
  const { role, out } = member;
  const refuse = (refusal: ChangeRefusal): void => out.push({ kind: 'change-refused', id, refusal });
  if (role.kind !== 'leader') {
    const leader = leaderOf(member);
    return refuse(leader === null ? { code: 'no-leader' } : { code: 'not-leader', leader });
  }
  const obstacle = obstacleOf(member, role);
  if (obstacle !== null) return refuse(obstacle);
  const changed = changedConfiguration(member.configuration, changes, member.limits.membersMax);
  if ('refusal' in changed) return refuse(changed.refusal);
  const entry = appendConfiguration(member, role, changed.configuration);
  role.proposals.add(id, entry.index, sizeOf(entry));
  out.push({ kind: 'proposed', id, index: entry.index, term: entry.term });
}

/**
 * At the end of a leader's step: a joint configuration that took effect is left, whoever proposed it (thesis §4.3). Any other with new voters is confirmed:
 * proposed once more as it is. Of two configurations in a log the first is known to be committed (`log-view.ts`), so once the second is committed, a
 * quorum of those who now vote finds them in effect whatever becomes of them all, and nobody needs a vote of those who went.
 */
export function completeChange(member: Member, reign: LeaderState): void {
  const { configuration, configurationConfirmed, log } = member;
  if (configurationConfirmed && !isJoint(configuration)) return;
  if (reign.transfer !== null || log.configurations.length > 0 || !hasCommittedOwn(member)) return;
  appendConfiguration(member, reign, isJoint(configuration) ? leftJoint(configuration) : configuration);
}

/** A leader's tick: joining learners that have caught up and stayed well become voters, each together with the going of whom it replaces. */
export function promoteRipe(member: Member, reign: LeaderState): void {
  const { configuration, log, limits } = member;
  const { catchUps, followers } = reign;
  for (const id of catchUps.keys()) if (!configuration.learnersJoining.includes(id)) catchUps.delete(id);
  const ripe: MemberId[] = [];
  for (const id of configuration.learnersJoining) {
    const progress = followers.get(id);
    if (progress === undefined) continue;
    let catchUp = catchUps.get(id);
    if (catchUp === undefined) catchUps.set(id, (catchUp = new CatchUp(log.lastIndex, limits)));
    if (catchUp.tick(progress, log.lastIndex)) ripe.push(id);
  }
  if (ripe.length === 0 || obstacleOf(member, reign) !== null) return;
  const changes = promotions(ripe, member.replacements, configuration);
  const changed = changedConfiguration(configuration, changes, limits.membersMax);
  if ('configuration' in changed) appendConfiguration(member, reign, changed.configuration);
}

/** What stands in the way of any change now. */
function obstacleOf(member: Member, reign: LeaderState): ChangeRefusal | null {
  const { configuration, configurationIndex, log, term } = member;
  if (reign.transfer !== null || reign.retireIndex !== null) return { code: 'transferring', to: reign.transfer?.to ?? null };
  const pending = log.configurations.at(-1);
  if (pending !== undefined) return { code: 'change-in-flight', index: pending };
  if (isJoint(configuration)) return { code: 'change-in-flight', index: configurationIndex };
  // Else two leaders, each with a change that the other does not know, could find quorums that do not meet.
  if (!hasCommittedOwn(member)) return { code: 'term-not-committed', term };
  return null;
}

function hasCommittedOwn({ log, term }: Member): boolean {
  return log.has(log.commitIndex, term);
}

function appendConfiguration(member: Member, reign: LeaderState, configuration: Configuration): Entry {
  return appendOwn(member, reign, 'configuration', encodeConfiguration(configuration));
}
