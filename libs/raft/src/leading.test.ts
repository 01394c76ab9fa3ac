import { describe, expect, test } from '@jest/globals';

import { acceptAll, accepted, append, candidate, heartbeat, leader } from './testing/messages.ts';
import { A, B, C, configurationOf, entry, TestMember } from './testing/test-member.ts';

const outcome = (member: TestMember) =>
  [...member.takeEffects('proposed'), ...member.takeEffects('proposal-refused')].map((effect) =>
    effect.kind === 'proposed' ? [effect.id, effect.index] : [effect.id, effect.refusal.code],
  );

test('a reign begins with an empty entry of its term (raft.pdf §8)', () => {
  const member = leader({ log: [1, 1, 2] });
  expect(member.disk.entries.at(-1)).toEqual(entry(4, 3));
});

describe('a proposal is taken by whoever leads, and refused with the leader by whoever follows', () => {
  const cases = [
    ['a leader', () => leader(), [7, 2]],
    ['a follower', () => followerOf(B), [7, 'not-leader']],
    ['a candidate', () => candidate(), [7, 'no-leader']],
    ['one that has heard nobody', () => new TestMember(), [7, 'no-leader']],
  ] as const;
  test.each(cases)('%s', (_who, create, expected) => {
    const member = create();
    const before = member.logTerms.length;
    member.propose('x=1', 7);
    expect(outcome(member)).toEqual([expected]);
    expect(member.logTerms.length - before).toBe(typeof expected[1] === 'number' ? 1 : 0);
  });
});

function followerOf(id: typeof B): TestMember {
  const member = new TestMember();
  member.receive(id, heartbeat(1));
  return member;
}

describe('a leader bounds what it answers for in memory, and says so', () => {
  const limits = { entryBytesMax: 100, uncommittedBytesMax: 300 };

  test('a proposal that is too large is refused by its size', () => {
    const member = leader(limits);
    member.propose('x'.repeat(101), 7);
    expect(member.takeEffects('proposal-refused')).toEqual([
      { kind: 'proposal-refused', id: 7, refusal: { code: 'too-large', sizeBytes: 101, limitBytes: 100 } },
    ]);
  });

  test('so is one too many, until a quorum has those before', () => {
    const member = leader(limits);
    acceptAll(member, B);
    for (let id = 1; id <= 4; id++) member.propose('x'.repeat(36), id);
    expect(outcome(member)).toEqual([
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 'too-many-uncommitted-bytes'],
    ]);
    expect(member.status.uncommittedBytes).toBe(300);
    member.receive(B, accepted(1, 3));
    expect(member.status.uncommittedBytes).toBe(100);
    member.propose('x', 5);
    expect(outcome(member)).toEqual([[5, 5]]);
  });

  test('and until its own disk has: what only the others have on theirs is kept in memory here', () => {
    const member = leader(limits);
    acceptAll(member, B, C);
    member.holdDisk = true;
    for (let id = 1; id <= 3; id++) member.propose('x'.repeat(36), id);
    acceptAll(member, B, C);
    expect(member.status).toMatchObject({ commitIndex: 4, uncommittedBytes: 300 });
    member.propose('x', 4);
    member.flush();
    member.propose('x', 5);
    expect(outcome(member)).toEqual([
      [1, 2],
      [2, 3],
      [3, 4],
      [5, 5],
      [4, 'too-many-uncommitted-bytes'],
    ]);
  });

  test('one is always let in, whatever its size', () => {
    const member = leader({ uncommittedBytesMax: 1 });
    member.propose('x'.repeat(1000), 1);
    expect(outcome(member)).toEqual([[1, 2]]);
  });
});

describe('proposals of a reign that ends are lost: their outcome is unknown, not refused', () => {
  const endings = [
    ['a later term', (member: TestMember) => member.receive(B, heartbeat(9))],
    ['no quorum', (member: TestMember) => member.tick(20)],
    ['its own will', (member: TestMember) => member.step({ kind: 'step-down' })],
  ] as const;
  test.each(endings)('by %s', (_why, end) => {
    const member = leader();
    acceptAll(member, B);
    for (const id of [11, 12, 13]) member.propose('x', id);
    // The first is committed: it will be applied here, though not while the own disk has not got it.
    member.holdDisk = true;
    member.receive(B, accepted(1, 2));
    end(member);
    expect(member.status.role).toBe('follower');
    expect(member.takeEffects('proposals-lost')).toEqual([{ kind: 'proposals-lost', ids: [12, 13] }]);
  });

  test('a later leader may commit them yet', () => {
    const member = leader();
    member.propose('x=1', 11);
    member.receive(B, append(2, [2, 1], [2], 3));
    expect(member.takeEffects('proposals-lost')).toEqual([{ kind: 'proposals-lost', ids: [11] }]);
    expect(member.appliedTexts).toEqual(['x=1']);
  });

  test('a reign without any loses none', () => {
    const member = leader({ configuration: configurationOf([A, B, C]) });
    member.receive(B, heartbeat(2));
    expect(member.takeEffects('proposals-lost')).toEqual([]);
  });
});
