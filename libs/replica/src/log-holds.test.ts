import { expect, test } from '@jest/globals';
import type { FollowerStatus, Index, MemberId, Term } from '@env-cli/raft';

import { LogHolds } from './log-holds.ts';

const [to, term] = [2 as MemberId, 5 as Term];

/** What a leader knows whose log ends with `lastIndex`, and of whose follower it knows that it has `matchIndex`. */
function leading(lastIndex: number, matchIndex: number, changes: { readonly role?: 'follower'; readonly term?: Term } = {}) {
  const followers = [{ id: to, matchIndex } as FollowerStatus];
  return { role: 'leader' as const, term, lastIndex: lastIndex as Index, followers, ...changes };
}

function holding(): LogHolds {
  const holds = new LogHolds();
  holds.begun(to, term, 100 as Index);
  return holds;
}

test('the log behind a snapshot stays while that is on its way, whoever leads by then', () => {
  const holds = holding();
  expect(holds.letGoTo(90, leading(500, 0), 0)).toBe(90);
  expect(holds.letGoTo(400, leading(500, 0), 0)).toBe(100);
  expect(holds.letGoTo(400, leading(500, 0, { role: 'follower' }), 1e9)).toBe(100);
});

test('it stays for its receiver, as far as that has not come, until what is kept for everybody is enough', () => {
  const holds = holding();
  holds.arrived(to, term, 0);
  // It has the snapshot, and has not said so yet.
  expect(holds.letGoTo(400, leading(500, 0), 0)).toBe(100);
  expect(holds.letGoTo(450, leading(550, 300), 1)).toBe(300);
  expect(holds.letGoTo(460, leading(560, 460), 2)).toBe(460);
  expect(holds.letGoTo(900, leading(1_000, 460), 3)).toBe(900);
});

test('it stays for as long as the receiver comes nearer to its end, and a minute', () => {
  const holds = holding();
  holds.arrived(to, term, 0);
  expect(holds.letGoTo(400, leading(500, 100), 0)).toBe(100);
  expect(holds.letGoTo(450, leading(550, 151), 59_999)).toBe(151);
  // It goes on, no faster than the log does.
  expect(holds.letGoTo(550, leading(650, 251), 119_999)).toBe(251);
  expect(holds.letGoTo(551, leading(651, 252), 120_000)).toBe(551);
});

test.each([
  ['the reign ended', leading(500, 0, { role: 'follower' })],
  ['another one began', leading(500, 0, { term: 7 as Term })],
  ['the receiver is no member any more', { ...leading(500, 0), followers: [] }],
])('once the snapshot has arrived it goes when %s', (_why, status) => {
  const holds = holding();
  holds.arrived(to, term, 0);
  expect(holds.letGoTo(400, status, 0)).toBe(400);
});

test('it goes when the snapshot did not get there; of one of another reign nothing follows', () => {
  const holds = holding();
  holds.failed(to, 4 as Term);
  holds.arrived(to, 4 as Term, 0);
  expect(holds.letGoTo(400, leading(500, 300), 0)).toBe(100);
  holds.failed(to, term);
  expect(holds.letGoTo(400, leading(500, 300), 0)).toBe(400);
});
