import { describe, expect, test } from '@jest/globals';
import { hexOf, MalformedBytes } from '@env-cli/support';
import * as fc from 'fast-check';

import { decodeConfiguration, encodeConfiguration, isVoter, membersOf } from './configuration.ts';
import { A, B, C, configurationOf, D, E, memberId } from './testing/test-member.ts';

const joint = configurationOf([A, B], { votersOutgoing: [B, C], learners: [E], learnersNext: [C] });

test('the bytes of format 1 never change', () => {
  expect(hexOf(encodeConfiguration(configurationOf([A, B, C])))).toBe('0103000000010000000200000003000000');
  expect(hexOf(encodeConfiguration(joint))).toBe('0102000000010000000202000000020000000301000000050100000003');
});

test('what was encoded is decoded, whatever sets of members it holds', () => {
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 0xffff_ffff }).map(memberId), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(ids, fc.nat(11), fc.nat(11), (all, cut, next) => {
      const sorted = (list: typeof all) => list.toSorted((a, b) => a - b);
      const votersOutgoing = sorted(all.slice(1, cut + 1));
      const configuration = configurationOf([all[0] ?? A], {
        votersOutgoing,
        learnersNext: votersOutgoing.slice(0, next),
        learners: sorted(all.slice(cut + 1).filter((id) => id !== all[0])),
      });
      expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration);
    }),
  );
});

describe('bytes of no configuration are refused', () => {
  const good = encodeConfiguration(configurationOf([A, B, C]));
  const cases = [
    ['a later format', [2, ...good.slice(1)]],
    ['no voter', [1, 0, 0, 0, 0]],
    ['a count beyond the end', [1, 200, 1, 0, 0, 0, 1]],
    ['voters that descend', [1, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]],
    ['a voter named twice', [1, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]],
    ['member 0', [1, 1, 0, 0, 0, 0, 0, 0, 0]],
    ['bytes behind the end', [...good, 0]],
    ['a learner that votes', [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0]],
    ['a next learner that is not a leaving voter', [1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 2]],
  ] as const;
  test.each(cases)('%s', (_why, bytes) => {
    expect(() => decodeConfiguration(Uint8Array.from(bytes))).toThrow(MalformedBytes);
  });

  test('and such a configuration is not written either', () => {
    expect(() => encodeConfiguration(configurationOf([B, A]))).toThrow(MalformedBytes);
  });
});

test('both halves vote, learners do not, and all of them receive the log', () => {
  expect([A, B, C, D, E].filter((id) => isVoter(joint, id))).toEqual([A, B, C]);
  expect(membersOf(joint)).toEqual([A, B, C, E]);
});
