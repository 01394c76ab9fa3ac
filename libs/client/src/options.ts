import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  Consistency as WireConsistency,
  ReadOptionsSchema,
  View as WireView,
  type ReadOptions as WireReadOptions,
} from '@env-cli/wire';

import { EnvCliError } from './error.ts';
import { wireRevision } from './revision.ts';

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
}

/** The options of a read as the wire has them. `token`: the one that is sent, given or kept. */
export function wireReadOptions(options: ReadOptions, consistency: Consistency, token: string): WireReadOptions {
  const { revision = 0, view = 'masked' } = options;
  const common = { token, revision: wireRevision(revision, 'revision'), view: wireViews[view] };
  if (typeof consistency === 'object') {
    const { maxLagMs } = consistency;
    if (!Number.isFinite(maxLagMs) || maxLagMs < 0) {
      const message = `consistency.maxLagMs is a number of milliseconds of 0 or more, not ${maxLagMs}`;
      throw new EnvCliError({ reason: 'INVALID_FIELD', message });
    }
    return create(ReadOptionsSchema, {
      ...common,
      consistency: WireConsistency.EVENTUAL,
      maxLag: durationFromMs(Math.ceil(maxLagMs)),
    });
  }
  return create(ReadOptionsSchema, { ...common, consistency: wireConsistencies[consistency] });
}

const wireConsistencies = {
  strong: WireConsistency.STRONG,
  'read-your-writes': WireConsistency.READ_YOUR_WRITES,
  eventual: WireConsistency.EVENTUAL,
} as const satisfies Record<string, WireConsistency>;
