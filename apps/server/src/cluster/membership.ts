import { type CommandBody, memberIdStepMax, membersMax } from '@env-cli/environments';
import { type MemberIdentity, readRoster, type Roster } from '@env-cli/keyspace';
import type { MemberId, MembershipChange } from '@env-cli/raft';
import { equalBytes, unreachable } from '@env-cli/support';

import { type ApiRefusal, Refused } from '../errors/refused.ts';
import { loseQuorumWords } from '../member/change-check.ts';
import { type MemberView, MemberUnavailable } from '../member/member.ts';
import type { OrderAnswer, OrderRefusal } from '../member/member-orders.ts';
import { defaultNamespace } from '../requests/names.ts';
import type { CallContext } from '../rpc/call-context.ts';
import type { ApiServices } from '../services.ts';

/** A member that waits to be added. */
export interface NewMember {
  /** Above every number that a member ever had. */
  readonly memberId: number;
  /** Where the others find it, host:port. */
  readonly address: string;
  /** It stays a learner until it is promoted. */
  readonly learner: boolean;
  /** The voter that goes when it becomes one; null: nobody. */
  readonly replaces: number | null;
}

/** Who comes and who goes in one change of who takes part. */
export interface MembersChange {
  readonly add: readonly NewMember[];
  readonly remove: readonly number[];
  /** `lose the quorum`: also where too few of those that are left answer. */
  readonly force: string;
}

/** The longest that a member that is to be added may take to answer, in milliseconds. */
const greetMs = 3_000;

/** Milliseconds between two looks for who leads now. */
const lookMs = 20;

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

  /**
   * Adds and removes members, all at once. Answers the leader's address when this member handed the lead over because it is one of those that go, for
   * whoever leads now has to do it. Throws {@link Refused}, `MemberUnavailable`.
   */
  async change(context: CallContext, { add, remove, force }: MembersChange): Promise<string | null> {
    const view = this.#api.member.view();
    const roster = await this.#roster(context);
    for (const { memberId, replaces } of add) {
      if (roster.members.some((known) => known.memberId === memberId)) refuseReplaced(memberId, roster.replacements);
      if (replaces !== null && !wasReplaced({ memberId, replaces }, roster)) refuseReplacing(replaces, roster.replacements, view);
    }
    refuseImpossible(roster, add, remove);
    const staying = view.members.filter(({ voter, memberId }) => voter && !remove.includes(memberId));
    if (staying.length === 0) throw new Refused(explained({ code: 'no-voter-left' }));
    const forced = force === loseQuorumWords;
    if (remove.length > 0 && !forced) refuseLosingQuorum(staying, remove);
    // All are asked before any is let in: where one is not there, nothing happens.
    const identities = await Promise.all(add.map((member) => this.#identityOf(context, roster, member)));
    refuseCopies(identities);
    if (remove.includes(view.memberId)) return await this.#handOver(context, remove, staying);
    for (const { replaces, ...member } of identities.toSorted((a, b) => a.memberId - b.memberId)) {
      const body: CommandBody = replaces === null ? { kind: 'add-member', member } : { kind: 'replace-member', member, replaces };
      await this.#propose(context, body);
    }
    await this.#takePart(
      context,
      [
        ...add.map(({ memberId, learner }) => {
          return { kind: 'add', member: memberId as MemberId, as: learner ? 'learner' : 'joining' } as const;
        }),
        ...remove.map((memberId) => ({ kind: 'remove', member: memberId as MemberId }) as const),
      ],
      forced,
    );
    for (const memberId of remove) await this.#propose(context, { kind: 'remove-member', memberId });
    return null;
  }

  /** Makes a learner a voter; who it replaces goes with the same change. */
  async promote(context: CallContext, memberId: number): Promise<void> {
    const view = this.#api.member.view();
    const goes = (await this.#roster(context)).replacements.get(memberId);
    const isThere = view.members.some((member) => member.memberId === goes && member.takesPart);
    const refusal = await this.#change(context, [
      { kind: 'promote', member: memberId as MemberId },
      ...(goes !== undefined && isThere ? [{ kind: 'remove', member: goes as MemberId } as const] : []),
    ]);
    if (refusal !== null) throw new Refused(explained(refusal));
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

  /** Hands the lead over to one that stays, and answers the API address of who leads then. */
  async #handOver(context: CallContext, leaving: readonly number[], staying: MemberView['members']): Promise<string> {
    // Where this one alone goes, the core takes the voter that has most of the log; else that one might go as well.
    const heirs = leaving.length === 1 ? [null] : staying.filter(({ connected }) => connected).map(({ memberId }) => memberId);
    let kept: Refused = new Refused({ code: 'lead-kept' });
    for (const heir of heirs) {
      try {
        await this.transfer(context, heir);
        return (await this.#nextLeader(context)).apiAddress;
      } catch (error) {
        if (!(error instanceof Refused) || error.refusal.code !== 'lead-kept') throw error;
        kept = error;
      }
    }
    throw kept;
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

  async #identityOf(
    context: CallContext,
    { members }: Roster,
    { memberId, address, replaces }: NewMember,
  ): Promise<MemberIdentity & Pick<NewMember, 'replaces'>> {
    // One that takes part already does not wait any more.
    const known = members.find((member) => member.memberId === memberId);
    return { replaces, memberId, address, diskId: known?.diskId ?? (await this.#diskOf(context, memberId, address)) };
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

  /** Changes who takes part, but for what an earlier call has done already. */
  async #takePart(context: CallContext, changes: readonly MembershipChange[], force: boolean): Promise<void> {
    let left = changes;
    while (left.length > 0) {
      const refusal = await this.#change(context, left, force);
      if (refusal === null) return;
      if (refusal.code !== 'already-member' && refusal.code !== 'unknown-member') throw new Refused(explained(refusal));
      left = left.filter(({ member }) => member !== refusal.member);
    }
  }

  async #change(context: CallContext, changes: readonly MembershipChange[], force = false): Promise<OrderRefusal | null> {
    const answer = await this.#api.member.order({ kind: 'change', changes, force }, context.deadline);
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

/** Whether it is asked for again, for the first answer may have been lost: the pair stands, or the one came and the other is forgotten already. */
function wasReplaced(
  { memberId, replaces }: { readonly memberId: number; readonly replaces: number },
  { members, memberIdLast, replacements }: Roster,
): boolean {
  if (replacements.get(memberId) === replaces) return true;
  const isThere = (id: number): boolean => members.some((member) => member.memberId === id);
  return isThere(memberId) && !isThere(replaces) && replaces <= memberIdLast;
}

/** Only a voter that is there is replaced, and by one member. */
function refuseReplacing(replaces: number, replacements: ReadonlyMap<number, number>, { members }: MemberView): void {
  const replaced = members.find((member) => member.memberId === replaces);
  if (replaced === undefined) throw new Refused({ code: 'member-not-found', memberId: replaces });
  refuseReplaced(replaces, replacements);
  if (!replaced.voter) {
    const problem = `member ${replaces} does not vote: remove it, and add another`;
    throw new Refused({ code: 'member-role', problem });
  }
}

/** Two that come with one disk are one directory and its copy. */
function refuseCopies(identities: readonly MemberIdentity[]): void {
  for (const [at, { memberId, diskId }] of identities.entries()) {
    const other = identities.slice(0, at).find((one) => equalBytes(one.diskId, diskId));
    if (other === undefined) continue;
    const problem = `is that of member ${other.memberId} and of member ${memberId}: a data directory is not copied for another member`;
    throw new Refused({ code: 'invalid', field: 'disk_id', problem });
  }
}

/** What cannot be done whoever answers: found before anything is. */
function refuseImpossible({ members, memberIdLast }: Roster, add: readonly NewMember[], remove: readonly number[]): void {
  const named = [...add.map(({ memberId }) => memberId), ...remove];
  const problem = problemOf(named, add);
  if (problem !== null) throw new Refused({ code: 'invalid', field: 'member_id', problem });
  const isKnown = (memberId: number): boolean => members.some((member) => member.memberId === memberId);
  const others = add.filter(
    (one) => !members.some(({ memberId, address }) => memberId === one.memberId && address === one.address),
  );
  for (const { memberId, address, replaces } of others) {
    if (memberId <= memberIdLast) throw new Refused({ code: 'member-number-used', memberId, next: memberIdLast + 1 });
    const at = members.find((member) => member.address === address && member.memberId !== replaces);
    if (at !== undefined) throw new Refused({ code: 'member-address-used', address, memberId: at.memberId });
  }
  let last = memberIdLast;
  for (const { memberId } of others.toSorted((a, b) => a.memberId - b.memberId)) {
    const idMax = last + memberIdStepMax;
    if (memberId > idMax) throw new Refused({ code: 'invalid', field: 'member_id', problem: `must be at most ${idMax}` });
    last = memberId;
  }
  if (members.length + others.length > membersMax) throw new Refused({ code: 'too-many-members', max: membersMax });
  // Of several that are to go, an earlier call that was cut off may have removed some: their numbers were given.
  const unknown = remove.find((memberId) => !isKnown(memberId) && (memberId > memberIdLast || !remove.some(isKnown)));
  if (unknown !== undefined) throw new Refused({ code: 'member-not-found', memberId: unknown });
}

function problemOf(named: readonly number[], add: readonly NewMember[]): string | null {
  if (named.length === 0) return 'names nobody; name who comes or who goes';
  if (named.length > 2 * membersMax) return `names ${named.length} members; at most ${2 * membersMax} come and go at once`;
  const twice = named.find((memberId, at) => named.indexOf(memberId) !== at);
  if (twice !== undefined) return `names member ${twice} twice; name each once`;
  const addresses = add.map(({ address }) => address);
  const shared = addresses.find((address, at) => addresses.indexOf(address) !== at);
  return shared === undefined ? null : `names the address ${shared} twice; each member has one of its own`;
}

/** After the change the voters that answer have to be a majority of those that are left. A first look, so that nothing happens where it fails. */
function refuseLosingQuorum(left: MemberView['members'], memberIds: readonly number[]): void {
  const answering = left.filter(({ connected }) => connected).length;
  const needed = Math.floor(left.length / 2) + 1;
  if (answering < needed) throw new Refused({ code: 'quorum-needed', memberIds, answering, needed });
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
      return { code: 'members-changing', problem: 'a change of the members is under way, or is being confirmed' };
    case 'restoring':
      return { code: 'members-changing', problem: 'the cluster was restored a moment ago' };
    case 'term-not-committed':
      return { code: 'members-changing', problem: 'the leader is new and has not confirmed anything yet' };
    case 'quorum-needed':
      return { code: 'quorum-needed', memberIds: refusal.members, answering: refusal.answering, needed: refusal.needed };
    case 'member-behind':
      return { code: 'member-behind', memberId: refusal.member, lackingEntries: refusal.lackingEntries };
    case 'unknown-member':
      return { code: 'member-not-found', memberId: refusal.member };
    case 'already-member':
      return { code: 'member-role', problem: `member ${refusal.member} takes part already` };
    case 'not-a-learner':
      return { code: 'member-role', problem: `member ${refusal.member} is no learner: it votes already` };
    case 'not-a-voter':
      return { code: 'member-role', problem: `member ${refusal.member} does not vote; promote it first` };
    case 'no-voter-left':
      return {
        code: 'member-role',
        problem: 'nobody that votes would be left; add another member, which votes once it has caught up, before the last goes',
      };
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
