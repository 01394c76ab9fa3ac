import type { Revision } from '@env-cli/keyspace';

import type { LimitName } from './limits.ts';

/** What a condition found instead, for whoever has to resolve it. */
export interface CurrentEnvironment {
  /** The environment's newest revision. 0 when it is absent and nothing is known of it any more. */
  readonly revision: Revision;
  /** Whether it exists at that revision: false when the revision deleted it. */
  readonly exists: boolean;
  readonly changedBy: string;
  /** Milliseconds since 1970, cluster time for people. */
  readonly changedAtMs: number;
  /** The variable that the condition names, if it exists. */
  readonly variable: CurrentVariable | null;
}

export interface CurrentVariable {
  readonly revision: Revision;
  readonly secret: boolean;
  /** The text (up to 1,024 bytes of it) of a plain variable; null for a secret. */
  readonly value: Uint8Array | null;
  /** The keyed hash of a secret; null for a plain variable. */
  readonly hash: Uint8Array | null;
  readonly valueBytes: number;
}

/**
 * Why the cluster said no. Callers branch on `code`; every case carries what is needed to act on it, and never a secret's value.
 *
 * `field` names the place in the request, as in `operations[2].variables[0].name`. A refused command changed nothing.
 */
export type Refusal =
  | { readonly code: 'invalid'; readonly field: string; readonly problem: string }
  | {
      readonly code: 'too-large';
      readonly field: string;
      readonly limit: LimitName;
      readonly max: number;
      readonly actual: number;
    }
  | { readonly code: 'not-found'; readonly field: string; readonly environment: string }
  | {
      readonly code: 'already-exists';
      readonly field: string;
      readonly environment: string;
      readonly current: CurrentEnvironment;
    }
  | {
      readonly code: 'condition-failed';
      readonly field: string;
      readonly environment: string;
      /** Empty when the condition is on the environment alone. */
      readonly variable: string;
      readonly current: CurrentEnvironment;
    }
  /** The variable became a secret, or ceased to be one, after the API prepared the write: prepare it again. */
  | { readonly code: 'secret-mark-changed'; readonly environment: string; readonly variable: string; readonly secret: boolean }
  | { readonly code: 'compacted'; readonly asked: Revision; readonly oldest: Revision }
  | { readonly code: 'future-revision'; readonly asked: Revision; readonly newest: Revision }
  /** Never opened, closed, expired, or somebody else's. Never executed. */
  | { readonly code: 'session-unknown' }
  /** The sequence lies below `firstIncomplete`: its result is forgotten. Never executed now. */
  | { readonly code: 'sequence-forgotten'; readonly sequence: number; readonly firstIncomplete: number }
  /** The session keeps as many results as it may: raise `firstIncomplete`. */
  | { readonly code: 'session-full'; readonly max: number }
  | { readonly code: 'too-many-sessions'; readonly max: number }
  | { readonly code: 'level-too-low'; readonly needed: number; readonly level: number }
  | { readonly code: 'not-bootstrapped' }
  | { readonly code: 'already-bootstrapped' }
  | { readonly code: 'mirror-not-found'; readonly mirror: string }
  | { readonly code: 'mirror-exists'; readonly mirror: string; readonly deleting: boolean }
  | { readonly code: 'target-overlap'; readonly mirror: string; readonly namespace: string; readonly targetKey: string }
  | { readonly code: 'too-many-mirrors'; readonly max: number }
  | { readonly code: 'target-key-fixed'; readonly mirror: string; readonly targetKey: string }
  /** A worker's report of an earlier reign. */
  | { readonly code: 'stale-term'; readonly term: number; readonly current: number }
  /** The entry had no room left for the rows that this write needs. Not executed; may be sent again at once. */
  | { readonly code: 'entry-full' }
  /** The cluster seals its secrets, and the member that took this one in does not. */
  | { readonly code: 'secret-not-sealed'; readonly environment: string; readonly variable: string }
  | { readonly code: 'too-many-data-keys'; readonly max: number }
  /** The state is as large as the quota lets it be: only what makes it smaller is let in. */
  | { readonly code: 'no-space'; readonly stateBytes: number; readonly quotaBytes: number }
  /** A number is given once, and rising: `next` is the lowest that is free. */
  | { readonly code: 'member-number-used'; readonly memberId: number; readonly next: number }
  | { readonly code: 'member-address-used'; readonly address: string; readonly memberId: number }
  | { readonly code: 'too-many-members'; readonly max: number };

export type RefusalCode = Refusal['code'];
