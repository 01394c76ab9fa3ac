import { expect, test } from '@jest/globals';

import { CatchUp } from './catch-up.ts';
import { index } from './testing/test-member.ts';

const limits = { electionTicks: 5, promotionTicks: 3 };

/** A learner that answers in each tick, unless it is told otherwise. */
class Learner {
  readonly #catchUp: CatchUp;
  matchIndex = 0;
  #answeredRound = 0;

  constructor(lastIndex: number) {
    this.#catchUp = new CatchUp(index(lastIndex), limits);
  }

  tick(lastIndex: number, answers = true): boolean {
    if (answers) this.#answeredRound++;
    return this.#catchUp.tick({ matchIndex: index(this.matchIndex), answeredRound: this.#answeredRound }, index(lastIndex));
  }
}

test('a learner is ripe when it has kept up, and answered, for the set number of ticks', () => {
  const learner = new Learner(100);
  expect([learner.tick(100), learner.tick(100)]).toEqual([false, false]);
  learner.matchIndex = 100;
  expect([learner.tick(100), learner.tick(100), learner.tick(100)]).toEqual([false, false, true]);
});

test('it keeps up though the log grows, while a round takes less than an election timeout (thesis §4.2.1)', () => {
  const learner = new Learner(100);
  const ripe = [];
  for (let last = 100; last < 108; last++) {
    learner.matchIndex = last - 3;
    ripe.push(learner.tick(last));
  }
  // The end of the first round, 100, is reached by the fourth tick.
  expect(ripe).toEqual([false, false, false, false, false, true, true, true]);
});

test('a round that takes longer than an election timeout begins the count anew', () => {
  const learner = new Learner(0);
  expect([learner.tick(100), learner.tick(100)]).toEqual([false, false]);
  // 100 is the end of the round, and it does not come.
  expect(Array.from({ length: 10 }, () => learner.tick(100)).slice(4)).toEqual([false, false, false, false, false, false]);
  learner.matchIndex = 100;
  // That round was too long; the next one is not.
  expect([learner.tick(100), learner.tick(100), learner.tick(100), learner.tick(100)]).toEqual([false, false, false, true]);
});

test('entries that it took are an answer as good as any', () => {
  const catchUp = new CatchUp(index(1), limits);
  const ripe = [];
  for (let at = 1; at < 10; at++) ripe.push(catchUp.tick({ matchIndex: index(at), answeredRound: 0 }, index(at + 1)));
  expect(ripe.slice(4)).toEqual([true, true, true, true, true]);
});

test('a learner that does not answer for an election timeout begins anew, though its log is complete', () => {
  const learner = new Learner(0);
  expect([learner.tick(0), learner.tick(0), learner.tick(0)]).toEqual([false, false, true]);
  expect(Array.from({ length: 6 }, () => learner.tick(0, false))).toEqual([true, true, true, true, false, false]);
  expect([learner.tick(0), learner.tick(0), learner.tick(0)]).toEqual([false, false, true]);
});
