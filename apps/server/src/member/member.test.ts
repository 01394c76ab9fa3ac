import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { positionOf } from '@env-cli/environments';

import { Members, need, setting, soon } from './testing/members.ts';

let members: Members;

beforeAll(async () => {
  members = await Members.create(3);
  await members.startAll();
});

afterAll(() => members.close());

describe('three members', () => {
  test('write on any of them, and read at every level on any of them', async () => {
    const leader = await members.leader();
    const follower = await members.follower();
    const first = await leader.propose(setting('a/b', 'ONE', '1'), soon());
    expect(first.result).toMatchObject({ kind: 'applied', revision: 1 });
    const second = await follower.propose(setting('a/b', 'TWO', '2'), soon());
    expect(second.result).toMatchObject({ kind: 'applied', revision: 2 });
    for (const member of members.running) {
      const revision = await member.read(need('strong'), (tables) => positionOf(tables).revision);
      expect(revision).toBe(2);
      const token = await member.read(need('any', second.appliedIndex), (tables) => positionOf(tables).appliedIndex);
      expect(token).toBeGreaterThanOrEqual(second.appliedIndex);
      const fresh = { freshness: { kind: 'fresh-within', maxLagMs: 1_000 }, appliedIndex: 0, deadline: soon() } as const;
      expect(await member.read(fresh, (tables) => positionOf(tables).revision)).toBe(2);
    }
  });
});
