import { expect, test } from '@jest/globals';

import { introductionOf, isProven } from './introduction.ts';

const founding = new Uint8Array(200).fill(5);
const hello = { memberId: 4, diskId: new Uint8Array(16).fill(4), toMemberId: 3, startNonce: 7 };
const address = '10.0.0.4:7381';

test('who has the first entry proves it', () => {
  expect(isProven(founding, hello, introductionOf(founding, hello, address))).toBe(true);
});

test.each([
  ['by who has another first entry', new Uint8Array(200).fill(6), hello, address],
  ['with another number', founding, { ...hello, memberId: 5 }, address],
  ['with another disk', founding, { ...hello, diskId: new Uint8Array(16).fill(5) }, address],
  ['to another member', founding, { ...hello, toMemberId: 2 }, address],
  ['by another process', founding, { ...hello, startNonce: 8 }, address],
  ['at another address', founding, hello, '10.0.0.5:7381'],
])('a proof that was made %s is none', (_how, otherFounding, otherHello, otherAddress) => {
  const { proof } = introductionOf(otherFounding, otherHello, otherAddress);
  expect(isProven(founding, hello, { address, proof })).toBe(false);
});

test.each([0, 31, 33])('nor are %i bytes of one', (length) => {
  const proof = new Uint8Array(length);
  proof.set(introductionOf(founding, hello, address).proof.subarray(0, length));
  expect(isProven(founding, hello, { address, proof })).toBe(false);
});
