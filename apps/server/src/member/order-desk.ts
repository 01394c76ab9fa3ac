import type { GrpcPeers } from '@env-cli/peers-grpc';
import type { MemberId } from '@env-cli/raft';
import { refuseFeatureLevel, type Replica } from '@env-cli/replica';

import { type UnsafeChange, unsafeChange } from './change-check.ts';
import { whyNot } from './closed-door.ts';
import type { MemberWish, OrderAnswer } from './member-orders.ts';

/** Carries out what people ask about members: on the consensus thread, which has the replica and the ways to the others. */
export class OrderDesk {
  readonly #replica: Replica;
  readonly #memberId: number;
  readonly #peers: Pick<GrpcPeers, 'hello' | 'connected'>;
  readonly #featureLevel: () => number;

  /** `featureLevel`: that of the cluster, as this member has it. */
  constructor(parts: {
    readonly replica: Replica;
    readonly memberId: number;
    readonly peers: Pick<GrpcPeers, 'hello' | 'connected'>;
    readonly featureLevel: () => number;
  }) {
    this.#replica = parts.replica;
    this.#memberId = parts.memberId;
    this.#peers = parts.peers;
    this.#featureLevel = parts.featureLevel;
  }

  /** `done` is called once. */
  carryOut(wish: MemberWish, done: (answer: OrderAnswer) => void): void {
    switch (wish.kind) {
      case 'greet':
        void this.#greet(wish, done);
        return;
      case 'change':
        if (this.#replica.withholds) done({ kind: 'refused', refusal: { code: 'restoring' } });
        else this.#change(wish, done);
        return;
      case 'transfer':
        this.#replica.transferLead(wish.to as MemberId | null, (answer) => {
          if (answer.kind !== 'ended') done(answer);
          else done(answer.outcome === 'reign-ended' ? { kind: 'done' } : { kind: 'kept' });
        });
        return;
    }
  }

  #change(
    { changes, force = false }: Extract<MemberWish, { readonly kind: 'change' }>,
    done: (answer: OrderAnswer) => void,
  ): void {
    let unsafe: UnsafeChange | null = null;
    this.#replica.changeMembership(
      changes,
      (answer) => done(answer.kind === 'unsafe' ? { kind: 'refused', refusal: unsafe! } : answer),
      (status) => {
        // Whoever does not lead knows nothing of it, and is told so by the core.
        if (force || status.role !== 'leader') return true;
        unsafe = unsafeChange(status, new Set([...this.#peers.connected, this.#memberId]), changes);
        return unsafe === null;
      },
    );
  }

  async #greet(
    { memberId, address, withinMs }: Extract<MemberWish, { readonly kind: 'greet' }>,
    done: (answer: OrderAnswer) => void,
  ): Promise<void> {
    const answer = await this.#peers.hello({ memberId, address }, withinMs).catch(whyNot);
    if (typeof answer === 'string') return done({ kind: 'unreached', problem: answer });
    if ('refusal' in answer) return done({ kind: 'not-let-in', refusal: answer.refusal });
    const { hello } = answer.welcome;
    // Let in, it would be a member that is refused from then on.
    const refusal = refuseFeatureLevel(this.#featureLevel(), hello);
    if (refusal !== null) return done({ kind: 'not-let-in', refusal });
    const { diskId, apiAddress } = hello;
    return done({ kind: 'greeted', diskId, apiAddress });
  }
}
