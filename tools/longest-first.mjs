import { relative } from 'node:path';

import Sequencer from '@jest/test-sequencer';

import { longestFirst } from '../test/support/longest-suites.ts';

/** Has jest begin with the longest suites; the others come as it would have them: what failed, what took long, what is large. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is the sequencer's own method, not an array's
    const asUsual = super.sort(tests);
    return longestFirst(asUsual, ({ path, context }) => relative(context.config.rootDir, path));
  }
}
