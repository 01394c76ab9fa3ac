import type { Metadata } from '@grpc/grpc-js';

import { Refused } from '../errors/refused.ts';
import { memberOf, type NamedCertificate, principalOf } from '../security/certificate-names.ts';
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
  /** Where the client showed a certificate that is believed. */
  getAuthContext(): { readonly sslPeerCertificate?: NamedCertificate };
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
  readonly #certified: boolean;

  /** `certified`: whoever calls has shown a certificate, which says who it is. */
  constructor(defaultDeadlineMs: number, proofs: ForwardProofs, certified: boolean) {
    this.#defaultDeadlineMs = defaultDeadlineMs;
    this.#certified = certified;
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

  /** Who asks: whom its certificate names, or without certificates nobody in particular. A member that passes a call on is believed once it has proved to be one. */
  #callerOf(call: GrpcCall): Pick<CallContext, 'principal' | 'forwardedBy'> {
    const [forwardedBy] = call.metadata.get(forwardedByKey);
    const certificate = this.#certified ? (call.getAuthContext().sslPeerCertificate ?? {}) : null;
    if (forwardedBy === undefined) return { principal: principalIn(certificate), forwardedBy: null };
    if (certificate !== null && memberOf(certificate) !== Number(forwardedBy)) throw new Refused({ code: 'forward-unproven' });
    const [principal = unauthenticated] = call.metadata.get(forwardedPrincipalKey);
    const [proof] = call.metadata.get(forwardProofKey);
    const claim = { memberId: Number(forwardedBy), principal: String(principal), path: call.getPath() };
    const holds = proof instanceof Uint8Array ? this.#proofs.holds(claim, proof) : false;
    if (holds === null) throw new Refused({ code: 'not-bootstrapped' });
    if (!holds) throw new Refused({ code: 'forward-unproven' });
    return { principal: claim.principal, forwardedBy: claim.memberId };
  }
}

function principalIn(certificate: NamedCertificate | null): string {
  if (certificate === null) return unauthenticated;
  const principal = principalOf(certificate);
  if (principal === null || principal === unauthenticated) throw new Refused({ code: 'certificate-nameless' });
  return principal;
}
