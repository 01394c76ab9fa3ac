import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { describeWhere } from '../support/capability.ts';
import { buildPorcupine } from './porcupine.ts';
import { longestFailure, longestGap, type StrongRead } from './strong-reads.ts';
import { exitOfRemoved, Swap } from './swap.ts';

const porcupine = await buildPorcupine();
const checker = typeof porcupine === 'string' ? porcupine : '';
/** Clients leave the machine room to start members in. */
const paceMs = 60;

/** A read of one reader; `ok` or `failed`. */
const read = (reader: string, startMs: number, endMs: number, how: 'ok' | 'failed'): StrongRead => ({
  reader,
  startMs,
  endMs,
  failure: how === 'failed' ? 'because' : null,
});

test('a stretch of failures is from the beginning of the first that failed to the end of the next that did not, for each reader by itself', () => {
  const reads = [
    read('a', 0, 10, 'ok'),
    read('a', 20, 50, 'failed'),
    read('b', 30, 40, 'ok'),
    read('a', 60, 90, 'failed'),
    read('a', 100, 110, 'ok'),
    read('b', 120, 150, 'failed'),
  ];
  expect(longestFailure(reads)).toEqual({ reader: 'a', startMs: 20, lengthMs: 90, failure: 'because' });
  expect(longestGap(reads)).toEqual({ reader: 'a', startMs: 10, lengthMs: 100, failure: null });
  expect(longestFailure(reads.filter(({ reader }) => reader === 'b'))).toEqual({
    reader: 'b',
    startMs: 120,
    lengthMs: 30,
    failure: 'because',
  });
  expect(longestFailure(reads.filter(({ failure }) => failure === null))).toBeNull();
});

describeWhere(
  'five members under load, every one of which is swapped',
  typeof porcupine === 'string' ? null : porcupine.missing,
  () => {
    let swap: Swap;
    beforeAll(async () => {
      swap = await Swap.start({ seed: 1, paceMs });
    }, 120_000);
    afterAll(() => swap?.close(), 60_000);

    test('two at a time, in one change each: all five are new, and the old ones were told that they are removed', async () => {
      const gone = await swap.swapAll(2);
      expect(await swap.memberIds()).toEqual([6, 7, 8, 9, 10]);
      expect(gone.map(({ memberId }) => memberId).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
      for (const { memberId, code, said } of gone)
        expect({ code, said }).toEqual({
          code: exitOfRemoved,
          said: expect.stringContaining(`member ${memberId} was removed from the cluster`),
        });
    }, 240_000);

    test('no write that was acknowledged is lost or done twice, and every answer of a member old or new has its place in one order', async () => {
      expect(await swap.flaws(checker)).toEqual([]);
      expect(swap.workload.counts.written).toBeGreaterThan(100);
      const answered = swap.reads.made.filter(({ failure }) => failure === null);
      const readers = [
        'the SDK at the leader',
        'the SDK where it is',
        ...Array.from({ length: 10 }, (_, at) => `member ${at + 1}`),
      ];
      for (const reader of readers) expect(answered.filter((one) => one.reader === reader).length).toBeGreaterThan(10);
    }, 120_000);
  },
);
