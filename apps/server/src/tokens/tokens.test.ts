import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { Refused } from '../errors/refused.ts';
import type { TokenIssuer } from './opaque.ts';
import { openPageToken, type PageScope, pageTokenOf } from './page-token.ts';
import { neededIndex, onlyGroup, openReadToken, readTokenOf } from './read-token.ts';
import { openResumeToken, resumeTokenOf } from './resume-token.ts';

const issuer: TokenIssuer = { clusterId: new Uint8Array(16).fill(7), epoch: 3 };
const scope: PageScope = { method: 'Environments.List', request: ['default', 'pay', ''] };

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Refused) return error.refusal.code;
    throw error;
  }
  return 'accepted';
}

test('what was sealed opens again', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.string(), (index, revision, after) => {
      expect(neededIndex(openReadToken(issuer, readTokenOf(issuer, index, revision), 'token'), onlyGroup)).toBe(index);
      expect(openResumeToken(issuer, resumeTokenOf(issuer, revision), 'resume_token')).toBe(revision);
      const position = { revision, after: after.slice(0, 200) };
      expect(openPageToken(issuer, scope, pageTokenOf(issuer, scope, position))).toEqual(position);
    }),
  );
});

test('a token goes into a URL as it is', () => {
  expect(readTokenOf(issuer, 2 ** 40, 2 ** 40)).toMatch(/^[A-Za-z0-9_-]+$/);
});

test('a token with one character changed, added or removed is malformed', () => {
  const text = readTokenOf(issuer, 1_234, 567);
  for (let at = 0; at < text.length; at++) {
    for (const changed of [
      `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`,
      `${text.slice(0, at)}${text.slice(at + 1)}`,
      `${text.slice(0, at)}!${text.slice(at)}`,
    ]) {
      expect(codeOf(() => openReadToken(issuer, changed, 'token'))).toBe('token-malformed');
    }
  }
});

test('no text but a token of ours opens', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.string({ minLength: 2_049 })), (text) => {
      expect(codeOf(() => openReadToken(issuer, text, 'token'))).toBe('token-malformed');
    }),
  );
});

describe('a token is refused by what is wrong with it', () => {
  const cases = [
    ['of another cluster', { ...issuer, clusterId: new Uint8Array(16) }, 'token-foreign'],
    ['of an earlier epoch', { ...issuer, epoch: 2 }, 'epoch-changed'],
    ['of a later epoch', { ...issuer, epoch: 4 }, 'epoch-changed'],
  ] as const;
  test.each(cases)('%s', (_why, other, code) => {
    expect(codeOf(() => openReadToken(issuer, readTokenOf(other, 1, 1), 'token'))).toBe(code);
    expect(codeOf(() => openResumeToken(issuer, resumeTokenOf(other, 1), 'token'))).toBe(code);
    expect(codeOf(() => openPageToken(issuer, scope, pageTokenOf(other, scope, { revision: 1, after: '' })))).toBe(code);
  });

  test.each([
    ['a token of another kind', () => openReadToken(issuer, resumeTokenOf(issuer, 1), 'token')],
    [
      'a page token of another method',
      () => openPageToken(issuer, { ...scope, method: 'Mirrors.Status' }, pageTokenOf(issuer, scope, { revision: 1, after: '' })),
    ],
    [
      'a page token of another request',
      () =>
        openPageToken(
          issuer,
          scope,
          pageTokenOf(issuer, { ...scope, request: ['defaul', 'tpay', ''] }, { revision: 1, after: '' }),
        ),
    ],
  ])('%s', (_why, open) => {
    expect(codeOf(open)).toBe('token-mismatch');
  });
});
