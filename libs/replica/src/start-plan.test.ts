import { expect, test } from '@jest/globals';
import type { Index, Term } from '@env-cli/raft';

import type { LogContents } from './ports.ts';
import { planStart } from './start-plan.ts';

/** Entries 11 … 20: 11 … 15 of term 2, 16 … 20 of term 4; compacted before, heard of term 5. */
const log = {
  hardState: { term: 5, votedFor: 3 },
  previous: { index: 10, term: 2 },
  lastIndex: 20,
  termRuns: [
    { firstIndex: 11, term: 2 },
    { firstIndex: 16, term: 4 },
  ],
  configurations: [12, 18],
} as unknown as LogContents;
const configuration = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], learnersJoining: [] };

test.each([
  // why                                                     applied  of term  plan
  ['the state stands at the start of the log', 10, 2, 'start'],
  ['the state stands within the log', 17, 4, 'start'],
  ['the state stands at the end of the log', 20, 4, 'start'],
  ['an older disk: what lies between was let go of', 9, 2, 'refused'],
  ['a state that is ahead: a snapshot was installed, the log not yet reset', 25, 5, 'reset-log'],
  ['a state of another history: the same, and the log holds what the snapshot overtook', 17, 5, 'reset-log'],
  ['a state of a term that the log never heard of: another log', 25, 6, 'refused'],
] as const)('%s', (_why, appliedIndex, appliedTerm, kind) => {
  const plan = planStart(log, { appliedIndex, appliedTerm, configuration, configurationIndex: 0 });
  expect(plan.kind).toBe(kind);
  if (plan.kind !== 'reset-log') return;
  // The vote is kept, and the log begins behind the state.
  expect(plan.initial.log).toEqual({
    hardState: log.hardState,
    previous: { index: appliedIndex as Index, term: appliedTerm as Term },
    lastIndex: appliedIndex,
    termRuns: [],
    configurations: [],
  });
});
