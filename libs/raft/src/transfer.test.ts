import { describe, expect, test } from '@jest/globals';

import { acceptAll, accepted, append, heartbeat, heartbeatReply, leader, voteReply, voteRequest } from './testing/messages.ts';
import { A, B, C, configurationOf, D, E, index, term, TestMember } from './testing/test-member.ts';

const timeoutNow = (ofTerm: number) => ({ kind: 'timeout-now', term: term(ofTerm) }) as const;

function transfer(member: TestMember, to: typeof A | null): unknown {
  member.step({ kind: 'transfer', id: 3, to });
  return member.takeEffects('transfer-refused').map(({ id, refusal }) => [id, refusal]);
}

function established(options: ConstructorParameters<typeof TestMember>[0] = {}): TestMember {
  const member = leader(options);
  acceptAll(member, B, C);
  member.takeOutbox();
  return member;
}

const endings = (member: TestMember) => member.takeEffects('transfer-ended').map(({ outcome }) => outcome);

describe('a reign is handed over to another voter, and to nobody else', () => {
  const five = configurationOf([A, B, C], { votersOutgoing: [A, B, D], learners: [E] });
  const cases = [
    ['the leader itself', A, { code: 'already-leader' }],
    ['a learner', E, { code: 'not-a-voter', member: E }],
    ['a voter of the half that goes', D, { code: 'not-a-voter', member: D }],
    ['nobody that is known', 9 as typeof A, { code: 'unknown-member', member: 9 }],
  ] as const;
  test.each(cases)('%s', (_why, to, refusal) => {
    const member = leader({ configuration: five });
    expect(transfer(member, to)).toEqual([[3, refusal]]);
    expect(member.status.transferringTo).toBeNull();
  });

  test('who does not lead cannot, and names the leader', () => {
    const member = new TestMember({ term: 1 });
    expect(transfer(member, B)).toEqual([[3, { code: 'no-leader' }]]);
    member.receive(B, heartbeat(1));
    expect(transfer(member, C)).toEqual([[3, { code: 'not-leader', leader: B }]]);
  });

  test('one at a time', () => {
    const member = established();
    expect([transfer(member, B), transfer(member, C), transfer(member, B)]).toEqual([
      [],
      [[3, { code: 'transferring', to: B }]],
      [[3, { code: 'transferring', to: B }]],
    ]);
  });

  test('to whom is left to the leader: of those that answer, the one that has most of its log', () => {
    const member = established({ configuration: configurationOf([A, B, C, D], { learners: [E] }) });
    member.propose('x=1');
    acceptAll(member, C, E);
    expect([transfer(member, null), member.status.transferringTo]).toEqual([[], C]);
    expect(transfer(leader({ configuration: configurationOf([A]) }), null)).toEqual([[3, { code: 'no-other-voter' }]]);
  });

  test('one that answers comes before one that has more of the log and is silent', () => {
    const member = leader();
    acceptAll(member, B, C);
    member.propose('x=1');
    acceptAll(member, C);
    // The check of the quorum forgets who answered; only one of them answers since.
    for (let ticks = 0; ticks < 10; ticks++) member.tick();
    member.receive(B, heartbeatReply(1, 10));
    transfer(member, null);
    expect(member.status.transferringTo).toBe(B);
  });
});

describe('the target is told to stand when its log is as long as the leader’s', () => {
  test('at once if it is', () => {
    const member = established();
    transfer(member, B);
    expect(member.takeOutbox()).toEqual([{ to: B, message: timeoutNow(1) }]);
  });

  test('else when it has caught up', () => {
    const member = established();
    member.propose('x=1');
    member.propose('x=2');
    member.takeOutbox();
    transfer(member, B);
    member.receive(B, accepted(1, 2));
    expect(member.takeMessages(B)).not.toContainEqual(timeoutNow(1));
    member.receive(B, accepted(1, 3));
    expect(member.takeMessages(B)).toContainEqual(timeoutNow(1));
  });

  test('and again with each tick: the word may be lost', () => {
    const member = established();
    transfer(member, B);
    member.takeOutbox();
    member.tick();
    expect(member.takeMessages(B)).toContainEqual(timeoutNow(1));
  });
});

describe('meanwhile the leader takes no proposal', () => {
  test('it refuses them, and says to whom the lead goes', () => {
    const member = established();
    transfer(member, B);
    member.propose('x=1', 5);
    expect(member.takeEffects('proposal-refused')).toEqual([
      { kind: 'proposal-refused', id: 5, refusal: { code: 'transferring', to: B } },
    ]);
  });

  test('for one election timeout: then the transfer is over and it leads on', () => {
    const member = established();
    transfer(member, B);
    member.tick(9);
    expect(endings(member)).toEqual([]);
    member.receive(C, heartbeatReply(1, 9));
    member.tick();
    expect(endings(member)).toEqual(['timed-out']);
    expect(member.status).toMatchObject({ role: 'leader', transferringTo: null });
    member.propose('x=1', 6);
    expect(member.takeEffects('proposed').at(-1)).toMatchObject({ id: 6 });
  });

  test('a target that leaves the configuration ends it', () => {
    const member = established();
    member.step({ kind: 'change-membership', id: 1, changes: [{ kind: 'remove', member: B }] });
    transfer(member, B);
    member.receive(C, accepted(1, 2));
    expect(endings(member)).toEqual(['target-left']);
    expect(member.status.role).toBe('leader');
  });

  test('and so does the end of the reign', () => {
    const member = established();
    transfer(member, B);
    member.receive(B, voteRequest(2, [1, 1], true));
    expect(endings(member)).toEqual(['reign-ended']);
    expect(member.status).toMatchObject({ role: 'follower', term: 2, votedFor: B });
  });
});

describe('whoever is told to stand does so at once, without a pre-vote (thesis §3.10)', () => {
  test('and says so: those who hear the leader vote all the same', () => {
    const target = new TestMember({ log: [1, 1], term: 1 });
    target.receive(B, heartbeat(1));
    target.takeOutbox();
    target.receive(B, timeoutNow(1));
    expect(target.takeMessages(C)).toEqual([voteRequest(2, [2, 1], true)]);
    const voter = new TestMember({ id: C, log: [1, 1], term: 1 });
    voter.receive(B, heartbeat(1));
    voter.takeOutbox();
    voter.receive(A, voteRequest(2, [2, 1], true));
    expect(voter.takeMessages(A)).toEqual([voteReply(2)]);
  });

  test('but not to a log that lacks something', () => {
    const voter = new TestMember({ id: C, log: [1, 1, 1], term: 1 });
    voter.receive(B, heartbeat(1));
    voter.takeOutbox();
    voter.receive(A, voteRequest(2, [2, 1], true));
    expect(voter.takeMessages(A)).toEqual([voteReply(2, false)]);
  });

  test('a later candidacy of its own is an ordinary one', () => {
    const target = new TestMember({ log: [1], term: 1 });
    target.receive(B, timeoutNow(1));
    target.takeOutbox();
    target.tick(10);
    for (const from of [B, C]) target.receive(from, { kind: 'pre-vote-reply', term: term(3), granted: true });
    expect(target.takeMessages(C)).toContainEqual(voteRequest(3, [1, 1]));
  });

  test('its reads that wait for the old leader are refused, and may be asked for again', () => {
    const target = new TestMember({ log: [1], term: 1 });
    target.receive(B, heartbeat(1));
    target.step({ kind: 'read', id: 4 });
    target.receive(B, timeoutNow(1));
    expect(target.takeEffects('read-refused')).toEqual([{ kind: 'read-refused', id: 4, refusal: { code: 'leader-lost' } }]);
  });

  test('alone it leads as soon as its own vote is on disk', () => {
    const target = new TestMember({ log: [1], term: 1, configuration: configurationOf([A]) });
    target.holdDisk = true;
    target.receive(B, timeoutNow(1));
    expect(target.status.role).toBe('candidate');
    target.flush();
    expect(target.status).toMatchObject({ role: 'leader', term: 2 });
  });

  const learner = configurationOf([B, C], { learners: [A] });
  test('a learner does not, however late its leader knows that it is one', () => {
    const target = new TestMember({ log: [1], term: 1, configuration: learner });
    target.receive(B, timeoutNow(1));
    expect(target.status).toMatchObject({ role: 'follower', term: 1, leader: B });
  });

  test('nor a member whose log is about to be replaced', () => {
    const target = new TestMember({ term: 1 });
    target.receive(B, { kind: 'snapshot', term: term(1), index: index(9), indexTerm: term(1) });
    target.receive(B, timeoutNow(1));
    expect(target.status).toMatchObject({ role: 'follower', installing: true });
  });

  test('the word of an earlier term is answered with the present one', () => {
    const target = new TestMember({ log: [1], term: 4 });
    target.receive(B, timeoutNow(3));
    expect(target.takeMessages(B)).toEqual([{ kind: 'stale-term', term: 4 }]);
    expect(target.status.role).toBe('follower');
  });

  test('one of a later term is followed into it, and obeyed', () => {
    const target = new TestMember({ log: [1], term: 1 });
    target.receive(B, timeoutNow(3));
    expect(target.status).toMatchObject({ role: 'candidate', term: 4 });
  });
});

test('a reign that comes back begins without the transfer that ended it', () => {
  const member = established();
  transfer(member, B);
  member.receive(B, voteRequest(2, [1, 1], true));
  member.receive(B, append(2, [1, 1], [2]));
  member.takeOutbox();
  member.receive(B, timeoutNow(2));
  for (const from of [B, C]) member.receive(from, voteReply(3));
  expect(member.status).toMatchObject({ role: 'leader', term: 3, transferringTo: null });
});
