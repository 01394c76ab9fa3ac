import type { Revision } from './revision.ts';

/** The types that a variable may declare, in the order of their codes (0 is "none declared"). */
export const variableTypes = ['string', 'number', 'boolean', 'json', 'url', 'duration', 'bytes'] as const;

export type VariableType = (typeof variableTypes)[number];

/**
 * A value at rest.
 *
 * `plain` is the UTF-8 text itself. `sealed` was encrypted before it was proposed: `keyId` says with which key (0 … 2^32 − 1),
 * `nonce` is 12 bytes, `bytes` the ciphertext with its tag, `plainLengthBytes` the length of the text (what a masked view shows).
 */
export type VariableValue =
  | { readonly kind: 'plain'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'sealed';
      readonly keyId: number;
      readonly nonce: Uint8Array;
      readonly bytes: Uint8Array;
      readonly plainLengthBytes: number;
    };

/** One variable of an environment, as an object. Whoever reads many uses a cursor over the record instead. */
export interface Variable {
  readonly name: string;
  readonly value: VariableValue;
  readonly secret: boolean;
  /** For a secret the keyed hash of its text (16 bytes); null for any other. Equal hashes are equal texts. */
  readonly hash: Uint8Array | null;
  readonly type: VariableType | null;
  /** UTF-8, empty when there is none. */
  readonly comment: Uint8Array;
  readonly changedRevision: Revision;
}
