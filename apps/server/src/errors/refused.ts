import type { Refusal } from '@env-cli/environments';

import type { UnavailableCode } from '../member/member.ts';

/** The kinds of opaque texts that clients bring back. */
export type TokenKind = 'read token' | 'page token' | 'resume token';

/** What only the API itself refuses: what never reaches the state machine. */
export type EdgeRefusal =
  /** The bytes of a message are not those of its type. */
  | { readonly code: 'malformed-message'; readonly message: string }
  | { readonly code: 'token-malformed'; readonly token: TokenKind; readonly field: string }
  | { readonly code: 'token-foreign'; readonly token: TokenKind; readonly field: string }
  | { readonly code: 'epoch-changed'; readonly token: TokenKind; readonly epoch: number; readonly current: number }
  /** A page token of another method, or of a request that asked for something else. */
  | { readonly code: 'token-mismatch'; readonly token: TokenKind; readonly field: string; readonly problem: string }
  /** A read token that names an index above all that the leader has. */
  | { readonly code: 'token-ahead'; readonly index: number; readonly applied: number }
  | { readonly code: 'forwarded-twice'; readonly memberId: number }
  /** A call says that a member passed it on, and no member did. */
  | { readonly code: 'forward-unproven' }
  | { readonly code: 'leader-unreached'; readonly leader: string }
  /** The leader's program is of an earlier version, and does not know the call. */
  | { readonly code: 'leader-earlier'; readonly leader: string }
  | { readonly code: 'watch-id-taken'; readonly watchId: bigint }
  | { readonly code: 'watch-id-unknown'; readonly watchId: bigint }
  | { readonly code: 'too-many-watches'; readonly max: number }
  | { readonly code: 'call-id-taken'; readonly callId: bigint }
  /** The member's state was replaced by a newer one as a whole: what happened between the two cannot be told. */
  | { readonly code: 'state-replaced'; readonly revision: number }
  /** Mirrors are looked after by the leader, and its worker is not at work yet (or any more). */
  | { readonly code: 'mirror-worker-away'; readonly mirror: string }
  | { readonly code: 'mirror-target-unreadable'; readonly mirror: string; readonly problem: string }
  /** Each backup is a second copy of the state on the member's disk. */
  | { readonly code: 'too-many-backups'; readonly max: number }
  | { readonly code: 'backup-no-room'; readonly neededBytes: number; readonly freeBytes: number }
  | { readonly code: 'backup-failed'; readonly problem: string }
  | { readonly code: 'backup-stalled'; readonly seconds: number }
  /** The member has no master key. Both are empty where no variable is meant. */
  | { readonly code: 'secrets-locked'; readonly environment: string; readonly variable: string }
  /** The member has not opened that data key yet. */
  | { readonly code: 'data-key-away'; readonly environment: string; readonly variable: string; readonly keyId: number }
  /** What is sealed there was not sealed for that place by that key. */
  | { readonly code: 'secret-broken'; readonly environment: string; readonly variable: string; readonly keyId: number }
  /** The client's certificate names nobody. */
  | { readonly code: 'certificate-nameless' }
  | { readonly code: 'keyring-changed' }
  /** The cluster has no keys for secrets. */
  | { readonly code: 'nothing-sealed' }
  /** The newest master key here is the one that is in use. */
  | { readonly code: 'master-key-same'; readonly masterKey: string; readonly where: string }
  /** Members that could not start any more after the rotation. */
  | { readonly code: 'master-key-missing'; readonly masterKey: string; readonly members: readonly number[] }
  | { readonly code: 'master-key-unusable'; readonly problem: string }
  | { readonly code: 'member-unreached'; readonly memberId: number; readonly address: string; readonly problem: string }
  | { readonly code: 'member-not-found'; readonly memberId: number }
  /** With these gone, or voting, too few voters answer. */
  | { readonly code: 'quorum-needed'; readonly memberIds: readonly number[]; readonly answering: number; readonly needed: number }
  /** The learner that is to vote lacks too much of the log. */
  | { readonly code: 'member-behind'; readonly memberId: number; readonly lackingEntries: number }
  /** A change of the members or a transfer of the lead is under way. */
  | { readonly code: 'members-changing'; readonly problem: string }
  /** It is no learner, or no voter. */
  | { readonly code: 'member-role'; readonly problem: string }
  | { readonly code: 'lead-kept' }
  /** Not every member's program understands the level that is asked for, or is there to say so; `members`: who is in the way, `problem`: why, and what to do. */
  | {
      readonly code: 'members-not-ready';
      readonly asked: number;
      readonly level: number;
      readonly members: readonly number[];
      readonly problem: string;
    }
  | { readonly code: 'internal' };

/** What the member itself could not do. */
type Unavailable = { readonly [Code in UnavailableCode]: { readonly code: Code; readonly problem: string } }[UnavailableCode];

/** An earlier attempt of the same write in the same session was refused; only why is remembered. */
export interface ReplayedRefusal {
  readonly code: 'replayed-refusal';
  readonly answer: Refusal['code'];
  readonly sequence: number;
}

type Overlap = Extract<Refusal, { readonly code: 'target-overlap' }>;

/** An overlap with the mirror that was asked for beside the one in its way. The state machine's answer needs no room for what the asker knows. */
export interface AskedOverlap extends Overlap {
  readonly asked?: { readonly mirror: string; readonly targetKey: string };
}

/** Every reason for which a call can fail. */
export type ApiRefusal = Exclude<Refusal, Overlap> | AskedOverlap | EdgeRefusal | Unavailable | ReplayedRefusal;

export type ApiRefusalCode = ApiRefusal['code'];

/** The one error class of the API: an expected no. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly refusal: ApiRefusal;

  constructor(refusal: ApiRefusal) {
    super(refusal.code);
    this.refusal = refusal;
  }
}

/** Refuses because of a field of the request. */
export function invalid(field: string, problem: string): Refused {
  return new Refused({ code: 'invalid', field, problem });
}
