import { hmacSha256 } from '@env-cli/support';

/** Bytes of a keyed hash. */
export const keyedHashBytes = 16;

/** The hash by which the text of a value is compared without being told: the first half of HMAC-SHA256 under the cluster's key. */
export function keyedHash(key: Uint8Array, text: Uint8Array): Uint8Array {
  return hmacSha256(key, text).subarray(0, keyedHashBytes);
}
