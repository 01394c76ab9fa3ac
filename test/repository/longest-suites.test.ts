import { existsSync } from 'node:fs';

import { expect, test } from '@jest/globals';

import { longestFirst, longestSuites } from '../support/longest-suites.ts';

test('the suites that are run first exist', () => {
  expect(longestSuites.filter((path) => !existsSync(path))).toEqual([]);
});

test('the longest suites are run first, in their order, the others behind them in theirs', () => {
  const [first, second] = longestSuites;
  const suites = ['b', second!, 'a', first!].map((path) => ({ path }));
  expect(longestFirst(suites, ({ path }) => path).map(({ path }) => path)).toEqual([first, second, 'b', 'a']);
});
