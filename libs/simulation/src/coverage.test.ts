import { describe, expect, test } from '@jest/globals';

import { type FileUncovered, inNeither, missedOf } from './coverage.ts';

/** A file whose outer function is at 100 … 200, with another one at 120 … 160 within it. */
const outer = [100, 200] as const;
const inner = [120, 160] as const;

describe('what ran in neither of two parts', () => {
  const cases: readonly (readonly [why: string, a: FileUncovered, b: FileUncovered, ranges: FileUncovered['ranges']])[] = [
    [
      'both came to a function, and each to a branch of its own',
      { called: [outer], ranges: [[110, 115]] },
      { called: [outer], ranges: [[170, 180]] },
      [],
    ],
    [
      'both missed the end of a branch',
      { called: [outer], ranges: [[110, 150]] },
      { called: [outer], ranges: [[140, 180]] },
      [[140, 150]],
    ],
    [
      'one never called the function, and the engine said nothing of it',
      { called: [], ranges: [] },
      { called: [outer], ranges: [[110, 115]] },
      [[110, 115]],
    ],
    [
      'one never called the function, and the engine said so',
      { called: [], ranges: [outer] },
      { called: [outer], ranges: [[110, 115]] },
      [[110, 115]],
    ],
    [
      'one never called the function within another',
      { called: [outer], ranges: [] },
      { called: [outer, inner], ranges: [[130, 140]] },
      [[130, 140]],
    ],
    [
      'one never called the outer function, and so not the one within it',
      { called: [], ranges: [] },
      {
        called: [outer, inner],
        ranges: [
          [130, 140],
          [170, 180],
        ],
      },
      [
        [130, 140],
        [170, 180],
      ],
    ],
    ['neither called the function', { called: [], ranges: [outer] }, { called: [], ranges: [outer] }, [outer]],
    [
      'one called the outer function alone, the other one neither',
      { called: [outer], ranges: [inner] },
      { called: [], ranges: [] },
      [inner],
    ],
  ];
  test.each(cases)('%s', (_why, a, b, ranges) => {
    expect(inNeither({ 'a.ts': a }, { 'a.ts': b })['a.ts']!.ranges).toEqual(ranges);
    expect(inNeither({ 'a.ts': b }, { 'a.ts': a })['a.ts']!.ranges).toEqual(ranges);
  });

  test('of three parts, whichever are joined first', () => {
    const parts = [
      { 'a.ts': { called: [outer], ranges: [inner] } },
      { 'a.ts': { called: [], ranges: [] } },
      { 'a.ts': { called: [outer, inner], ranges: [[130, 140]] } },
    ] as const;
    for (const [a, b, c] of [
      [0, 1, 2],
      [1, 2, 0],
      [0, 2, 1],
    ] as const)
      expect(inNeither(inNeither(parts[a], parts[b]), parts[c])['a.ts']!.ranges).toEqual([[130, 140]]);
  });
});

test('a function that no part called is missed, also when the engine said nothing of it', () => {
  const { functions, missed } = missedOf({ 'transfer.ts': { called: [], ranges: [] } });
  expect(missed).toHaveLength(functions);
  expect(missed).toContainEqual({ file: 'transfer.ts', line: expect.any(Number), text: 'function onTransfer' });
});
