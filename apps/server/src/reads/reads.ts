import type { ReadOptions } from '@env-cli/wire';

import { Refused } from '../errors/refused.ts';
import { type Member, MemberUnavailable, type ReadNeed } from '../member/member.ts';
import type { CallContext } from '../rpc/call-context.ts';
import type { ForwardedCall, LeaderCalls } from '../rpc/leader-calls.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { type DefaultConsistency, demandOf, type ReadDemand } from './demand.ts';
import { issuerOf, Snapshot } from './snapshot.ts';

/** One read: how it is answered here, and how the leader is asked instead. */
export interface Question extends ForwardedCall {
  readonly options: ReadOptions | undefined;
  /** Answers from one state. Runs on this thread at once; must be bounded. */
  readonly work: (snapshot: Snapshot, demand: ReadDemand) => Encoded;
}

/** The share of its time that a read waits here before the leader is asked. */
const localShare = 0.5;

/** Answers reads at the level that they ask for, here if this member can, else by the leader. */
export class Reads {
  readonly #member: Member;
  readonly #leader: LeaderCalls;
  readonly #defaultLevel: DefaultConsistency;
  readonly #secrets: Secrets;

  constructor(member: Member, leader: LeaderCalls, defaultLevel: DefaultConsistency, secrets: Secrets) {
    this.#secrets = secrets;
    this.#member = member;
    this.#leader = leader;
    this.#defaultLevel = defaultLevel;
  }

  /** What the options of a read ask for. */
  demandOf(options: ReadOptions | undefined): ReadDemand {
    return demandOf(options, issuerOf(this.#member), this.#defaultLevel);
  }

  /** Answers one read. */
  async answer(context: CallContext, question: Question): Promise<Encoded> {
    const demand = this.demandOf(question.options);
    try {
      return await this.here(context, demand, (snapshot) => question.work(snapshot, demand));
    } catch (error) {
      return await this.passOn(context, question, error, demand.appliedIndex);
    }
  }

  /** Asks the leader what this member could not answer; rejects with what the client is told when that cannot help. */
  async passOn(context: CallContext, call: ForwardedCall, error: unknown, appliedIndex: number): Promise<Encoded> {
    const address = isBehind(error) ? this.#leader.addressFor(context) : null;
    if (address === null) throw this.#explained(context, error, appliedIndex);
    return this.#leader.forward(address, call, context);
  }

  /** Runs `work` on a state of this member that is as fresh as demanded. */
  here<T>(
    context: CallContext,
    demand: Pick<ReadDemand, 'freshness' | 'appliedIndex'>,
    work: (snapshot: Snapshot) => T,
  ): Promise<T> {
    const now = performance.now();
    const deadline = this.#leader.addressFor(context) === null ? context.deadline : now + (context.deadline - now) * localShare;
    const need: ReadNeed = { freshness: demand.freshness, appliedIndex: demand.appliedIndex, deadline };
    return this.#member.read(need, (tables) => work(new Snapshot(this.#member, tables, this.#secrets)));
  }

  /** The error that the client is told. */
  #explained(context: CallContext, error: unknown, appliedIndex: number): unknown {
    if (!(error instanceof MemberUnavailable)) return error;
    const view = this.#member.view();
    if (context.forwardedBy !== null && view.leaderId !== view.memberId && isBehind(error)) {
      return new Refused({ code: 'forwarded-twice', memberId: view.memberId });
    }
    // At the leader, an index that nobody has proposed was never answered by this cluster.
    if (error.code === 'deadline-exceeded' && view.role === 'leader' && appliedIndex > view.lastLogIndex) {
      return new Refused({ code: 'token-ahead', index: appliedIndex, applied: view.appliedIndex });
    }
    return error;
  }
}

/** Whether an error says no more than that this member does not know enough. */
function isBehind(error: unknown): boolean {
  if (error instanceof Refused) return error.refusal.code === 'future-revision';
  return error instanceof MemberUnavailable && (error.code === 'too-stale' || error.code === 'deadline-exceeded');
}
