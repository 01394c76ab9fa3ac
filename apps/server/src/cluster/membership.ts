import type { CommandBody } from '@env-cli/environments';
import { readRoster, type Roster } from '@env-cli/keyspace';
import type { MemberId, MembershipChange } from '@env-cli/raft';
import { unreachable } from '@env-cli/support';

import { type ApiRefusal, Refused } from '../errors/refused.ts';
import { type MemberView, MemberUnavailable } from '../member/member.ts';
import type { OrderAnswer, OrderRefusal } from '../member/member-orders.ts';
import { defaultNamespace } from '../requests/names.ts';
import type { CallContext } from '../rpc/call-context.ts';
import type { ApiServices } from '../services.ts';

/** What says that a removal may take the quorum away. */
const loseQuorumWords = 'lose the quorum';

/** The longest that a member that is to be added may take to answer, in milliseconds. */
const greetMs = 3_000;

/** Milliseconds between two looks for who leads now. */
const lookMs = 20;

/** A member that is to be added. */
export interface NewMember {
  readonly memberId: number;
  /** host:port, where it waits. */
  readonly address: string;
  /** It stays a learner until it is promoted. */
  readonly learner: boolean;
  /** The voter that goes when it becomes one; null: nobody. */
  readonly replaces: number | null;
}

/**
 * Changes who the members are, at the leader. Each change is two: of the members that the state knows, with their disks and addresses, and of raft's
 * configuration. A member is known before it takes part, and takes part no more before it is forgotten; a call that was cut off between the two goes
 * on where it was when it is made again.
 */
export class Membership {
  readonly #api: ApiServices;

  constructor(api: ApiServices) {
    this.#api = api;
  }

  /** Adds a member that waits for it. Throws {@link Refused}, `MemberUnavailable`. */
  async add(context: CallContext, { memberId, address, learner, replaces }: NewMember): Promise<void> {
    const { members, memberIdLast, replacements } = await this.#roster(context);
    const known = members.find((member) => member.memberId === memberId && member.address === address);
    if (known === undefined && memberId <= memberIdLast)
      throw new Refused({ code: 'member-number-used', memberId, next: memberIdLast + 1 });
    if (known !== undefined) refuseReplaced(memberId, replacements);
    if (replaces !== null) refuseReplacing({ memberId, replaces }, replacements, this.#api.member.view());
    // One that takes part already does not wait any more.
    const diskId = known?.diskId ?? (await this.#diskOf(context, memberId, address));
    const member = { memberId, diskId, address };
    await this.#propose(
      context,
      replaces === null ? { kind: 'add-member', member } : { kind: 'replace-member', member, replaces },
    );
    const refusal = await this.#change(context, {
      kind: 'add',
      member: memberId as MemberId,
      as: learner ? 'learner' : 'joining',
    });
    if (refusal !== null && refusal.code !== 'already-member') throw new Refused(explained(refusal));
  }

  /** Makes a learner a voter; who it replaces goes with the same change. */
  async promote(context: CallContext, memberId: number): Promise<void> {
    const view = this.#api.member.view();
    const goes = (await this.#roster(context)).replacements.get(memberId);
    const isThere = view.members.some((member) => member.memberId === goes && member.takesPart);
    const refusal = await this.#change(
      context,
      { kind: 'promote', member: memberId as MemberId },
      ...(goes !== undefined && isThere ? [{ kind: 'remove', member: goes as MemberId } as const] : []),
    );
    if (refusal !== null) throw new Refused(explained(refusal));
  }

  /** Removes a member; `force`: {@link loseQuorumWords}. Answers the leader's address when this member handed the lead over, for whoever leads now has to do it. */
  async remove(context: CallContext, memberId: number, force: string): Promise<string | null> {
    const view = this.#api.member.view();
    if (!(await this.#roster(context)).members.some((member) => member.memberId === memberId)) {
      throw new Refused({ code: 'member-not-found', memberId });
    }
    if (force !== loseQuorumWords) refuseLosingQuorum(view, memberId);
    if (memberId === view.memberId && view.members.filter(({ voter }) => voter).length > 1) {
      await this.transfer(context, null);
      return (await this.#nextLeader(context)).apiAddress;
    }
    const refusal = await this.#change(context, { kind: 'remove', member: memberId as MemberId });
    if (refusal !== null && refusal.code !== 'unknown-member') throw new Refused(explained(refusal));
    await this.#propose(context, { kind: 'remove-member', memberId });
    return null;
  }

  /** Hands the lead over. Answers who leads then. Throws {@link Refused} when the member does not take it. */
  async transfer(context: CallContext, to: number | null): Promise<number> {
    if (to !== null && to === this.#api.member.view().leaderId) return to;
    const answer = await this.#api.member.order({ kind: 'transfer', to }, context.deadline);
    if (answer.kind === 'refused') throw new Refused(explained(answer.refusal));
    if (answer.kind === 'kept') throw new Refused({ code: 'lead-kept' });
    settled(answer);
    return (await this.#nextLeader(context)).memberId;
  }

  /** Who leads after this member. */
  async #nextLeader(context: CallContext): Promise<{ readonly memberId: number; readonly apiAddress: string }> {
    for (;;) {
      const { memberId, leaderId, leaderApiAddress } = this.#api.member.view();
      if (leaderId !== null && leaderId !== memberId && leaderApiAddress !== null)
        return { memberId: leaderId, apiAddress: leaderApiAddress };
      if (performance.now() >= context.deadline) {
        throw new MemberUnavailable('no-leader', 'the lead was handed over, and who leads now is not known yet. Try again.');
      }
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  async #diskOf(context: CallContext, memberId: number, address: string): Promise<Uint8Array> {
    const withinMs = Math.max(1, Math.min(greetMs, context.deadline - performance.now()));
    const answer = await this.#api.member.order({ kind: 'greet', memberId, address, withinMs }, context.deadline);
    if (answer.kind === 'greeted') return answer.diskId;
    const problem =
      answer.kind === 'not-let-in'
        ? answer.refusal.message
        : `nobody answers${answer.kind === 'unreached' ? answer.problem : ''}`;
    throw new Refused({ code: 'member-unreached', memberId, address, problem });
  }

  async #change(context: CallContext, ...changes: readonly MembershipChange[]): Promise<OrderRefusal | null> {
    const answer = await this.#api.member.order({ kind: 'change', changes }, context.deadline);
    if (answer.kind === 'refused') return answer.refusal;
    settled(answer);
    return null;
  }

  async #propose(context: CallContext, body: CommandBody): Promise<void> {
    await this.#api.writes.propose(context, body, { namespace: defaultNamespace, session: null, reason: '' });
  }

  #roster(context: CallContext): Promise<Roster> {
    return this.#api.reads.here(context, { freshness: { kind: 'strong' }, appliedIndex: 0 }, ({ tables }) => readRoster(tables));
  }
}

/** Nobody that goes for another comes back. */
function refuseReplaced(memberId: number, replacements: ReadonlyMap<number, number>): void {
  const comes = [...replacements].find(([, goes]) => goes === memberId)?.[0];
  if (comes === undefined) return;
  const problem = `member ${comes} comes in the place of member ${memberId}; remove member ${comes} if member ${memberId} is to stay`;
  throw new Refused({ code: 'member-role', problem });
}

/** Only a voter that is there is replaced, and by one member. */
function refuseReplacing(
  { memberId, replaces }: { readonly memberId: number; readonly replaces: number },
  replacements: ReadonlyMap<number, number>,
  { members }: MemberView,
): void {
  // Asked for again: the first answer may have been lost.
  if (replacements.get(memberId) === replaces) return;
  const replaced = members.find((member) => member.memberId === replaces);
  if (replaced === undefined) throw new Refused({ code: 'member-not-found', memberId: replaces });
  refuseReplaced(replaces, replacements);
  if (!replaced.voter) {
    const problem = `member ${replaces} does not vote: remove it, and add another`;
    throw new Refused({ code: 'member-role', problem });
  }
}

/** After the removal the voters that answer have to be a majority of those that are left. */
function refuseLosingQuorum({ members }: MemberView, memberId: number): void {
  const left = members.filter((member) => member.voter && member.memberId !== memberId);
  const answering = left.filter(({ connected }) => connected).length;
  const needed = Math.floor(left.length / 2) + 1;
  // Of the last voter the core itself says that it cannot go.
  if (left.length > 0 && answering < needed) throw new Refused({ code: 'quorum-needed', memberId, answering, needed });
}

function settled(answer: OrderAnswer): void {
  if (answer.kind === 'unknown') {
    const problem =
      'the lead changed, or the member stops, before the change was certain: list the members, and ask again if it is not there.';
    throw new MemberUnavailable('outcome-unknown', problem);
  }
}

function explained(refusal: OrderRefusal): ApiRefusal {
  switch (refusal.code) {
    case 'not-leader':
    case 'no-leader':
      return { code: 'no-leader', problem: 'the lead has moved since the call came here; it was not done. Try again.' };
    case 'transferring':
      return { code: 'members-changing', problem: 'the lead is being handed over' };
    case 'change-in-flight':
      return { code: 'members-changing', problem: 'another change of the members is under way' };
    case 'restoring':
      return { code: 'members-changing', problem: 'the cluster was restored a moment ago' };
    case 'term-not-committed':
      return { code: 'members-changing', problem: 'the leader is new and has not confirmed anything yet' };
    case 'unknown-member':
      return { code: 'member-not-found', memberId: refusal.member };
    case 'already-member':
      return { code: 'member-role', problem: `member ${refusal.member} takes part already` };
    case 'not-a-learner':
      return { code: 'member-role', problem: `member ${refusal.member} is no learner: it votes already` };
    case 'not-a-voter':
      return { code: 'member-role', problem: `member ${refusal.member} does not vote; promote it first` };
    case 'no-voter-left':
      return { code: 'member-role', problem: 'it is the last member that votes; add another before it is removed' };
    case 'no-other-voter':
      return { code: 'member-role', problem: 'there is no other member that votes; add one first' };
    case 'already-leader':
      return { code: 'member-role', problem: 'it leads already' };
    case 'too-many-members':
      return { code: 'too-many-members', max: refusal.limit };
    case 'invalid-member':
    case 'named-twice':
    case 'no-change':
      return { code: 'invalid', field: 'member_id', problem: 'names no member that could be changed' };
    default:
      return unreachable(refusal);
  }
}
