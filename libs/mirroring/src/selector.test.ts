import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { formatLabelSelector, type LabelSelector, matchesLabels } from './selector.ts';
import { parseLabelSelector } from './selector-text.ts';

const labels = [
  { key: 'app/name', value: 'shop' },
  { key: 'empty', value: '' },
  { key: 'tier', value: 'prod' },
];

function matches(text: string): boolean {
  const parsed = parseLabelSelector(text);
  if (parsed.kind === 'error') throw new Error(`${parsed.position}: ${parsed.problem}`);
  return matchesLabels(parsed.selector, labels);
}

describe('a selector matches labels that meet all of its demands', () => {
  const cases: [string, boolean][] = [
    ['', true],
    ['  ', true],
    ['tier', true],
    ['none', false],
    ['!tier', false],
    ['!none', true],
    ['tier=prod', true],
    ['tier == prod', true],
    ['tier=test', false],
    ['tier!=test', true],
    ['tier!=prod', false],
    ['none!=prod', true],
    ['tier in (test, prod)', true],
    ['tier in (test)', false],
    ['none in (test)', false],
    ['tier notin (test,prod)', false],
    ['none notin (test)', true],
    ['empty=', true],
    ['empty', true],
    ['app/name=shop , tier , !none', true],
    ['app/name=shop,none', false],
    ['in', false],
    ['in in (a)', false],
    ['notin notin (a)', true],
  ];
  test.each(cases)('%j: %s', (text, expected) => {
    expect(matches(text)).toBe(expected);
  });
});

describe('an error says where the text goes wrong', () => {
  const cases: [string, number, string][] = [
    ['tier=prod,', 10, 'expected a label'],
    ['tier in prod', 8, 'expected ('],
    ['tier in (prod', 13, 'expected , or )'],
    ['tier is prod', 5, 'instead of is'],
    ['tier=prod test', 10, 'expected a comma or the end'],
    ['=prod', 0, 'expected a label'],
    ['!', 1, 'expected a label'],
    ['-a', 0, '-a is not the key of a label'],
    ['a-', 0, 'a- is not the key of a label'],
    ['tier=-x', 5, '-x is not the value of a label'],
    ['tier=a/b', 5, 'a/b is not the value of a label'],
    ['tier=prod;x', 9, 'expected a comma or the end'],
    ['a'.repeat(5000), 4096, 'at most 4096 characters'],
  ];
  test.each(cases)('%j at %i', (text, position, problem) => {
    expect(parseLabelSelector(text)).toMatchObject({ kind: 'error', position, problem: expect.stringContaining(problem) });
  });

  test('and no text breaks the reader', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '=', '!', ',', ' ', '(', ')', 'in', 'notin', '-', 'é') }), (text) => {
        expect(['selector', 'error']).toContain(parseLabelSelector(text).kind);
      }),
    );
  });
});

test('a selector is read from its one spelling as it was', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,5}[A-Za-z0-9])?$/);
  const values = fc.uniqueArray(fc.oneof(word, fc.constant('')), { minLength: 1, maxLength: 3 }).map((list) => list.toSorted());
  const demand = fc.oneof(
    fc.record({ kind: fc.constantFrom('has' as const, 'has-not' as const), key: word }),
    fc.record({ kind: fc.constantFrom('in' as const, 'not-in' as const), key: word, values }),
  );
  fc.assert(
    fc.property(fc.array(demand, { maxLength: 4 }), (selector: LabelSelector) => {
      expect(parseLabelSelector(formatLabelSelector(selector))).toEqual({ kind: 'selector', selector });
    }),
  );
});
