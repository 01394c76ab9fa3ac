import type { ChangeRefusal, MembershipChange, TransferRefusal } from '@env-cli/raft';
import type { HelloRefusal } from '@env-cli/replica';

import type { UnsafeChange } from './change-check.ts';

/** What the API asks of the consensus thread besides commands and reads. */
export type MemberWish =
  /** Who is at a member's peer address. */
  | { readonly kind: 'greet'; readonly memberId: number; readonly address: string; readonly withinMs: number }
  /** Change who takes part, here at the leader; with `force` also where the cluster could not go on ({@link UnsafeChange}). Defaults to false. */
  | { readonly kind: 'change'; readonly changes: readonly MembershipChange[]; readonly force?: boolean }
  /** Hand the lead over to a member, or (null) to the one that has most of the log. */
  | { readonly kind: 'transfer'; readonly to: number | null };

export interface MemberOrder {
  readonly id: number;
  readonly wish: MemberWish;
}

/** `restoring`: the cluster was restored a moment ago, and its members have not made a checkpoint yet. */
export type OrderRefusal = ChangeRefusal | TransferRefusal | UnsafeChange | { readonly code: 'restoring' };

/** What came of it. */
export type OrderAnswer =
  | { readonly kind: 'greeted'; readonly diskId: Uint8Array; readonly apiAddress: string }
  /** Nobody answers there. */
  | { readonly kind: 'unreached'; readonly problem: string }
  /** Who answers there is somebody else, or wants nothing of this cluster. */
  | { readonly kind: 'not-let-in'; readonly refusal: HelloRefusal }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly refusal: OrderRefusal }
  /** The lead was not handed over: the member did not take it in time, or ceased to be one that could. */
  | { readonly kind: 'kept' }
  /** The reign ended, or the member stops, before it was certain. */
  | { readonly kind: 'unknown' };

/** The most orders that wait for their answer: people give them. */
export const ordersMax = 64;
