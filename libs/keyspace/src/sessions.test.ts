import { describe, expect, test } from '@jest/globals';

import { MemoryTables } from './memory-tables.ts';
import { beginOn } from './testing/edits.ts';
import type { Revision } from './revision.ts';
import type { Sessions } from './sessions.ts';

const limits = { sessionsMax: 3, sessionResultsMax: 4, sessionTtlMs: 1000 };
const id = (number: number): Uint8Array => new Uint8Array(16).fill(number);
const use = (sessions: Sessions, sequence: number, firstIncomplete = 1, principal = 'alice') =>
  sessions.use({ session: id(1), sequence, firstIncomplete }, principal, limits);

function opened() {
  const transaction = beginOn(new MemoryTables());
  transaction.sessions.open(id(1), 'alice', limits);
  return transaction;
}

/** Executes a command of the session, as apply does. */
function execute(sessions: Sessions, sequence: number, firstIncomplete = 1): void {
  const verdict = use(sessions, sequence, firstIncomplete);
  if (verdict.kind !== 'fresh') throw new Error(`sequence ${sequence} is ${verdict.kind}`);
  verdict.record({ code: 0, revision: (sequence * 10) as Revision });
}

describe('a command of a session is executed once', () => {
  test('a sequence that was answered is answered again, in any order', () => {
    const { sessions } = opened();
    for (const sequence of [3, 1, 2]) execute(sessions, sequence);
    expect(use(sessions, 1)).toEqual({ kind: 'replay', result: { code: 0, revision: 10 } });
    expect(use(sessions, 3)).toEqual({ kind: 'replay', result: { code: 0, revision: 30 } });
  });

  test('a sequence below the first incomplete one is refused, for its answer is forgotten', () => {
    const { sessions } = opened();
    execute(sessions, 1);
    execute(sessions, 5, 4);
    expect(use(sessions, 1)).toEqual({ kind: 'forgotten', firstIncomplete: 4 });
    // A late message with an older first incomplete one takes nothing back.
    expect(use(sessions, 3, 2)).toEqual({ kind: 'forgotten', firstIncomplete: 4 });
    expect(use(sessions, 4, 2).kind).toBe('fresh');
  });

  test('a session that keeps as many answers as it may takes no more, until the client moves on', () => {
    const { sessions } = opened();
    for (const sequence of [1, 2, 3, 4]) execute(sessions, sequence);
    expect(use(sessions, 5)).toEqual({ kind: 'full' });
    expect(use(sessions, 5, 3).kind).toBe('fresh');
  });

  test.each([
    ['never opened', id(9), 'alice'],
    ["somebody else's", id(1), 'mallory'],
  ])('a session that is %s is refused', (_why, session, principal) => {
    const { sessions } = opened();
    expect(sessions.use({ session, sequence: 1, firstIncomplete: 1 }, principal, limits)).toEqual({ kind: 'unknown' });
  });
});

describe('a session ends', () => {
  test('when it is closed', () => {
    const { sessions } = opened();
    expect(sessions.close(id(1), 'mallory', limits)).toBe(false);
    expect(sessions.close(id(1), 'alice', limits)).toBe(true);
    expect(use(sessions, 1).kind).toBe('unknown');
  });

  test('when it was not used for its time, whether or not the sweep came by', () => {
    const { sessions, progress } = opened();
    progress.clusterTimeMs = 1000;
    expect(use(sessions, 1).kind).toBe('fresh');
    progress.clusterTimeMs = 2001;
    expect(use(sessions, 2).kind).toBe('unknown');
    expect(progress.sessionCount).toBe(0);
  });

  test('not while it is kept', () => {
    const { sessions, progress } = opened();
    progress.clusterTimeMs = 900;
    expect(sessions.keep(id(1), 'alice', limits)).toBe(true);
    progress.clusterTimeMs = 1800;
    expect(use(sessions, 1).kind).toBe('fresh');
  });

  test('by the sweep, which looks at a few at a time and in the end at all', () => {
    const tables = new MemoryTables();
    const transaction = beginOn(tables);
    const { sessions, progress } = transaction;
    const many = { ...limits, sessionsMax: 100 };
    for (let i = 0; i < 50; i++) sessions.open(id(i), 'alice', many);
    progress.clusterTimeMs = 5000;
    sessions.keep(id(7), 'alice', many);
    sessions.open(id(60), 'alice', many);
    let sweeps = 0;
    for (; tables.size('sessions') > 1; sweeps++) {
      expect(sessions.sweep(16, many)).toBeLessThanOrEqual(16);
      progress.clusterTimeMs += 100;
    }
    expect(sweeps).toBeGreaterThan(5);
    expect(tables.get('sessions', id(60))).toBeDefined();
    expect(progress.sessionCount).toBe(1);
  });
});

test('opening it again is no second session; too many are refused', () => {
  const { sessions } = opened();
  expect(sessions.open(id(1), 'alice', limits)).toBe('open');
  expect(sessions.open(id(1), 'mallory', limits)).toBe('taken');
  sessions.open(id(2), 'alice', limits);
  sessions.open(id(3), 'alice', limits);
  expect(sessions.open(id(4), 'alice', limits)).toBe('too-many');
});
