import { createHash } from 'node:crypto';

import type { Stamp } from '@env-cli/mirroring';

/** The namespace of our tokens (RFC 9562 §6.6): a random UUID, made once. */
const namespace = '5f0c1f0e-7d0b-4a4e-9b53-0f6d7f3b8a21';

/**
 * The `ClientRequestToken` of a write, which becomes the version's id: a UUID of version 5 over who writes what, so that the same
 * write has the same token on every member and at every attempt, and makes one version.
 *
 * The keyed hash is part of it: the same revision can look different after the mirror's options were changed, and a token that
 * is known with another value would be refused for ever.
 */
export function requestToken(key: string, stamp: Stamp): string {
  const { clusterId, epoch, mirror, environment, revision, valueHash } = stamp;
  const digest = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    // No part holds a zero byte, so no two lists of parts are one text.
    .update([clusterId, epoch, mirror, environment, key, revision, valueHash].join('\0'))
    .digest();
  digest[6] = (digest[6]! & 0x0f) | 0x50;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
