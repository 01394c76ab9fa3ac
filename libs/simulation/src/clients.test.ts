import { describe, expect, test } from '@jest/globals';
import { type CommandResult, decodeCommand, encodeEntryData } from '@env-cli/environments';
import { type MemoryTables, readProgress, type Revision } from '@env-cli/keyspace';
import type { Entry, Index, MemberId, Term } from '@env-cli/raft';
import type { ProposalBatch } from '@env-cli/replica';

import { CertainlyLost } from './certainly-lost.ts';
import { Clients } from './clients.ts';
import { FreshReads } from './fresh-reads.ts';
import { History } from './history.ts';
import type { SimulatedMember } from './member.ts';
import { Random } from './random.ts';
import { ruleBrokenBy } from './testing/rule-broken.ts';
import { commandOf, TestState, written } from './testing/test-state.ts';
import { Timeline } from './timeline.ts';

/** As much of a member as clients look at. */
interface Asked {
  readonly id: MemberId;
  readonly alive: boolean;
  readonly running: boolean;
  readonly lives: number;
  readonly clockMs: number;
  readonly status: null;
  readonly appliedIndex: number;
  readonly tables: MemoryTables;
  propose(batch: ProposalBatch): void;
  read(id: number): void;
}

/** How the members of a scene are wrong. */
interface Wrong {
  /** What the first says instead of the result of a write, once some have been answered. */
  readonly result?: (result: CommandResult) => CommandResult;
  /** There is a second one, which has applied nothing: it says that it has applied all, or grants strong reads at once. */
  readonly second?: 'claims all' | 'grants reads';
}

const writesBefore = 3;

/** Clients who ask a member that applies what it is asked; the rule that it breaks, null when none within a while. */
function ruleBrokenByMember({ result: told = (result) => result, second }: Wrong): string | null {
  const timeline = new Timeline();
  const clients = new Clients(timeline, new Random(1), {
    clients: 1,
    windowMax: 1,
    environments: 1,
    patienceMs: 100,
    thinkMsMax: 10,
    readProbability: 1,
  });
  const answers = clients.answersOf(1 as MemberId);
  const state = new TestState(1);
  let writes = 0;
  const right: Asked = {
    id: 1 as MemberId,
    alive: true,
    running: true,
    lives: 1,
    clockMs: 0,
    status: null,
    get appliedIndex() {
      return state.index;
    },
    tables: state.tables,
    propose: ({ counters, bytes }) => {
      timeline.after(1, 'turn', () => {
        const [counter = 0] = counters;
        const applied = state.applyEncoded(bytes);
        const result = decodeCommand(bytes).body.kind === 'write' && ++writes > writesBefore ? told(applied) : applied;
        const [index, term] = [state.index as Index, 1 as Term];
        const { revision } = readProgress(state.tables);
        answers.applied({ index, term, revision, results: [{ counter, index, result }], hashes: null });
      });
    },
    read: (id) => answers.readReady(id, state.index as Index),
  };
  const behind: Asked = {
    ...right,
    id: 2 as MemberId,
    get appliedIndex() {
      return second === 'claims all' ? state.index : 1;
    },
    tables: state.tables.clone(),
    propose: () => undefined,
    read: (id) => {
      if (second === 'grants reads') clients.answersOf(2 as MemberId).readReady(id, 1 as Index);
    },
  };
  return ruleBrokenBy(() => {
    clients.start((second === undefined ? [right] : [right, behind]) as unknown as SimulatedMember[]);
    while (timeline.nowMs < 2_000) timeline.step();
    expect(clients.counts.acknowledged).toBeGreaterThan(writesBefore);
    expect(clients.counts.reads).toBeGreaterThan(0);
  });
}

const revised = (by: number) => (result: CommandResult) =>
  result.kind === 'applied' ? { ...result, revision: (result.revision + by) as Revision } : result;

describe('what a member may not tell its clients', () => {
  test('one that is right breaks no rule', () => {
    expect(ruleBrokenByMember({})).toBeNull();
  });

  const cases: readonly (readonly [rule: string, why: string, wrong: Wrong])[] = [
    ['what is begun later has a higher revision', 'a write is told one that was known before', { result: revised(-1) }],
    ['what is acknowledged is not lost', 'a write is told another one than it has', { result: revised(1) }],
    [
      'a write of a session happens once',
      'a write is said to change nothing',
      { result: () => ({ kind: 'unchanged', revision: 99 as Revision }) },
    ],
    ['a client sees what it has seen', 'a member has applied what it does not show', { second: 'claims all' }],
    ['a strong read is never stale', 'a member grants one before it has applied what is known', { second: 'grants reads' }],
  ];
  test.each(cases)('%s: %s', (rule, _why, wrong) => {
    expect(ruleBrokenByMember(wrong)).toBe(rule);
  });
});

/** A history of what one state shows. */
function seen({ tables }: TestState): History {
  const history = new History();
  history.see(tables, readProgress(tables).revision);
  return history;
}

/** A member that shows a state. */
const showing = ({ tables, index }: TestState): SimulatedMember =>
  ({ id: 1, clockMs: 5, tables, appliedIndex: index }) as unknown as SimulatedMember;

describe('what a state may not show beside what is known', () => {
  test('a read shows the last write', () => {
    const history = seen(written('x', 'y'));
    for (const right of [written(), written('x'), written('x', 'y')])
      expect(ruleBrokenBy(() => history.checkState('a member', right.tables))).toBeNull();
    for (const wrong of [written('y'), written('y', 'x')])
      expect(ruleBrokenBy(() => history.checkState('a member', wrong.tables))).toBe('a read shows the last write');
  });

  test('a write of a session happens once', () => {
    expect(ruleBrokenBy(() => seen(written('x', 'y', 'x')))).toBe('a write of a session happens once');
  });

  test('a read is not staler than it says', () => {
    const reads = new FreshReads();
    reads.asked(1, showing(written()), 2);
    expect(reads.read(showing(written()))).toBe(false);
    reads.answered(1, 2 as Index);
    expect(reads.read(showing(written('x', 'y')))).toBe(true);
    expect(ruleBrokenBy(() => reads.read(showing(written('x'))))).toBe('a read is not staler than it says');
  });
});

/** An entry with the command of this counter. */
const holding = (counter: number): Entry => ({
  index: 2 as Index,
  term: 1 as Term,
  kind: 'command',
  data: encodeEntryData({ stampMs: 0, deltaMs: 0, commands: [commandOf({ kind: 'mark-hashes' }, counter)] }),
});

describe('what is said to be lost is never applied', () => {
  const orders: readonly (readonly [why: string, play: (lost: CertainlyLost) => void])[] = [
    [
      'it is committed later',
      (lost) => {
        lost.told(7, 'no-leader');
        lost.committed([holding(7)]);
      },
    ],
    [
      'it was committed before',
      (lost) => {
        lost.committed([holding(7)]);
        lost.told(7, 'no-leader');
      },
    ],
  ];
  test.each(orders)('%s', (_why, play) => {
    expect(ruleBrokenBy(() => play(new CertainlyLost()))).toBe('what is said to be lost is never applied');
  });

  test('another one is committed', () => {
    const lost = new CertainlyLost();
    lost.told(8, 'no-leader');
    expect(ruleBrokenBy(() => lost.committed([holding(7)]))).toBeNull();
  });
});
