import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';

import { openText, sealText, unwrapKey, wrapKey } from './sealing.ts';

const key = createSecretKey(randomBytes(32));
const place = { namespace: 'default', environment: 'payments/prod', variable: 'KEY' };
const text = new TextEncoder().encode('sk_live_öäü');

describe('a sealed text', () => {
  test.each([0, 1, 15, 16, 17, 262_144])('of %i bytes opens to what it was', (bytes) => {
    const random = new Uint8Array(randomBytes(bytes));
    const sealed = sealText(key, 7, place, random);
    expect(sealed).toMatchObject({ kind: 'sealed', keyId: 7, plainLengthBytes: bytes });
    expect(sealed.bytes.length).toBe(bytes + 16);
    expect(openText(key, place, sealed)).toEqual(Buffer.from(random));
  });

  const elsewhere = [
    ['namespace', { ...place, namespace: 'other' }],
    ['environment', { ...place, environment: 'payments/test' }],
    ['variable', { ...place, variable: 'OTHER' }],
    ['split of the same letters', { ...place, environment: 'payments/pro', variable: 'dKEY' }],
  ] as const;
  test.each(elsewhere)('opens at no other %s', (_what, other) => {
    expect(openText(key, other, sealText(key, 1, place, text))).toBeNull();
  });

  test('opens by no other key', () => {
    expect(openText(createSecretKey(randomBytes(32)), place, sealText(key, 1, place, text))).toBeNull();
  });

  test('does not open when any bit of it was changed', () => {
    const sealed = sealText(key, 1, place, text);
    for (let bit = 0; bit < sealed.bytes.length * 8; bit++) {
      const bytes = sealed.bytes.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(openText(key, place, { ...sealed, bytes })).toBeNull();
    }
    expect(openText(key, place, { ...sealed, bytes: sealed.bytes.subarray(0, 15) })).toBeNull();
    expect(openText(key, place, { ...sealed, nonce: new Uint8Array(12) })).toBeNull();
  });

  test('never has the nonce of another', () => {
    const nonces = new Set<string>();
    for (let i = 0; i < 10_000; i++) nonces.add(Buffer.from(sealText(key, 1, place, text).nonce).toString('hex'));
    expect(nonces.size).toBe(10_000);
  });
});

test('a wrapped key opens by its own master key and for its own purpose only', () => {
  const inner = randomBytes(32);
  const wrapped = wrapKey(key, 'data key 1', inner);
  expect(unwrapKey(key, 'data key 1', wrapped)).toEqual(inner);
  expect(unwrapKey(key, 'data key 2', wrapped)).toBeNull();
  expect(unwrapKey(createSecretKey(randomBytes(32)), 'data key 1', wrapped)).toBeNull();
  expect(unwrapKey(key, 'data key 1', wrapped.subarray(1))).toBeNull();
});
