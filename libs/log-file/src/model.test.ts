import type { Entry, HardState } from '@env-cli/raft';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import type { LogFile } from './log-file.ts';

import { append, entries, index, readAll, reset, shown, TemporaryLog, vote } from './testing/temporary-log.ts';

/** What a log is, without files: the entries behind `previous`, term and vote. */
interface Model {
  previous: number;
  previousTerm: number;
  entries: Entry[];
  hardState: HardState;
  released: number;
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.nat(5), bytes: fc.nat(6000), wait: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('replace' as const),
      back: fc.integer({ min: 1, max: 6 }),
      count: fc.nat(4),
      bytes: fc.nat(3000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('vote' as const), votedFor: fc.option(fc.integer({ min: 1, max: 5 })) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), back: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const), ahead: fc.integer({ min: 1, max: 50 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);

test('after any writes, replacements, releases, resets and restarts the log holds what a list would', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      using temporary = new TemporaryLog();
      let log = await temporary.open();
      const model: Model = { previous: 0, previousTerm: 0, entries: [], hardState: vote(0, null), released: 0 };
      let term = 1;
      let waiting: Promise<void>[] = [];
      const last = () => model.previous + model.entries.length;
      const write = (texts: readonly Entry[], hardState: HardState | null = null): void => {
        const list = texts.map((one): Entry => (one.index % 4 === 0 ? { ...one, kind: 'configuration' } : one));
        const kept = (list[0]?.index ?? last() + 1) - model.previous - 1;
        model.entries = [...model.entries.slice(0, kept), ...list];
        model.hardState = hardState ?? model.hardState;
        waiting.push(append(log, list, hardState));
      };
      for (const one of steps) {
        switch (one.kind) {
          case 'append':
            write(entries(last() + 1, last() + one.count, term, one.bytes));
            if (one.wait) await Promise.all(waiting);
            break;
          case 'replace': {
            const from = Math.max(last() + 1 - one.back, model.released + 1, model.previous + 1);
            term++;
            write(entries(from, from + one.count, term, one.bytes), vote(term, null));
            break;
          }
          case 'vote':
            write([], vote(++term, one.votedFor));
            break;
          case 'release':
            await Promise.all(waiting);
            model.released = Math.max(model.released, last() - one.back);
            log.release(index(model.released));
            break;
          case 'reset':
            model.previous = last() + one.ahead;
            model.previousTerm = term;
            model.entries = [];
            model.released = model.previous;
            waiting.push(reset(log, model.previous, term));
            break;
          case 'reopen': {
            await Promise.all(waiting);
            waiting = [];
            await log.close();
            log = await temporary.open({ createIfEmpty: false });
            expectContents(log, model);
            break;
          }
        }
      }
      await Promise.all(waiting);
      const from = Math.max(model.released, model.previous) + 1;
      expect(await readAll(log, from)).toEqual(shown(model.entries.filter((entry) => entry.index >= from)));
      await log.close();
      expect(temporary.failures).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

function expectContents(log: LogFile, model: Model): void {
  const { previous, lastIndex, hardState, termRuns, configurations } = log.contents;
  expect({ lastIndex, hardState }).toEqual({ lastIndex: model.previous + model.entries.length, hardState: model.hardState });
  // It may hold more than it must, in whole segments, but not less.
  expect(previous.index).toBeLessThanOrEqual(Math.max(model.released, model.previous));
  const before = model.entries.find((entry) => entry.index === previous.index);
  expect(previous.term).toBe(before?.term ?? model.previousTerm);
  const held = model.entries.filter((entry) => entry.index > previous.index);
  expect(termRuns).toEqual(runsOf(held));
  expect(configurations).toEqual(held.filter(({ kind }) => kind === 'configuration').map((entry) => entry.index));
}

function runsOf(list: readonly Entry[]): { firstIndex: number; term: number }[] {
  const runs: { firstIndex: number; term: number }[] = [];
  for (const { index: firstIndex, term } of list) if (runs.at(-1)?.term !== term) runs.push({ firstIndex, term });
  return runs;
}
