import type { Metadata } from '@grpc/grpc-js';

import type { MonotonicMs } from '../member/member.ts';

/** Says that a member passed the call on, and which: such a call is not passed on again. */
export const forwardedByKey = 'env-cli-forwarded-by';
/** The principal of a call that was passed on. */
export const forwardedPrincipalKey = 'env-cli-principal';

/** Who asks, as long as calls are not authenticated. */
export const unauthenticated = 'unauthenticated';

/** What grpc-js knows of a call. */
interface GrpcCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  once(event: 'cancelled', listener: () => void): unknown;
}

/** How much earlier than the client the member gives up, so that its answer still arrives: at most so long, … */
const deadlineMarginMs = 20;
/** … and at most this share of the time that is left. */
const deadlineMarginShare = 0.1;

/** One call: until when, for whom, and whether somebody still waits. */
export class CallContext {
  readonly principal: string;
  /** The member that passed the call on; null when it came from a client. */
  readonly forwardedBy: number | null;
  /** By `performance.now()`. A call without a deadline gets the default one; a stream lives without. */
  readonly deadline: MonotonicMs;
  readonly #call: GrpcCall;

  constructor(call: GrpcCall, defaultDeadlineMs: number) {
    this.#call = call;
    const [forwardedBy] = call.metadata.get(forwardedByKey);
    this.forwardedBy = forwardedBy === undefined ? null : Number(forwardedBy);
    const [principal] = forwardedBy === undefined ? [] : call.metadata.get(forwardedPrincipalKey);
    this.principal = principal === undefined ? unauthenticated : String(principal);
    const at = call.getDeadline();
    const leftMs = Number(at) - Date.now();
    const waitMs = Number.isFinite(leftMs)
      ? leftMs - Math.min(deadlineMarginMs, leftMs * deadlineMarginShare)
      : defaultDeadlineMs;
    this.deadline = performance.now() + waitMs;
  }

  /** The client went away, or the deadline passed. */
  get cancelled(): boolean {
    return this.#call.cancelled;
  }

  /** Calls back once the client goes away or the deadline passes. */
  onCancelled(listener: () => void): void {
    if (this.#call.cancelled) listener();
    else this.#call.once('cancelled', listener);
  }
}
