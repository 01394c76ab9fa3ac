import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { Refused } from '../errors/refused.ts';
import { openReadToken, readTokenOf } from '../tokens/read-token.ts';
import { composeRestoring, epochDraws, epochOfRestore, readFounding } from './founding.ts';
import { Neighbours } from './neighbours.ts';

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const members = [
  { memberId: 1, diskId: id(1), address: 'a:7381' },
  { memberId: 2, diskId: id(2), address: 'b:7381' },
];
const wallMs = 1_795_000_000_000;

/** What members that were restored from one backup found, by a clock that says the same millisecond to all of them. */
function founded(backupEpoch = 1) {
  const mark = { clusterId: id(7), epoch: backupEpoch, backupDigest: new Uint8Array(32), members };
  return readFounding(composeRestoring(mark, { memberId: 1, startNonce: 1, wallMs }, members));
}

/** Why a token is not taken; what is in it when it is. */
function refusalOf(take: () => unknown): unknown {
  try {
    return take();
  } catch (error) {
    return (error as Refused).refusal;
  }
}

describe('two restores of one backup that are founded in the same moment', () => {
  const far = Number.MAX_SAFE_INTEGER - 4 * epochDraws;

  test.each([
    ['by clocks that are right', 1],
    ['by clocks that lag behind the epoch of the backup', far],
  ])('have two epochs, %s', (_why, backupEpoch) => {
    const [one, other] = [founded(backupEpoch), founded(backupEpoch)];
    expect(one.clusterId).toEqual(other.clusterId);
    expect(one.epoch).not.toBe(other.epoch);
    expect(Math.min(one.epoch, other.epoch)).toBeGreaterThan(backupEpoch);
  });

  test('do not take each other’s tokens', () => {
    const [one, other] = [founded(), founded()];
    expect(openReadToken(one, readTokenOf(one, 5, 6), 'token').revision).toBe(6);
    expect(refusalOf(() => openReadToken(one, readTokenOf(other, 5, 6), 'token'))).toMatchObject({
      code: 'epoch-changed',
      epoch: other.epoch,
      current: one.epoch,
    });
  });

  test('do not let each other’s members in, even one with the same number and disk', () => {
    const hello = ({ clusterId, epoch }: ReturnType<typeof founded>, memberId: number) => ({
      formingId: id(9),
      clusterId,
      epoch,
      memberId,
      diskId: id(memberId),
      apiAddress: '',
      featureLevelMax: 1,
      startNonce: 1,
      founding: new Uint8Array(),
    });
    const [one, other] = [founded(), founded()];
    const asked = new Neighbours(hello(one, 2));
    asked.know({ members, memberIdLast: 2, featureLevel: 1, replacements: new Map() });
    const found = { term: 0, votedFor: 0, entryTerm: 0, entryIndex: 0 };
    expect(asked.refuse(new Neighbours(hello(one, 1)).hello(2, found))).toBeNull();
    expect(asked.refuse(new Neighbours(hello(other, 1)).hello(2, found))).toMatchObject({
      // No member stops for it: either cluster may be the one that is wanted.
      code: 'other-cluster',
      message: expect.stringContaining('one of the two was restored'),
    });
  });
});

test('the epoch of a restore is higher than the backup’s, and than that of one which was founded 1.1 seconds earlier', () => {
  const draw = fc.nat(epochDraws - 1);
  fc.assert(
    fc.property(
      fc.nat(wallMs),
      fc.nat(2 ** 52),
      fc.integer({ min: 1_100, max: 10 ** 9 }),
      draw,
      draw,
      (ms, high, laterMs, a, b) => {
        expect(epochOfRestore(high, ms, a)).toBeGreaterThan(high);
        // By clocks that do not lag behind the backup's epoch.
        const backup = Math.min(high, ms * 2 ** 11);
        expect(epochOfRestore(backup, ms + laterMs, b)).toBeGreaterThan(epochOfRestore(backup, ms, a));
      },
    ),
  );
  // Higher than those of before, which were the second of the founding.
  expect(epochOfRestore(1, wallMs, 0)).toBeGreaterThan(wallMs / 1_000);
});
