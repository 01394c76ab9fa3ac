import type { Metadata } from '@grpc/grpc-js';

import type { MonotonicMs } from '../member/member.ts';

/** Says that a member passed the call on, and which: such a call is not passed on again. */
export const forwardedByKey = 'env-cli-forwarded-by';
/** The principal of a call that was passed on. */
export const forwardedPrincipalKey = 'env-cli-principal';

/** Who asks, as long as calls are not authenticated. */
const unauthenticated = 'unauthenticated';

/** What grpc-js knows of a call. */
export interface GrpcCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getDeadline(): Date | number;
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

  constructor(defaultDeadlineMs: number) {
    this.#defaultDeadlineMs = defaultDeadlineMs;
  }

  /** The context of a call that begins now. Each call that a stream carries gets one of its own. */
  of(call: GrpcCall): CallContext {
    const { metadata } = call;
    const [forwardedBy] = metadata.get(forwardedByKey);
    const [principal] = forwardedBy === undefined ? [] : metadata.get(forwardedPrincipalKey);
    const leftMs = Number(call.getDeadline()) - Date.now();
    const waitMs = Number.isFinite(leftMs)
      ? leftMs - Math.min(deadlineMarginMs, leftMs * deadlineMarginShare)
      : this.#defaultDeadlineMs;
    return {
      principal: principal === undefined ? unauthenticated : String(principal),
      forwardedBy: forwardedBy === undefined ? null : Number(forwardedBy),
      deadline: performance.now() + waitMs,
      onCancelled: (listener) => {
        if (call.cancelled) listener();
        else call.once('cancelled', listener);
        return () => call.off('cancelled', listener);
      },
    };
  }
}
