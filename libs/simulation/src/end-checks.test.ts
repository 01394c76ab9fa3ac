import { describe, expect, test } from '@jest/globals';

import type { ClientWrite } from './clients.ts';
import { checkAlarms, checkEqual, checkRoster, checkWrites } from './end-checks.ts';
import { ruleBrokenBy } from './testing/rule-broken.ts';
import { TestState, written } from './testing/test-state.ts';

const three = [{ id: 1 }, { id: 2 }, { id: 3 }];

const writeOf = (value: string, revision: number | null): ClientWrite => ({
  session: 's',
  sequence: 1,
  environments: ['e0'],
  floorRevision: 0,
  value,
  revision,
});

/** A state in which members report these hashes of one entry, each made of one byte. */
function reported(...bytes: readonly number[]): TestState {
  const state = new TestState(3);
  state.apply({ kind: 'mark-hashes' });
  const { index } = state;
  for (const [at, byte] of bytes.entries())
    state.apply({ kind: 'report-hashes', index, member: at + 1, hashes: new Uint8Array(56).fill(byte) });
  return state;
}

const equal = (...states: readonly TestState[]): void => checkEqual(states.map(({ tables }, at) => ({ id: at + 1, tables })));

describe('what a state may not show when the faults are over', () => {
  const cases: readonly (readonly [rule: string, why: string, right: () => void, wrong: () => void])[] = [
    ['members are equal', 'a row differs', () => equal(written('x'), written('x')), () => equal(written('x'), written('y'))],
    ['members are equal', 'a row is missing', () => equal(written(), written()), () => equal(written('x'), written())],
    [
      'members that are equal raise no alarm',
      'one of three reports another state',
      () => void checkAlarms(reported(1, 1, 1).tables),
      () => void checkAlarms(reported(1, 2, 1).tables),
    ],
    [
      'the state names those who take part',
      'it names one that does not',
      () => checkRoster(new TestState(3).tables, three, 3),
      () => checkRoster(new TestState(4).tables, three, 4),
    ],
    [
      'the state names those who take part',
      'it would give a number twice',
      () => checkRoster(new TestState(3).tables, three, 3),
      () => checkRoster(new TestState(3).tables, three, 4),
    ],
    [
      'a write of a session happens once',
      'the change log has it twice',
      () => checkWrites(written('x', 'y').tables, []),
      () => checkWrites(written('x', 'y', 'x').tables, []),
    ],
    [
      'what is acknowledged is not lost',
      'the change log lacks it',
      () => checkWrites(written('x').tables, [writeOf('y', null)]),
      () => checkWrites(written('x').tables, [writeOf('y', 1)]),
    ],
    [
      'what is acknowledged is not lost',
      'it is at another revision',
      () => checkWrites(written('x').tables, [writeOf('x', 1)]),
      () => checkWrites(written('x').tables, [writeOf('x', 2)]),
    ],
  ];
  test.each(cases)('%s: %s', (rule, _why, right, wrong) => {
    expect(ruleBrokenBy(right)).toBeNull();
    expect(ruleBrokenBy(wrong)).toBe(rule);
  });
});
