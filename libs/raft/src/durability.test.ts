import { describe, expect, test } from '@jest/globals';

import {
  accepted,
  append,
  heartbeat,
  heartbeatReply,
  leader,
  preCandidate,
  preVoteReply,
  preVoteRequest,
  rejected,
  voteReply,
  voteRequest,
} from './testing/messages.ts';
import { A, B, C, configurationOf, TestMember } from './testing/test-member.ts';

/** A member whose last write is still on its way to the disk, and whose leader was not heard for an election timeout. */
function withSlowDisk(): TestMember {
  const member = new TestMember({ log: [1, 1], term: 1, random: () => 9 });
  member.holdDisk = true;
  member.receive(C, append(1, [2, 1], [1]));
  member.tick(10);
  return member;
}

describe('a promise leaves only when all that it implies is on disk, a refusal too (thesis §3.8)', () => {
  const cases = [
    ['a vote', voteRequest(2, [9, 1]), voteReply(2)],
    ['a refused vote', voteRequest(2, [1, 1]), voteReply(2, false)],
    ['a pre-vote', preVoteRequest(2, [9, 1]), preVoteReply(2)],
    ['a refused pre-vote', preVoteRequest(2, [1, 1]), preVoteReply(1, false)],
    ['accepted entries', append(1, [3, 1], [1]), accepted(1, 4)],
    ['accepted entries that are on their way to the disk already', append(1, [2, 1], [1]), accepted(1, 3)],
    ['refused entries', append(1, [8, 1], [1]), rejected(1, 8, [3, 1])],
    ['a stale term', append(0, [0, 0]), { kind: 'stale-term', term: 1 }],
  ] as const;
  test.each(cases)('%s', (_what, message, answer) => {
    const member = withSlowDisk();
    const from = message.kind === 'append' ? C : B;
    member.receive(from, message);
    expect(member.takeOutbox()).toEqual([]);
    member.flush(1);
    expect(member.takeOutbox()).toEqual([{ to: C, message: accepted(1, 3) }]);
    member.flush();
    expect(member.takeMessages(from)).toEqual([answer]);
  });

  test('not with the write of an earlier step, even when that had nothing to say', () => {
    const member = new TestMember({ term: 1 });
    member.holdDisk = true;
    member.receive(B, heartbeat(2));
    member.takeOutbox();
    member.receive(B, append(2, [0, 0], [2]));
    member.flush(1);
    expect(member.takeOutbox()).toEqual([]);
    member.flush();
    expect(member.takeMessages(B)).toEqual([accepted(2, 1)]);
  });

  test('at once, when nothing is on its way to the disk', () => {
    const member = new TestMember({ log: [1], term: 1 });
    expect(member.receive(B, append(1, [1, 1])).map((effect) => effect.kind)).toEqual(['send', 'role']);
  });
});

describe('term and vote are one write, and durable before anybody hears of them (raft.pdf §5.1, §5.2)', () => {
  test('a vote', () => {
    const member = new TestMember({ term: 1 });
    member.holdDisk = true;
    member.receive(B, voteRequest(2, [0, 0]));
    expect(member.writes).toEqual([
      {
        kind: 'store',
        sequence: 1,
        hardState: { term: 2, votedFor: B },
        entries: [],
        messages: [{ to: B, message: voteReply(2) }],
      },
    ]);
    expect(member.takeOutbox()).toEqual([]);
  });

  test('a candidacy: its own vote counts, and it asks for others, when that is on disk', () => {
    const member = preCandidate({ term: 1 });
    member.takeOutbox();
    member.holdDisk = true;
    member.receive(B, preVoteReply(2));
    expect(member.writes.map((write) => write.kind === 'store' && write.hardState)).toEqual([{ term: 2, votedFor: A }]);
    expect(member.takeOutbox()).toEqual([]);
    // A vote that comes before is not enough: with the own one it would be.
    member.receive(B, voteReply(2));
    expect(member.status.role).toBe('candidate');
    member.flush();
    expect(member.status.role).toBe('leader');
  });

  test('alone in its cluster, a member leads only after its vote is on disk', () => {
    const member = new TestMember({ configuration: configurationOf([A]) });
    member.holdDisk = true;
    member.tick(10);
    expect(member.status.role).toBe('candidate');
    member.flush(1);
    expect(member.status.role).toBe('leader');
  });

  test('the write of a candidacy that came to nothing does not count for the next', () => {
    const member = preCandidate({ term: 1, random: () => 0 });
    member.holdDisk = true;
    member.receive(B, preVoteReply(2));
    member.tick(10);
    member.receive(B, preVoteReply(3));
    expect(member.status).toMatchObject({ role: 'candidate', term: 3 });
    member.receive(B, voteReply(3));
    member.flush(1);
    expect(member.status.role).toBe('candidate');
    member.flush();
    expect(member.status.role).toBe('leader');
  });
});

describe('a leader sends before its own write returns, and counts itself only after it (thesis §10.2.1)', () => {
  test('with one follower of two the entry waits for the own disk', () => {
    const member = leader();
    member.receive(B, accepted(1, 1));
    member.takeOutbox();
    member.holdDisk = true;
    member.propose('x=1');
    expect(member.takeMessages(B)).toHaveLength(1);
    member.receive(B, accepted(1, 2));
    expect(member.status.commitIndex).toBe(1);
    member.flush();
    expect(member.status.commitIndex).toBe(2);
  });

  test('a quorum of others commits it, and it is applied here when it is flushed here', () => {
    const member = leader();
    member.receive(B, accepted(1, 1));
    member.holdDisk = true;
    member.propose('x=1');
    member.receive(B, accepted(1, 2));
    member.receive(C, accepted(1, 2));
    expect(member.status).toMatchObject({ commitIndex: 2, applyingIndex: 1 });
    member.flush();
    expect(member.appliedTexts).toEqual(['x=1']);
  });
});

test('a follower applies only what its own log has flushed, however far the leader has committed', () => {
  const member = new TestMember({ term: 1 });
  member.holdDisk = true;
  member.receive(B, append(1, [0, 0], [1], 1));
  member.receive(B, append(1, [1, 1], [1], 2));
  expect(member.status).toMatchObject({ commitIndex: 2, flushedIndex: 0, applyingIndex: 0 });
  member.flush(1);
  expect(member.status).toMatchObject({ flushedIndex: 1, applyingIndex: 1 });
  member.flush();
  expect(member.status.applyingIndex).toBe(2);
});

describe('heartbeats wait for no disk', () => {
  test('a follower answers at once, of a new term too', () => {
    const member = withSlowDisk();
    member.receive(B, heartbeat(2, 0, 7));
    expect(member.takeMessages(B)).toEqual([heartbeatReply(2, 7)]);
  });

  test('a leader sends them at once', () => {
    const member = leader();
    member.holdDisk = true;
    member.propose('x=1');
    member.takeOutbox();
    member.tick();
    expect(member.takeMessages().map((message) => message.kind)).toEqual(['heartbeat', 'heartbeat']);
  });
});
