import { describe, expect, test } from '@jest/globals';

import type { ReadRequest } from './message.ts';
import { acceptAll, accepted, append, candidate, heartbeat, heartbeatReply, leader } from './testing/messages.ts';
import { A, B, C, configurationOf, D, E, index, term, TestMember } from './testing/test-member.ts';

const read = (member: TestMember, id: number) => member.step({ kind: 'read', id });
const answers = (member: TestMember) => [
  ...member.takeEffects('read-ready').map(({ id, index: at }) => [id, at]),
  ...member.takeEffects('read-refused').map(({ id, refusal }) => [id, refusal.code]),
];
const rounds = (member: TestMember) =>
  member.takeMessages(B).flatMap((message) => (message.kind === 'heartbeat' ? [message.round] : []));

/** A leader of term 1 whose first entry is committed. */
function reigning(options = {}): TestMember {
  const member = leader(options);
  acceptAll(member, B);
  member.takeOutbox();
  return member;
}

describe('a leader grants a read when a quorum has answered a round that began after the read came', () => {
  test('of three, with one answer', () => {
    const member = reigning();
    read(member, 1);
    expect([rounds(member), answers(member)]).toEqual([[1], []]);
    member.receive(B, heartbeatReply(1, 1));
    expect(answers(member)).toEqual([[1, 1]]);
  });

  test('of five, with two', () => {
    const member = leader({ configuration: configurationOf([A, B, C, D, E]) });
    acceptAll(member, B, C);
    read(member, 1);
    member.receive(D, heartbeatReply(1, 1));
    expect(answers(member)).toEqual([]);
    member.receive(E, heartbeatReply(1, 1));
    expect(answers(member)).toEqual([[1, 1]]);
  });

  test('alone, at once', () => {
    const member = leader({ configuration: configurationOf([A]) });
    read(member, 1);
    expect(answers(member)).toEqual([[1, 1]]);
  });

  test('of both halves, and not with learners', () => {
    const member = leader({ configuration: configurationOf([A, B], { votersOutgoing: [A, C], learners: [D] }) });
    acceptAll(member, B, C);
    read(member, 1);
    for (const from of [D, B]) member.receive(from, heartbeatReply(1, 1));
    expect(answers(member)).toEqual([]);
    member.receive(C, heartbeatReply(1, 1));
    expect(answers(member)).toEqual([[1, 1]]);
  });

  test('with the commit index of its coming, though more is committed since', () => {
    const member = reigning();
    read(member, 1);
    member.propose('x=1');
    acceptAll(member, B);
    member.receive(B, heartbeatReply(1, 1));
    expect(answers(member)).toEqual([[1, 1]]);
  });
});

describe('a round that began before a read came does not grant it (etcd#20418)', () => {
  test('an answer to an earlier round, however late it comes', () => {
    const member = reigning();
    member.tick();
    expect(rounds(member)).toEqual([1]);
    read(member, 1);
    member.receive(B, heartbeatReply(1, 1));
    // That round is done now, so the next can begin.
    expect([rounds(member), answers(member)]).toEqual([[2], []]);
    member.receive(C, heartbeatReply(1, 1));
    expect(answers(member)).toEqual([]);
    member.receive(C, heartbeatReply(1, 2));
    expect(answers(member)).toEqual([[1, 1]]);
  });

  test('reads that come while a round is out share the next', () => {
    const member = reigning();
    for (const id of [1, 2, 3]) read(member, id);
    expect(rounds(member)).toEqual([1]);
    member.receive(B, heartbeatReply(1, 1));
    expect([answers(member), rounds(member)]).toEqual([[[1, 1]], [2]]);
    member.receive(B, heartbeatReply(1, 2));
    expect([answers(member), rounds(member)]).toEqual([
      [
        [2, 1],
        [3, 1],
      ],
      [],
    ]);
  });

  test('a round that was lost is followed by one with a fresh number, at the next regular heartbeat', () => {
    const member = reigning();
    read(member, 1);
    member.tick(2);
    expect(rounds(member)).toEqual([1, 2, 3]);
    member.receive(C, heartbeatReply(1, 3));
    expect(answers(member)).toEqual([[1, 1]]);
  });

  test('an answer to a round that was never begun', () => {
    const member = reigning();
    member.receive(B, heartbeatReply(1, 99));
    read(member, 1);
    expect(answers(member)).toEqual([]);
  });

  test('rounds go on from one reign to the next', () => {
    const member = reigning();
    member.tick(5);
    member.step({ kind: 'step-down' });
    member.tick(10);
    member.receive(B, { kind: 'pre-vote-reply', term: term(2), granted: true });
    member.receive(B, { kind: 'vote-reply', term: term(2), granted: true });
    acceptAll(member, B);
    member.takeOutbox();
    read(member, 1);
    expect(rounds(member)).toEqual([6]);
  });
});

describe('a read waits until the leader has committed in its own term: before, it may not know the commit index (etcd#7331)', () => {
  test('then a round is begun for it', () => {
    const member = leader({ log: [1, 1], applied: 0 });
    read(member, 1);
    member.tick();
    member.receive(B, heartbeatReply(2, 1));
    expect(answers(member)).toEqual([]);
    member.takeOutbox();
    member.receive(B, accepted(2, 3));
    expect(answers(member)).toEqual([]);
    expect(rounds(member)).toEqual([2]);
    member.receive(B, heartbeatReply(2, 2));
    expect(answers(member)).toEqual([[1, 3]]);
  });
});

describe('a read that cannot be granted is refused, and may be asked for again', () => {
  const cases = [
    ['nobody leads', () => new TestMember(), [[1, 'no-leader']]],
    ['an election is on', () => candidate(), [[1, 'no-leader']]],
    [
      'the reign ends',
      () => {
        const member = reigning();
        read(member, 0);
        member.receive(B, heartbeat(2));
        member.takeEffects('read-ready');
        return member;
      },
      [[0, 'leader-lost']],
    ],
    ['too many wait already', () => full(reigning({ readsWaitingMax: 2 })), [[1, 'too-many-reads']]],
    ['too many wait for the leader', () => full(following({ readsWaitingMax: 2 })), [[1, 'too-many-reads']]],
  ] as const;
  test.each(cases)('%s', (_why, create, expected) => {
    const member = create();
    read(member, 1);
    expect(answers(member)).toEqual(expected);
  });

  test('postponed ones too, when the reign ends', () => {
    const member = leader();
    read(member, 1);
    member.step({ kind: 'step-down' });
    expect(answers(member)).toEqual([[1, 'leader-lost']]);
  });
});

function full(member: TestMember): TestMember {
  read(member, 8);
  read(member, 9);
  return member;
}

/** A follower of B. */
function following(options = {}): TestMember {
  const member = new TestMember(options);
  member.receive(B, heartbeat(1));
  member.takeOutbox();
  return member;
}

const requests = (member: TestMember) =>
  member.takeMessages(B).filter((message): message is ReadRequest => message.kind === 'read-request');
const reply = (id: number, at: number, ofTerm = 1) => ({ kind: 'read-reply', term: term(ofTerm), id, index: index(at) }) as const;

describe('a follower asks its leader, once for all reads that wait', () => {
  test('those that come meanwhile are asked for with the next request', () => {
    const member = following();
    for (const id of [1, 2, 3]) read(member, id);
    const [first, ...more] = requests(member);
    expect([first?.term, more]).toEqual([1, []]);
    member.receive(B, reply(first?.id ?? 0, 5));
    expect(answers(member)).toEqual([[1, 5]]);
    const [second] = requests(member);
    member.receive(B, reply(second?.id ?? 0, 6));
    expect(answers(member)).toEqual([
      [2, 6],
      [3, 6],
    ]);
    expect(requests(member)).toEqual([]);
  });

  test('a request that was lost is followed by one with a fresh id, and an answer to either is good for what came before it', () => {
    const member = following();
    read(member, 1);
    const [first] = requests(member);
    read(member, 2);
    member.tick();
    const [second] = requests(member);
    expect(second?.id).toBe((first?.id ?? 0) + 1);
    member.receive(B, reply(first?.id ?? 0, 5));
    expect(answers(member)).toEqual([[1, 5]]);
    member.receive(B, reply(first?.id ?? 0, 9));
    expect(answers(member)).toEqual([]);
    member.receive(B, reply(second?.id ?? 0, 6));
    expect(answers(member)).toEqual([[2, 6]]);
  });

  test('an answer to what was not asked, or asked in an earlier life, grants nothing', () => {
    const member = following({ random: () => 3 });
    read(member, 1);
    const [first] = requests(member);
    for (const id of [0, 1, (first?.id ?? 0) - 1, (first?.id ?? 0) + 1]) member.receive(B, reply(id, 5));
    expect(answers(member)).toEqual([]);
    const lives = [1, 2].map((drawn) => {
      const life = following({ random: (bound: number) => (bound === 2 ** 32 ? drawn : 0) });
      read(life, 1);
      return requests(life)[0]?.id ?? 0;
    });
    expect(Math.abs((lives[0] ?? 0) - (lives[1] ?? 0))).toBeGreaterThanOrEqual(2 ** 20);
  });

  const losses = [
    ['another leader comes', (member: TestMember) => member.receive(C, heartbeat(2))],
    ['the leader is silent', (member: TestMember) => member.tick(10)],
  ] as const;
  test.each(losses)('when %s they are refused, and a late answer grants nothing', (_why, lose) => {
    const member = following();
    read(member, 1);
    const [first] = requests(member);
    lose(member);
    expect(answers(member)).toEqual([[1, 'leader-lost']]);
    member.receive(B, reply(first?.id ?? 0, 5, 2));
    expect(answers(member)).toEqual([]);
  });

  test('nothing is asked while nothing waits', () => {
    const member = following();
    member.tick(5);
    member.receive(B, append(1, [0, 0], [1]));
    expect(requests(member)).toEqual([]);
  });
});

const request = (id: number) => ({ kind: 'read-request', term: term(1), id }) as const;

describe('a leader answers a follower as it answers itself', () => {
  test('after a round that began after the request came', () => {
    const member = reigning();
    member.receive(C, request(77));
    expect(member.takeMessages(C)).toMatchObject([{ kind: 'heartbeat', round: 1 }]);
    member.receive(C, heartbeatReply(1, 1));
    expect(member.takeMessages(C)).toEqual([reply(77, 1)]);
  });

  test('not over its limit, and not when it leads no more', () => {
    const member = full(reigning({ readsWaitingMax: 2 }));
    member.takeOutbox();
    member.receive(C, request(77));
    const deposed = following();
    deposed.receive(C, request(77));
    for (const one of [member, deposed]) {
      one.receive(C, heartbeatReply(1, 1));
      expect(one.takeMessages(C).filter((message) => message.kind === 'read-reply')).toEqual([]);
    }
  });
});
