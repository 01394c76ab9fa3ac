import { describe, expect, test } from '@jest/globals';

import { Progress } from './progress.ts';
import { B, index } from './testing/test-member.ts';

function progressOf(state: Progress['state'], match: number, next: number): Progress {
  const progress = new Progress(B, index(next), { inflightMessagesMax: 8, inflightBytesMax: 1000 });
  progress.matchIndex = index(match);
  progress.state = state;
  return progress;
}

describe('match only rises, and next stays above it', () => {
  const cases = [
    // why                                match  next  accepted  news    match after  next after
    ['an old acknowledgement', 5, 9, 4, false, 5, 9],
    ['the same again', 5, 9, 5, false, 5, 9],
    ['what was sent ahead', 5, 9, 7, true, 7, 9],
    ['more than was sent since', 5, 9, 12, true, 12, 13],
  ] as const;
  test.each(cases)('%s', (_why, match, next, accepted, news, matchAfter, nextAfter) => {
    const progress = progressOf('replicate', match, next);
    expect(progress.accepted(index(accepted))).toBe(news);
    expect([progress.matchIndex, progress.nextIndex]).toEqual([matchAfter, nextAfter]);
  });
});

describe('a refusal moves next back, unless it came late', () => {
  const cases = [
    // why                                               state        match next  refused hint  news   state      next
    ['replicating: the place was accepted since', 'replicate', 5, 10, 5, 5, false, 'replicate', 10],
    ['replicating: what was sent ahead got lost', 'replicate', 5, 10, 9, 9, true, 'probe', 6],
    ['probing: not what was asked last', 'probe', 0, 10, 5, 5, false, 'probe', 10],
    ['probing: one back', 'probe', 0, 10, 9, 9, true, 'probe', 9],
    ['probing: back to the hint', 'probe', 0, 10, 9, 2, true, 'probe', 3],
    ['probing: never to or below match', 'probe', 5, 10, 9, 2, true, 'probe', 6],
    ['waiting for a snapshot: nothing was asked', 'snapshot', 0, 10, 9, 2, false, 'snapshot', 10],
  ] as const;
  test.each(cases)('%s', (_why, state, match, next, refused, hint, news, stateAfter, nextAfter) => {
    const progress = progressOf(state, match, next);
    expect(progress.rejected(index(refused), index(hint))).toBe(news);
    expect([progress.state, progress.nextIndex]).toEqual([stateAfter, nextAfter]);
  });
});

test('changing the state empties the window', () => {
  const progress = progressOf('replicate', 5, 6);
  progress.inflights.add(index(6), 10);
  progress.becomeProbe();
  expect([progress.state, progress.nextIndex, progress.inflights.messages]).toEqual(['probe', 6, 0]);
  progress.becomeReplicate();
  progress.inflights.add(index(6), 10);
  progress.becomeSnapshot();
  expect([progress.state, progress.inflights.messages]).toEqual(['snapshot', 0]);
});
