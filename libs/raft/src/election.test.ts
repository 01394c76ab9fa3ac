import { describe, expect, test } from '@jest/globals';

import {
  append,
  candidate,
  heartbeat,
  heartbeatReply,
  leader,
  preCandidate,
  preVoteReply,
  preVoteRequest,
  voteReply,
  voteRequest,
} from './testing/messages.ts';
import { A, B, C, configurationOf, D, E, TestMember } from './testing/test-member.ts';

describe('a vote is never taken back within its term (canonical/raft#196)', () => {
  const cases = [
    ["a follower that hears of the term's leader", (member: TestMember) => member.receive(C, heartbeat(5)), B],
    ['a follower that stands again and comes to nothing', (member: TestMember) => member.tick(10), B],
  ] as const;
  test.each(cases)('%s', (_who, happen, votedFor) => {
    const member = new TestMember({ term: 4 });
    member.receive(votedFor, voteRequest(5, [0, 0]));
    member.takeOutbox();
    happen(member);
    member.takeOutbox();
    member.receive(C, voteRequest(5, [9, 9]));
    expect(member.takeMessages(C)).toEqual([voteReply(5, false)]);
    expect(member.disk.hardState).toEqual({ term: 5, votedFor });
  });

  test('a candidate that falls back', () => {
    const member = candidate({ term: 4 });
    member.receive(B, heartbeat(5));
    member.takeOutbox();
    member.receive(C, voteRequest(5, [9, 9]));
    expect(member.takeMessages(C)).toEqual([voteReply(5, false)]);
  });

  test('nor by a crash', () => {
    const member = new TestMember({ term: 4 });
    member.receive(B, voteRequest(5, [0, 0]));
    member.restart();
    member.receive(C, voteRequest(5, [9, 9]));
    expect(member.takeMessages(C)).toEqual([voteReply(5, false)]);
  });

  test("a later term's is free", () => {
    const member = new TestMember({ term: 4, votedFor: B });
    member.receive(C, voteRequest(5, [0, 0]));
    expect(member.disk.hardState).toEqual({ term: 5, votedFor: C });
  });
});

describe('an answer counts only for what was asked in this campaign', () => {
  const five = configurationOf([A, B, C, D, E]);

  test('a pre-vote is no vote', () => {
    const member = candidate({ configuration: five });
    for (const from of [B, C, D, E]) member.receive(from, preVoteReply(1));
    expect(member.status.role).toBe('candidate');
  });

  test('a vote is no pre-vote, and one of an earlier term none at all', () => {
    const member = candidate({ configuration: five });
    member.tick(10);
    for (const from of [B, C, D, E]) member.receive(from, voteReply(1));
    expect(member.status).toMatchObject({ role: 'pre-candidate', term: 1 });
    for (const from of [B, C]) member.receive(from, preVoteReply(2));
    for (const from of [B, C, D, E]) member.receive(from, voteReply(1));
    expect(member.status).toMatchObject({ role: 'candidate', term: 2 });
  });

  test('a pre-vote for another term is none', () => {
    const member = preCandidate({ configuration: five, term: 3 });
    for (const from of [B, C, D, E]) member.receive(from, preVoteReply(3));
    for (const from of [B, C, D, E]) member.receive(from, preVoteReply(5));
    expect(member.status).toMatchObject({ role: 'pre-candidate', term: 3 });
  });
});

describe('whoever hears a leader helps nobody against it (raft.pdf §6, thesis §4.2.3)', () => {
  const cases = [
    // who                                              asked                          answer                     term
    ["a follower ignores a later term's candidate", 'follower', voteRequest(9, [99, 9]), [], 1],
    ['a follower refuses a pre-vote', 'follower', preVoteRequest(9, [99, 9]), [preVoteReply(1, false)], 1],
    ["a leader ignores a later term's candidate", 'leader', voteRequest(9, [99, 9]), [], 1],
    ['a leader refuses a pre-vote', 'leader', preVoteRequest(9, [99, 9]), [preVoteReply(1, false)], 1],
  ] as const;
  test.each(cases)('%s', (_why, who, message, answers, ofTerm) => {
    const member = who === 'leader' ? leader() : new TestMember({ random: () => 9 });
    if (who === 'follower') {
      member.receive(B, heartbeat(1));
      member.tick(9);
    }
    member.takeOutbox();
    member.receive(C, message);
    expect(member.takeMessages(C)).toEqual(answers);
    expect(member.status.term).toBe(ofTerm);
  });

  test.each([voteRequest(9, [99, 9]), preVoteRequest(9, [99, 9])])(
    'and helps when the leader was silent for the shortest wait: $kind',
    (message) => {
      const member = new TestMember({ random: () => 9 });
      member.receive(B, heartbeat(1));
      member.tick(10);
      member.takeOutbox();
      member.receive(C, message);
      expect(member.takeMessages(C)).toEqual([expect.objectContaining({ term: 9, granted: true })]);
    },
  );
});

test('to be asked for a pre-vote, or to ask for one, moves no term', () => {
  const asked = new TestMember({ term: 3 });
  asked.receive(B, preVoteRequest(8, [0, 0]));
  const asking = preCandidate({ term: 3 });
  asking.tick(100);
  for (const member of [asked, asking]) {
    expect(member.status.term).toBe(3);
    expect(member.writes.concat(member.takeEffects('store'))).toEqual([]);
  }
});

test('a pre-vote goes only to a log that lacks nothing', () => {
  const member = new TestMember({ log: [1, 2, 2] });
  for (const last of [
    [2, 2],
    [9, 1],
    [3, 2],
  ] as const)
    member.receive(B, preVoteRequest(3, last));
  expect(member.takeMessages(B)).toEqual([preVoteReply(2, false), preVoteReply(2, false), preVoteReply(3)]);
});

test('a refusal of a later term is followed into it', () => {
  const member = preCandidate({ term: 3 });
  member.receive(B, preVoteReply(7, false));
  expect(member.status).toMatchObject({ role: 'follower', term: 7 });
});

describe('a leader that no quorum answers for an election timeout steps down (thesis §6.2)', () => {
  const five = configurationOf([A, B, C, D, E]);
  const cases = [
    ['two of four followers answer: a quorum with the leader', [B, C], 'leader'],
    ['one does', [B], 'follower'],
    ['none does', [], 'follower'],
  ] as const;
  test.each(cases)('%s', (_why, answering, role) => {
    const member = leader({ configuration: five });
    // What was heard before the check does not count for the next.
    for (const from of [B, C, D, E]) member.receive(from, heartbeatReply(1, 0));
    member.tick(10);
    for (const from of answering) member.receive(from, heartbeatReply(1, 10));
    member.tick(10);
    expect(member.status).toMatchObject({ role, term: 1 });
  });
});

describe('who may stand, and who votes', () => {
  test('a learner does not stand', () => {
    const member = new TestMember({ id: D, configuration: configurationOf([A, B, C], { learners: [D] }) });
    member.receive(A, heartbeat(1));
    member.tick(100);
    expect(member.status).toMatchObject({ role: 'follower', term: 1, leader: null });
  });

  test('but votes when it is asked, for its own configuration may be the older one (etcd#10998)', () => {
    const member = new TestMember({ id: D, configuration: configurationOf([A, B, C], { learners: [D] }) });
    member.receive(A, voteRequest(1, [0, 0]));
    expect(member.takeMessages(A)).toEqual([voteReply(1)]);
  });

  test('a joint configuration elects with both halves', () => {
    const member = candidate({ configuration: configurationOf([A, B, C], { votersOutgoing: [A, D, E] }) });
    member.receive(B, voteReply(1));
    expect(member.status.role).toBe('candidate');
    member.receive(E, voteReply(1));
    expect(member.status.role).toBe('leader');
  });
});

test('a term alone does not restart the wait of a follower: who cannot win must not hold back who can', () => {
  const member = new TestMember({ log: [1, 1], term: 1 });
  member.tick(9);
  member.receive(B, voteRequest(2, [1, 1]));
  member.tick(1);
  expect(member.status).toMatchObject({ role: 'pre-candidate', term: 2 });
});

test('to give a vote restarts it: the one that was voted for is to have its time', () => {
  const member = new TestMember({ term: 1 });
  member.tick(9);
  member.receive(B, voteRequest(2, [1, 1]));
  member.tick(9);
  expect(member.status).toMatchObject({ role: 'follower', votedFor: B });
});

test('a candidate asks with its whole log, which is on disk when the others hear of it', () => {
  const member = new TestMember({ log: [1] });
  member.holdDisk = true;
  member.receive(B, append(1, [1, 1], [1]));
  member.tick(10);
  expect(member.takeOutbox()).toEqual([]);
  member.flush();
  expect(member.takeMessages(C)).toEqual([preVoteRequest(2, [2, 1])]);
});

describe('a leader that was paused lets go of its reign when it is told to', () => {
  test('it follows nobody, in the same term, and takes nothing any more', () => {
    const member = leader();
    member.step({ kind: 'step-down' });
    expect(member.status).toMatchObject({ role: 'follower', term: 1, leader: null });
    member.propose('x=1', 7);
    expect(member.takeEffects('proposal-refused')).toEqual([{ kind: 'proposal-refused', id: 7, refusal: { code: 'no-leader' } }]);
  });

  test('whoever does not lead goes on', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, append(1, [0, 0]));
    expect(member.step({ kind: 'step-down' })).toEqual([]);
    expect(member.status.leader).toBe(B);
  });
});

test('role, term and leader are told when one of them changes, once a step', () => {
  const member = new TestMember({ term: 1 });
  member.receive(B, heartbeat(1));
  member.receive(B, heartbeat(1));
  member.receive(C, heartbeat(2));
  member.tick(10);
  const told = member.takeEffects('role').map(({ role, term, leader: heard }) => [role, term, heard]);
  expect(told).toEqual([
    ['follower', 1, B],
    ['follower', 2, C],
    ['pre-candidate', 2, null],
  ]);
});
