import type { Metadata } from '@grpc/grpc-js';

import { Refused } from '../errors/refused.ts';
import type { MonotonicMs } from '../member/member.ts';
import type { ForwardProofs } from './forward-proof.ts';

/** Says that a member passed the call on, and which: such a call is not passed on again. */
export const forwardedByKey = 'env-cli-forwarded-by';
/** The principal of a call that was passed on. A client that sends it is not listened to: nobody vouches for it. */
export const forwardedPrincipalKey = 'env-cli-principal';
/** That a member says so, and no client: see {@link ForwardProofs}. */
export const forwardProofKey = 'env-cli-forward-proof-bin';

/** Who asks, as long as calls are not authenticated. */
const unauthenticated = 'unauthenticated';

/** What grpc-js knows of a call. */
export interface GrpcCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  /** `/envcli.v1.Environments/Get`. */
  getPath(): string;
  once(event: 'cancelled', listener: () => void): unknown;
  off(event: 'cancelled', listener: () => void): unknown;
}

/** How much earlier than the client the member gives up, so that its answer still arrives: at most so long, … */
const deadlineMarginMs = 100;
/** … and at most this share of the time that is left. */
const deadlineMarginShare = 0.1;

/** One call: until when, for whom, and whether somebody still waits. */
export interface CallContext {
  readonly principal: string;
  /** The member that passed the call on; null when it came from a client. */
  readonly forwardedBy: number | null;
  /** By `performance.now()`. */
  readonly deadline: MonotonicMs;
  /** Calls back once the client goes away or the deadline passes. Returns what ends that. */
  onCancelled(listener: () => void): () => void;
}

/** Tells of calls as grpc-js has them. */
export class CallContexts {
  readonly #defaultDeadlineMs: number;
  readonly #proofs: ForwardProofs;

  constructor(defaultDeadlineMs: number, proofs: ForwardProofs) {
    this.#defaultDeadlineMs = defaultDeadlineMs;
    this.#proofs = proofs;
  }

  /**
   * The context of a call that begins now. Each call that a stream carries gets one of its own.
   *
   * Throws {@link Refused} when the call says that a member passed it on and does not prove it.
   */
  of(call: GrpcCall): CallContext {
    const leftMs = Number(call.getDeadline()) - Date.now();
    const waitMs = Number.isFinite(leftMs)
      ? leftMs - Math.min(deadlineMarginMs, leftMs * deadlineMarginShare)
      : this.#defaultDeadlineMs;
    return {
      ...this.#callerOf(call),
      deadline: performance.now() + waitMs,
      onCancelled: (listener) => {
        if (call.cancelled) listener();
        else call.once('cancelled', listener);
        return () => call.off('cancelled', listener);
      },
    };
  }

  /** Who asks: a client is nobody in particular until calls are authenticated; a member is believed once it has proved to be one. */
  #callerOf(call: GrpcCall): Pick<CallContext, 'principal' | 'forwardedBy'> {
    const [forwardedBy] = call.metadata.get(forwardedByKey);
    if (forwardedBy === undefined) return { principal: unauthenticated, forwardedBy: null };
    const [principal = unauthenticated] = call.metadata.get(forwardedPrincipalKey);
    const [proof] = call.metadata.get(forwardProofKey);
    const claim = { memberId: Number(forwardedBy), principal: String(principal), path: call.getPath() };
    const holds = proof instanceof Uint8Array ? this.#proofs.holds(claim, proof) : false;
    if (holds === null) throw new Refused({ code: 'not-bootstrapped' });
    if (!holds) throw new Refused({ code: 'forward-unproven' });
    return { principal: claim.principal, forwardedBy: claim.memberId };
  }
}
