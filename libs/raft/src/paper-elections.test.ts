import { describe, expect, test } from '@jest/globals';

import type { MemberId } from './entry.ts';
import { append, candidate, heartbeat, leader, preCandidate, preVoteReply, voteReply, voteRequest } from './testing/messages.ts';
import { A, B, C, configurationOf, D, E, memberId, TestMember } from './testing/test-member.ts';
import { randomOf } from './testing/random.ts';

test('a member that starts is a follower (raft.pdf §5.2)', () => {
  expect(new TestMember({ log: [1, 1, 2], votedFor: B }).status).toMatchObject({
    role: 'follower',
    term: 2,
    votedFor: B,
    leader: null,
  });
});

test('a leader sends heartbeats to all others, each heartbeat interval (raft.pdf §5.2)', () => {
  const member = leader({ heartbeatTicks: 3, configuration: configurationOf([A, B, C], { learners: [D] }) });
  const rounds = Array.from({ length: 6 }, () => {
    member.tick();
    return member
      .takeOutbox()
      .filter(({ message }) => message.kind === 'heartbeat')
      .map(({ to }) => to);
  });
  expect(rounds).toEqual([[], [], [B, C, D], [], [], [B, C, D]]);
});

describe('whoever hears of no leader for an election timeout stands for election (raft.pdf §5.2, thesis §9.6)', () => {
  const cases = [
    ['a follower', () => new TestMember({ term: 3, electionTicks: 5 }), 4],
    ['a candidate whose election came to nothing', () => candidate({ term: 3, electionTicks: 5 }), 5],
  ] as const;
  test.each(cases)('%s', (_who, create, nextTerm) => {
    const member = create();
    member.takeOutbox();
    member.tick(5);
    expect(member.status).toMatchObject({ role: 'pre-candidate', term: nextTerm - 1 });
    expect(member.takeOutbox()).toEqual(
      [B, C].map((to) => ({ to, message: expect.objectContaining({ kind: 'pre-vote-request', term: nextTerm }) })),
    );
    member.receive(B, preVoteReply(nextTerm));
    // It has voted for itself before anybody is asked, and on disk.
    expect(member.status).toMatchObject({ role: 'candidate', term: nextTerm, votedFor: A });
    expect(member.disk.hardState).toEqual({ term: nextTerm, votedFor: A });
    expect(member.takeOutbox()).toEqual(
      [B, C].map((to) => ({ to, message: expect.objectContaining({ kind: 'vote-request', term: nextTerm }) })),
    );
  });
});

describe('an election is won with the votes of a quorum, lost with the refusals of one, open before (raft.pdf §5.2)', () => {
  const cases = [
    // voters, granted, refused, role
    [1, [], [], 'leader'],
    [3, [B], [], 'leader'],
    [3, [], [], 'candidate'],
    [3, [], [B], 'candidate'],
    [3, [], [B, C], 'follower'],
    [3, [C], [B], 'leader'],
    [5, [B], [], 'candidate'],
    [5, [B, C], [], 'leader'],
    [5, [B], [C, D], 'candidate'],
    [5, [B], [C, D, E], 'follower'],
    [4, [B], [], 'candidate'],
    [4, [B, C], [], 'leader'],
  ] as const;
  test.each(cases)('of %i members %j grant and %j refuse: %s', (count, granted, refused, role) => {
    const voters = [A, B, C, D, E].slice(0, count);
    const member = candidate({ configuration: configurationOf(voters) });
    for (const from of granted) member.receive(from, voteReply(1));
    for (const from of refused) member.receive(from, voteReply(1, false));
    expect(member.status).toMatchObject({ role, term: 1 });
  });

  test('whoever answers twice has one vote', () => {
    const member = candidate({ configuration: configurationOf([A, B, C, D, E]) });
    member.receive(B, voteReply(1));
    member.receive(B, voteReply(1));
    expect(member.status.role).toBe('candidate');
  });
});

describe('one vote a term, first come, first served (raft.pdf §5.2)', () => {
  const cases = [
    [null, B, true],
    [null, C, true],
    [B, B, true],
    [B, C, false],
    [C, B, false],
  ] as const;
  test.each(cases)('voted for %s, asked by %s: granted %s', (votedFor, from, granted) => {
    const member = new TestMember({ term: 1, votedFor });
    member.receive(from, voteRequest(1, [0, 0]));
    expect(member.takeMessages(from)).toEqual([voteReply(1, granted)]);
    expect(member.disk.hardState).toEqual({ term: 1, votedFor: votedFor ?? from });
  });
});

describe('a candidate follows the leader that it hears of (raft.pdf §5.2)', () => {
  const cases = [
    ['an append of its own term', append(3, [0, 0])],
    ['an append of a later term', append(4, [0, 0])],
    ['a heartbeat of its own term', heartbeat(3)],
  ] as const;
  test.each(cases)('%s', (_what, message) => {
    const member = candidate({ term: 2 });
    member.receive(B, message);
    expect(member.status).toMatchObject({ role: 'follower', term: message.term, leader: B });
  });
});

describe('the wait for a leader is drawn anew each time, from one to two election timeouts (raft.pdf §5.2)', () => {
  const cases = [
    // who, how many waits are drawn before the one that is measured
    ['a follower', () => {}, 0],
    ['a follower that lost its leader', (member: TestMember) => void member.receive(B, heartbeat(1)), 1],
    ['a candidate', (member: TestMember) => member.tick(10), 1],
    ['a leader that was deposed', (member: TestMember) => void lead(member).step({ kind: 'step-down' }), 3],
  ] as const;
  test.each(cases)('%s', (_who, happen, before) => {
    const waits = Array.from({ length: 10 }, (_, wanted) => {
      let drawn = 0;
      const member = new TestMember({ random: (bound) => (bound === 10 && drawn++ === before ? wanted : 0) });
      happen(member);
      member.takeOutbox();
      let ticks = 0;
      while (ticks < 100 && !member.takeOutbox().some(({ message }) => message.kind === 'pre-vote-request')) {
        member.tick();
        ticks++;
      }
      return ticks;
    });
    expect(waits).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });
});

/** Lets a follower win an election: a wait is drawn when it asks for pre-votes, and another when it stands. */
function lead(member: TestMember): TestMember {
  member.tick(10);
  member.receive(B, preVoteReply(1));
  member.receive(B, voteReply(1));
  return member;
}

describe('so two members seldom stand at once (raft.pdf §5.2)', () => {
  const ids = [A, B, C, D, E].map((id) => memberId(id));
  const cases = [
    [
      'followers',
      (id: MemberId, random: (bound: number) => number) => new TestMember({ id, configuration: configurationOf(ids), random }),
    ],
    [
      'candidates',
      (id: MemberId, random: (bound: number) => number) => preCandidate({ id, configuration: configurationOf(ids), random }),
    ],
  ] as const;
  test.each(cases)('%s', (_who, create) => {
    let together = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomOf(seed);
      const members = ids.map((id) => create(id, random));
      for (const member of members) member.takeOutbox();
      let standing = 0;
      for (let ticks = 0; standing === 0 && ticks < 100; ticks++) {
        for (const member of members) member.tick();
        standing = members.filter((member) => member.takeOutbox().length > 0).length;
      }
      if (standing > 1) together++;
    }
    // Of five waits out of ten the shortest is drawn twice in 23 % of all cases.
    expect(together / 300).toBeLessThan(0.3);
  });
});
