import { createCipheriv, createDecipheriv, createHmac, type KeyObject, randomFillSync } from 'node:crypto';
import { nonceBytes, type VariableValue } from '@env-cli/keyspace';
import { ByteWriter } from '@env-cli/support';

import type { SecretPlace } from './secrets.ts';

/** AES-256 in Galois/Counter Mode (NIST SP 800-38D), with a tag of 16 bytes behind the ciphertext. */
const cipher = 'aes-256-gcm';
const tagBytes = 16;
/** Bytes of every key here. */
export const keyBytes = 32;

type SealedValue = Extract<VariableValue, { readonly kind: 'sealed' }>;

/** Random bytes are drawn for so many nonces at once: a call into the system costs more than a seal. */
const noncesAtOnce = 256;
const nonces = Buffer.alloc(noncesAtOnce * nonceBytes);
let noncesUsed = noncesAtOnce;

/** 96 random bits (SP 800-38D §8.2.2). None is given twice, and none is kept here. */
function freshNonce(): Uint8Array {
  if (noncesUsed === noncesAtOnce) {
    randomFillSync(nonces);
    noncesUsed = 0;
  }
  const start = noncesUsed++ * nonceBytes;
  return new Uint8Array(nonces.subarray(start, start + nonceBytes));
}

const writer = new ByteWriter(1024);

/** What is authenticated with a value, so that it opens at its own place only: each part with its length in front. */
function boundTo({ namespace, environment, variable }: SecretPlace): Uint8Array {
  return writer.text('env-cli value').text(namespace).text(environment).text(variable).take();
}

/** Seals a text for a place. */
export function sealText(key: KeyObject, keyId: number, place: SecretPlace, text: Uint8Array): SealedValue {
  const nonce = freshNonce();
  return { kind: 'sealed', keyId, nonce, bytes: encrypt(key, nonce, boundTo(place), text), plainLengthBytes: text.length };
}

/** Opens what {@link sealText} sealed; null when it was sealed by another key or for another place, or was changed since. */
export function openText(key: KeyObject, place: SecretPlace, { nonce, bytes }: SealedValue): Uint8Array | null {
  return decrypt(key, nonce, boundTo(place), bytes);
}

/** Wraps a key: nonce, ciphertext, tag. `purpose` is bound to it. */
export function wrapKey(master: KeyObject, purpose: string, key: Uint8Array): Uint8Array {
  const nonce = freshNonce();
  return Buffer.concat([nonce, encrypt(master, nonce, Buffer.from(purpose), key)]);
}

/** Unwraps what {@link wrapKey} wrapped; null when it was wrapped by another key or for another purpose. */
export function unwrapKey(master: KeyObject, purpose: string, wrapped: Uint8Array): Uint8Array | null {
  if (wrapped.length !== nonceBytes + keyBytes + tagBytes) return null;
  return decrypt(master, wrapped.subarray(0, nonceBytes), Buffer.from(purpose), wrapped.subarray(nonceBytes));
}

/** So many bytes that only this key gives for this purpose, and that tell nothing of it. */
export function checkOf(key: Uint8Array, purpose: string, bytes: number): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(`env-cli key check: ${purpose}`).digest().subarray(0, bytes));
}

function encrypt(key: KeyObject, nonce: Uint8Array, bound: Uint8Array, text: Uint8Array): Uint8Array {
  const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes });
  sealing.setAAD(bound);
  return Buffer.concat([sealing.update(text), sealing.final(), sealing.getAuthTag()]);
}

function decrypt(key: KeyObject, nonce: Uint8Array, bound: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  if (sealed.length < tagBytes) return null;
  const textBytes = sealed.length - tagBytes;
  const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes });
  opening.setAAD(bound);
  opening.setAuthTag(sealed.subarray(textBytes));
  const text = opening.update(sealed.subarray(0, textBytes));
  try {
    // GCM has given all of its text by now; this compares the tag.
    opening.final();
  } catch {
    return null;
  }
  return text;
}
