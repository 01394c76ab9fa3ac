import { BrokenInvariant } from '@env-cli/support';
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { TermRuns } from './term-runs.ts';
import { index, term } from './testing/test-member.ts';

function runsOf(...terms: number[]): TermRuns {
  const runs = new TermRuns({ index: index(0), term: term(0) }, index(0), []);
  for (const [at, one] of terms.entries()) runs.push(index(at + 1), term(one));
  return runs;
}

describe('where logs can agree at most: the last entry at or below an index whose term is not above a term', () => {
  const cases = [
    // why                                         log                index  term   last (index, term)
    ['the entry itself', [1, 1, 2, 4], 3, 2, [3, 2]],
    ['a whole term is passed over', [1, 1, 4, 4, 4], 5, 3, [2, 1]],
    ['several terms are', [1, 3, 4, 5, 5], 5, 2, [1, 1]],
    ["behind the log's end", [1, 1, 2], 9, 7, [3, 2]],
    ['no entry will do', [4, 4, 4], 3, 2, [0, 0]],
    ['an empty log', [], 5, 3, [0, 0]],
  ] as const;
  test.each(cases)('%s', (_why, log, at, ofTerm, expected) => {
    const found = runsOf(...log).lastAtMost(index(at), term(ofTerm));
    expect([found.index, found.term]).toEqual(expected);
  });

  test('in what was released the term is unknown, and 0', () => {
    const runs = runsOf(1, 3, 3, 5, 5);
    runs.releaseTo(index(3));
    expect(runs.lastAtMost(index(5), term(4))).toEqual({ index: 3, term: 3 });
    expect(runs.lastAtMost(index(5), term(2))).toEqual({ index: 2, term: 0 });
    expect(runs.lastAtMost(index(1), term(9))).toEqual({ index: 1, term: 0 });
  });
});

test('runs of terms tell what a list of terms tells, through any appends, truncations and releases', () => {
  const commands = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('push' as const), rise: fc.constantFrom(0, 0, 0, 1, 2) }),
      fc.record({ kind: fc.constant('truncate' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant('release' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(commands, (list) => {
      const runs = runsOf();
      const naive = [0];
      let previous = 0;
      for (const command of list) {
        const last = naive.length - 1;
        if (command.kind === 'push') {
          const ofTerm = (naive.at(-1) ?? 0) + command.rise;
          naive.push(ofTerm);
          runs.push(index(last + 1), term(ofTerm));
        } else if (command.kind === 'truncate' && last > previous) {
          const from = previous + 1 + Math.floor(command.share * (last - previous - 1));
          naive.length = from;
          runs.truncateFrom(index(from));
        } else if (command.kind === 'release') {
          previous += Math.floor(command.share * (last - previous));
          runs.releaseTo(index(previous));
        }
        const told = naive.map((_, at) => runs.termAt(index(at)));
        expect(told).toEqual(naive.map((ofTerm, at) => (at < previous ? null : ofTerm)));
        expect([runs.lastIndex, runs.lastTerm, runs.previousIndex]).toEqual([naive.length - 1, naive.at(-1), previous]);
        expect(runs.termAt(index(naive.length))).toBeNull();
      }
    }),
  );
});

describe('a log that cannot be is refused', () => {
  const zero = { index: index(0), term: term(0) };
  const cases = [
    ['it ends before it begins', { index: index(5), term: term(1) }, 4, []],
    ['entries without terms', zero, 3, []],
    ['a first run that begins late', zero, 3, [{ firstIndex: index(2), term: term(1) }]],
    [
      'terms that fall',
      zero,
      3,
      [
        { firstIndex: index(1), term: term(2) },
        { firstIndex: index(2), term: term(1) },
      ],
    ],
  ] as const;
  test.each(cases)('%s', (_why, previous, last, runs) => {
    expect(() => new TermRuns(previous, index(last), runs)).toThrow(BrokenInvariant);
  });

  test('an entry of a term below the last, or behind a gap', () => {
    expect(() => runsOf(3).push(index(2), term(2))).toThrow(BrokenInvariant);
    expect(() => runsOf(3).push(index(3), term(3))).toThrow(BrokenInvariant);
  });
});
