import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { positionOf } from '@env-cli/environments';

import { eventually, Members, need, setting, soon } from './testing/members.ts';

let members: Members;
// Slower than the other tests' members: the machine may be busy, and a change of leader is not what this is about.
const changes = { logTailEntriesMax: 10, tickMs: 100 };

beforeAll(async () => {
  members = await Members.create(3);
  await Promise.all([1, 2, 3].map((memberId) => members.start(memberId, changes)));
});

afterAll(() => members.close());

test('a member that was away for longer than the log reaches back gets the whole state, while writes go on', async () => {
  const { memberId } = (await members.follower()).identity;
  await members.stop(memberId);
  const leader = await members.leader();
  for (let write = 1; write <= 40; write++) await leader.propose(setting(`e/${write}`, 'V', String(write)), soon());
  // The log lets go of what a checkpoint covers.
  await eventually(() => (leader.view().firstLogIndex > 30 ? true : null));

  const back = await members.start(memberId, changes);
  let replaced = 0;
  back.onStateReplaced(() => replaced++);
  const writing = leader.propose(setting('e/41', 'V', '41'), soon());
  const strong = { ...need('strong'), deadline: soon(20_000) };
  await writing;
  expect(await back.read(strong, (tables) => positionOf(tables).revision)).toBe(41);
  expect(replaced).toBe(1);
  expect(members.logs.some((line) => line.startsWith(`${memberId} info: a snapshot of member`))).toBe(true);
  await eventually(() => (back.view().firstLogIndex > 30 ? true : null));
  const sent = await Promise.all(members.running.map(async (member) => (await member.metrics())['snapshot_sent_bytes_total']!));
  const received = (await back.metrics())['snapshot_received_bytes_total'];
  expect(received).toBeGreaterThan(1_000);
  expect(sent).toContain(received);

  // It takes part as before: writes, and a start on what it was given.
  expect((await back.propose(setting('e/42', 'V', '42'), soon())).result).toMatchObject({ kind: 'applied', revision: 42 });
  await members.stop(memberId);
  const again = await members.start(memberId, changes);
  expect(await again.read(need('strong'), (tables) => positionOf(tables).revision)).toBe(42);
});
