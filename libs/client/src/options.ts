import { View as WireView } from '@env-cli/wire';

/**
 * How fresh an answer must be. Every level holds on every member.
 *
 * - `strong`: it sees every write that was acknowledged, to anybody, before the read began.
 * - `read-your-writes`: it sees at least what this client has seen: its own writes, and what it read before.
 * - `{ maxLagMs }`: it is never staler than that many milliseconds.
 * - `eventual`: whatever the member has.
 */
export type Consistency = 'strong' | 'read-your-writes' | 'eventual' | { readonly maxLagMs: number };

/** How much of a secret is shown. `masked`: its length and a keyed hash. */
export type View = 'masked' | 'full';

export const wireViews: Readonly<Record<View, WireView>> = { masked: WireView.MASKED, full: WireView.FULL };

/** What every call takes. */
export interface CallOptions {
  /** Defaults to the client's, which defaults to `default`. */
  readonly namespace?: string;
  /** The longest that the call may take, retries included, in milliseconds. Defaults to the client's `timeoutMs`. Infinity: no limit. */
  readonly timeoutMs?: number;
  /** Gives the call up: it rejects with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** What every read takes. */
export interface ReadOptions extends CallOptions {
  /** Defaults to the client's, which defaults to `strong`. */
  readonly consistency?: Consistency;
  /** The token of an earlier answer, of this client or of another: the answer sees at least what that one saw. */
  readonly token?: string;
  /** Exactly the state at this revision, if above 0. Refused with COMPACTED below the oldest that is kept. Defaults to 0: the newest. */
  readonly revision?: number;
  /** Defaults to `masked`. */
  readonly view?: View;
}

/** What every write takes. */
export interface WriteOptions extends CallOptions {
  /** Why, for the history. At most 1,024 bytes. */
  readonly reason?: string;
  /**
   * Answers only once mirrors hold what was written, or at the end of the wait: `mirrorsBehind` of the answer says which do not. One
   * that comes no further before somebody acts ends the wait at once: `mirrorsStuck` says why. The time-out of the call counts on top.
   */
  readonly awaitMirrors?: AwaitMirrors;
}

/** Which mirrors a write waits for. */
export interface AwaitMirrors {
  /** Defaults to all of the namespace. A name that no mirror has counts as one that is behind. */
  readonly names?: readonly string[];
  /** The longest wait, 600,000 ms (10 minutes) at most. Defaults to 30,000 ms. */
  readonly timeoutMs?: number;
}
