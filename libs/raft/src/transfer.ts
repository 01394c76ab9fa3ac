import { isVoter } from './configuration.ts';
import type { Message, TransferOutcome, TransferRefusal } from './door.ts';
import type { MemberId } from './entry.ts';
import type { LeaderState, Member } from './member.ts';
import { leaderOf } from './member.ts';
import type { Progress } from './progress.ts';
import { reachedByQuorum } from './quorum.ts';
import { becomeFollower } from './roles.ts';

/** Begins to hand the reign over, or refuses to (thesis §3.10). */
export function onTransfer(member: Member, { id, to }: Extract<Message, { kind: 'transfer' }>): void {
  const { role, out } = member;
  const refuse = (refusal: TransferRefusal): void => out.push({ kind: 'transfer-refused', id, refusal });
  if (role.kind !== 'leader') {
    const leader = leaderOf(member);
    return refuse(leader === null ? { code: 'no-leader' } : { code: 'not-leader', leader });
  }
  if (role.transfer !== null || role.retireIndex !== null) return refuse({ code: 'transferring', to: role.transfer?.to ?? null });
  if (to === member.id) return refuse({ code: 'already-leader' });
  const target = to ?? longest(member, role);
  if (target === null) return refuse({ code: 'no-other-voter' });
  const progress = role.followers.get(target);
  if (progress === undefined) return refuse({ code: 'unknown-member', member: target });
  if (!member.configuration.voters.includes(target)) return refuse({ code: 'not-a-voter', member: target });
  role.transfer = { id, to: target, ticks: 0 };
  tellToStand(member, role, progress);
}

/** Tells the target to stand, once its log is as long as the leader's. */
export function tellToStand(member: Member, reign: LeaderState, progress: Progress): void {
  if (reign.transfer?.to === progress.id && progress.matchIndex === member.log.lastIndex)
    member.out.send(progress.id, { kind: 'timeout-now', term: member.term });
}

/** A leader's tick: what was said to the target may be lost, and after an election timeout it has had its chance. */
export function onTransferTick(member: Member, reign: LeaderState): void {
  const { transfer } = reign;
  if (transfer === null) return;
  if (++transfer.ticks >= member.limits.electionTicks) return endTransfer(member, reign, 'timed-out');
  tellToStand(member, reign, reign.followers.get(transfer.to)!);
}

/** Another configuration took effect: what it means for a leader, and for whoever is to be one. */
export function onConfigurationOfReign(member: Member, reign: LeaderState): void {
  const { configuration, id, log } = member;
  if (reign.transfer !== null && !configuration.voters.includes(reign.transfer.to)) endTransfer(member, reign, 'target-left');
  // It leads until that is confirmed: whoever waits for it here must be told that it holds before this one is gone.
  if (!isVoter(configuration, id) && member.configurationConfirmed) reign.retireIndex ??= log.lastIndex;
}

/**
 * A leader that is no voter any more leaves its reign when a quorum knows the commit index: told too little, they might need the vote of
 * a member that is gone by then. One of those that know stands at once.
 */
export function retireIfTold(member: Member, reign: LeaderState): void {
  if (reign.retireIndex === null) return;
  const isTold = (voter: MemberId): boolean => {
    const progress = reign.followers.get(voter);
    return progress !== undefined && progress.answeredRound >= progress.toldRound;
  };
  if (reachedByQuorum(member.configuration, (voter) => (isTold(voter) ? 1 : 0)) === 0) return;
  const heir = member.configuration.voters.find(isTold)!;
  member.out.send(heir, { kind: 'timeout-now', term: member.term });
  becomeFollower(member, member.term, null);
}

function endTransfer(member: Member, reign: LeaderState, outcome: TransferOutcome): void {
  if (reign.transfer === null) return;
  member.out.push({ kind: 'transfer-ended', id: reign.transfer.id, outcome });
  reign.transfer = null;
}

/** The other voter that has most of the log, of those that answer if there are any. */
function longest(member: Member, reign: LeaderState): MemberId | null {
  const others = member.configuration.voters.flatMap((id) => reign.followers.get(id) ?? []);
  const [best] = others.toSorted((a, b) => Number(b.active) - Number(a.active) || b.matchIndex - a.matchIndex);
  return best?.id ?? null;
}
