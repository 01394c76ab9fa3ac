import { describe, expect, test } from '@jest/globals';

import type { Configuration } from './configuration.ts';
import { encodeConfiguration } from './configuration.ts';
import type { Entry } from './entry.ts';
import type { MembershipChange } from './membership-change.ts';
import {
  acceptAll,
  accepted,
  append,
  commitNotice,
  heartbeat,
  heartbeatReply,
  leader,
  preVoteReply,
  preVoteRequest,
  voteReply,
} from './testing/messages.ts';
import { A, B, C, configurationOf, D, E, entry, index, term, TestMember } from './testing/test-member.ts';

const addVoter = (member: typeof A): MembershipChange => ({ kind: 'add', member, as: 'voter' });
const join = (member: typeof A): MembershipChange => ({ kind: 'add', member, as: 'joining' });
const remove = (member: typeof A): MembershipChange => ({ kind: 'remove', member });
const demote = (member: typeof A): MembershipChange => ({ kind: 'demote', member });

function change(member: TestMember, ...changes: readonly MembershipChange[]): unknown {
  member.step({ kind: 'change-membership', id: 7, changes });
  const [refused] = member.takeEffects('change-refused');
  return refused?.refusal ?? member.takeEffects('proposed').map(({ id, index: at, term: ofTerm }) => [id, at, ofTerm]);
}

const configurationEntry = (at: number, ofTerm: number, configuration: Configuration): Entry => ({
  ...entry(at, ofTerm),
  kind: 'configuration',
  data: encodeConfiguration(configuration),
});

/** A leader whose first entry everybody has. */
function established(options: ConstructorParameters<typeof TestMember>[0] = {}): TestMember {
  const member = leader(options);
  acceptAll(member, B, C);
  member.takeOutbox();
  member.takeEffects('proposed');
  return member;
}

describe('one change at a time, and only by a leader that has committed something in its term (thesis §4.1)', () => {
  test('it is taken with its index and term', () => {
    expect(change(established(), addVoter(D))).toEqual([[7, 2, 1]]);
  });

  test('whoever does not lead names the leader, if it knows one', () => {
    const member = new TestMember({ term: 1 });
    expect(change(member, addVoter(D))).toEqual({ code: 'no-leader' });
    member.receive(B, heartbeat(1));
    expect(change(member, addVoter(D))).toEqual({ code: 'not-leader', leader: B });
  });

  test('a new leader first commits an entry of its own', () => {
    const member = leader({ log: [1, 1], applied: 2 });
    expect(change(member, addVoter(D))).toEqual({ code: 'term-not-committed', term: 2 });
    acceptAll(member, B);
    expect(change(member, addVoter(D))).toEqual([[7, 4, 2]]);
  });

  test('not while one is in the log and not committed', () => {
    const member = established();
    change(member, addVoter(D));
    expect(change(member, addVoter(E))).toEqual({ code: 'change-in-flight', index: 2 });
  });

  test('nor while it is committed, and has not taken effect, because the own disk is slow', () => {
    const member = established();
    member.holdDisk = true;
    change(member, addVoter(D));
    member.receive(B, accepted(1, 2));
    member.receive(C, accepted(1, 2));
    expect(member.status).toMatchObject({ commitIndex: 2, configurationIndex: 0 });
    expect(change(member, addVoter(E))).toEqual({ code: 'change-in-flight', index: 2 });
    member.flush();
    expect(member.status).toMatchObject({ configurationIndex: 2, lastIndex: 3 });
    // It is confirmed first.
    expect(change(member, addVoter(E))).toEqual({ code: 'change-in-flight', index: 3 });
    acceptAll(member, B, C);
    expect(change(member, addVoter(E))).toEqual([[7, 4, 1]]);
  });

  test('nor while one of an earlier leader is in the log, of which nobody knows whether it is committed', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, { ...append(1, [0, 0]), entries: [entry(1, 1), configurationEntry(2, 1, configurationOf([A, B, C, D]))] });
    member.tick(10);
    member.receive(C, preVoteReply(2));
    member.receive(C, voteReply(2));
    expect(member.status.role).toBe('leader');
    expect(change(member, addVoter(E))).toEqual({ code: 'change-in-flight', index: 2 });
    // With the first entry of its own both are committed, and that change is the configuration; then it is confirmed.
    acceptAll(member, B);
    acceptAll(member, B, D);
    expect(change(member, remove(D))).toEqual([[7, 5, 2]]);
  });

  test('nor while the configuration is joint: it is left first', () => {
    const member = established();
    change(member, addVoter(D), addVoter(E));
    acceptAll(member, B);
    expect(member.status).toMatchObject({ configurationIndex: 2, lastIndex: 3 });
    expect(change(member, remove(B))).toEqual({ code: 'change-in-flight', index: 3 });
  });

  test('nor by a new leader that finds it joint', () => {
    const member = leader({ log: [1], applied: 1, configuration: configurationOf([A, B, C], { votersOutgoing: [A, B, D] }) });
    expect(change(member, remove(B))).toEqual({ code: 'change-in-flight', index: 0 });
  });

  test('one that was applied before a restart is no longer under way', () => {
    const member = new TestMember({ term: 1 });
    const added = configurationEntry(1, 1, configurationOf([A, B, C, D]));
    member.receive(B, { ...append(1, [0, 0], [], 1), entries: [added] });
    member.restart();
    member.tick(10);
    for (const from of [B, C]) member.receive(from, preVoteReply(2));
    for (const from of [B, C]) member.receive(from, voteReply(2));
    acceptAll(member, B, C);
    acceptAll(member, B, C);
    expect(change(member, remove(D))).toEqual([[7, 4, 2]]);
  });

  test('nor while the reign is handed over', () => {
    const member = established();
    member.step({ kind: 'transfer', id: 1, to: B });
    expect(change(member, addVoter(D))).toEqual({ code: 'transferring', to: B });
  });

  test('what makes no sense is refused by the configuration that holds now', () => {
    const member = established({ membersMax: 3 });
    expect(change(member, remove(D))).toEqual({ code: 'unknown-member', member: D });
    expect(change(member, addVoter(D))).toEqual({ code: 'too-many-members', count: 4, limit: 3 });
    expect(member.status.lastIndex).toBe(1);
  });

  test('a reign that ends leaves the outcome unknown, as of any proposal', () => {
    const member = established();
    change(member, addVoter(D));
    member.step({ kind: 'step-down' });
    expect(member.takeEffects('proposals-lost')).toEqual([{ kind: 'proposals-lost', ids: [7] }]);
  });
});

describe('a joint configuration is left by whoever leads when it takes effect', () => {
  test('in the step in which it takes effect', () => {
    const member = established();
    change(member, addVoter(D), addVoter(E));
    acceptAll(member, B);
    expect(member.takeEffects('store').at(-1)?.entries).toEqual([configurationEntry(3, 1, configurationOf([A, B, C, D, E]))]);
  });

  test('by a follower never', () => {
    const member = new TestMember({ term: 1 });
    const joint = configurationOf([A, B, C, D, E], { votersOutgoing: [A, B, C] });
    member.receive(B, { ...append(1, [0, 0], [], 1), entries: [configurationEntry(1, 1, joint)] });
    expect(member.status).toMatchObject({ configurationIndex: 1, lastIndex: 1 });
  });

  test('by a leader that found it so when it has committed in its term, and not before', () => {
    const joint = configurationOf([A, B, C], { votersOutgoing: [A, B, D] });
    const member = leader({ log: [1], applied: 1, configuration: joint });
    expect(member.status.lastIndex).toBe(2);
    acceptAll(member, B);
    expect(member.takeEffects('store').at(-1)?.entries).toEqual([configurationEntry(3, 2, configurationOf([A, B, C]))]);
  });

  test('after a transfer that came to nothing, not while it lasts', () => {
    const member = leader({ configuration: configurationOf([A, B, C], { votersOutgoing: [A, B, D] }) });
    member.step({ kind: 'transfer', id: 1, to: C });
    acceptAll(member, B);
    expect(member.status).toMatchObject({ commitIndex: 1, lastIndex: 1 });
    for (let ticks = 0; ticks < 10; ticks++) {
      member.tick();
      member.receive(B, heartbeatReply(1, ticks));
    }
    expect(member.status).toMatchObject({ role: 'leader', lastIndex: 2 });
  });
});

describe('quorums are of the configuration that holds', () => {
  test('a member that comes is taken to be there until the next check', () => {
    const member = leader({ configuration: configurationOf([A]) });
    member.tick(9);
    change(member, addVoter(B));
    member.tick();
    expect(member.status.role).toBe('leader');
    member.tick(10);
    expect(member.status.role).toBe('follower');
  });

  test('a leader that is no voter any more does not count itself', () => {
    const member = established();
    change(member, remove(A));
    member.propose('x=1');
    // By A and B the first is committed; the second needs both others.
    member.receive(B, accepted(1, 2));
    member.receive(B, accepted(1, 3));
    expect(member.status).toMatchObject({ commitIndex: 2, configuration: configurationOf([B, C]) });
    member.receive(C, accepted(1, 3));
    expect(member.status.commitIndex).toBe(3);
  });

  test('a member that leaves is told that it left, and nothing more', () => {
    const member = established();
    change(member, remove(C));
    member.takeOutbox();
    member.receive(B, accepted(1, 2));
    expect(member.takeMessages(C)).toEqual([commitNotice(1, [2, 1])]);
    member.propose('x=1');
    member.tick();
    expect(member.takeMessages(C)).toEqual([]);
  });
});

const removed = (): TestMember => {
  const member = established();
  change(member, remove(A));
  // The removal, and its confirmation.
  for (let round = 0; round < 2; round++) acceptAll(member, B, C);
  member.tick();
  member.takeOutbox();
  return member;
};

describe('a leader that is removed or demoted leaves its reign when a quorum knows that', () => {
  test('not before: those that do not know might need its vote', () => {
    const member = removed();
    member.receive(B, heartbeatReply(1, 1));
    expect(member.status.role).toBe('leader');
    member.receive(C, heartbeatReply(1, 1));
    expect(member.status).toMatchObject({ role: 'follower', term: 1, leader: null });
  });

  test('an answer to a heartbeat that did not tell it counts for nothing', () => {
    const member = established();
    member.tick();
    change(member, remove(A));
    for (let round = 0; round < 2; round++) acceptAll(member, B, C);
    expect(member.status.configurationConfirmed).toBe(true);
    for (const from of [B, C]) member.receive(from, heartbeatReply(1, 1));
    expect(member.status.role).toBe('leader');
  });

  test('what it took before its removal took effect is committed and known as well', () => {
    const member = established();
    change(member, remove(A));
    member.propose('x=1');
    for (const from of [B, C]) member.receive(from, accepted(1, 2));
    member.tick();
    for (const from of [B, C]) member.receive(from, heartbeatReply(1, 1));
    expect(member.status).toMatchObject({ role: 'leader', configurationIndex: 2 });
    acceptAll(member, B, C);
    member.tick();
    for (const from of [B, C]) member.receive(from, heartbeatReply(1, 2));
    expect(member.status.role).toBe('follower');
    expect(member.takeEffects('proposals-lost')).toEqual([]);
  });

  test('one of those that know stands at once', () => {
    const member = removed();
    for (const from of [C, B]) member.receive(from, heartbeatReply(1, 1));
    expect(member.takeOutbox()).toEqual([{ to: B, message: { kind: 'timeout-now', term: 1 } }]);
  });

  test('it takes nothing new meanwhile, and does not stand afterwards', () => {
    const member = removed();
    member.propose('late', 9);
    expect(member.takeEffects('proposal-refused')).toMatchObject([{ id: 9, refusal: { code: 'transferring', to: null } }]);
    expect(change(member, addVoter(A))).toEqual({ code: 'transferring', to: null });
    for (const from of [B, C]) member.receive(from, heartbeatReply(1, 1));
    member.tick(100);
    expect(member.status).toMatchObject({ role: 'follower', term: 1 });
  });

  test('a leader that becomes a learner does the same', () => {
    const member = established();
    change(member, demote(A));
    for (let round = 0; round < 2; round++) acceptAll(member, B, C);
    member.tick();
    for (const from of [B, C]) member.receive(from, heartbeatReply(1, 1));
    expect(member.status).toMatchObject({ role: 'follower', configuration: configurationOf([B, C], { learners: [A] }) });
  });
});

const joining = (...members: readonly (typeof A)[]): TestMember => {
  const member = established({ promotionTicks: 2, electionTicks: 5 });
  change(member, ...members.map(join));
  acceptAll(member, B, C, ...members);
  return member;
};

const pass = (member: TestMember, ...answering: readonly (typeof A)[]): void => {
  member.tick();
  const [beat] = member.takeOutbox().flatMap(({ message }) => (message.kind === 'heartbeat' ? [message.round] : []));
  for (const from of answering) {
    member.receive(from, heartbeatReply(1, beat ?? 0));
    member.receive(from, accepted(1, member.status.lastIndex));
  }
};

describe('a joining learner becomes a voter by itself', () => {
  test('when it has kept up and answered for long enough', () => {
    const member = joining(D);
    for (let ticks = 0; ticks < 2; ticks++) pass(member, B, C, D);
    expect(member.status.configuration).toEqual(configurationOf([A, B, C, D]));
  });

  test('and the voter that it replaces goes with the same change, which two halves agree to', () => {
    const member = joining(D);
    member.step({ kind: 'replacements', replacements: new Map([[D, C]]) });
    pass(member, B, C, D);
    pass(member);
    const { lastIndex } = member.status;
    member.receive(B, accepted(1, lastIndex));
    expect(member.status.configuration).toEqual(configurationOf([A, B, D], { votersOutgoing: [A, B, C] }));
    member.receive(B, accepted(1, member.status.lastIndex));
    expect(member.status.configuration).toEqual(configurationOf([A, B, D]));
  });

  test('not while it lags, however long', () => {
    const member = joining(D);
    // More to catch up with than it takes.
    member.propose('x=1');
    for (let ticks = 0; ticks < 50; ticks++) {
      member.tick();
      member.receive(D, heartbeatReply(1, ticks + 1));
      for (const from of [B, C]) {
        member.receive(from, heartbeatReply(1, ticks + 1));
        member.receive(from, accepted(1, member.status.lastIndex));
      }
    }
    expect(member.status.configuration).toEqual(configurationOf([A, B, C], { learners: [D], learnersJoining: [D] }));
  });

  test('several that are ripe at once come in one change, through both halves', () => {
    const member = joining(D, E);
    for (let ticks = 0; ticks < 3; ticks++) pass(member, B, C, D, E);
    const stored = member.takeEffects('store').flatMap(({ entries }) => entries);
    expect(stored.slice(-3)).toEqual([
      configurationEntry(3, 1, configurationOf([A, B, C, D, E], { votersOutgoing: [A, B, C] })),
      configurationEntry(4, 1, configurationOf([A, B, C, D, E])),
      configurationEntry(5, 1, configurationOf([A, B, C, D, E])),
    ]);
  });

  test('it waits for a change that is under way, and for a transfer', () => {
    const member = joining(D);
    change(member, addVoter(E));
    for (let ticks = 0; ticks < 4; ticks++) pass(member, D);
    expect(member.status).toMatchObject({ configurationIndex: 2, lastIndex: 3 });
    acceptAll(member, B, C, D);
    expect(member.status).toMatchObject({ configurationIndex: 3, lastIndex: 4 });
    member.step({ kind: 'transfer', id: 1, to: E });
    pass(member, B, C, D);
    expect(member.status.lastIndex).toBe(4);
  });

  test('whoever left and comes again begins anew', () => {
    const member = joining(D);
    pass(member, B, C, D);
    change(member, remove(D));
    acceptAll(member, B, C);
    pass(member, B, C);
    change(member, join(D));
    acceptAll(member, B, C, D);
    pass(member, B, C, D);
    expect(member.status).toMatchObject({ configurationIndex: 4, lastIndex: 4 });
    pass(member, B, C, D);
    expect(member.status.configuration).toEqual(configurationOf([A, B, C, D]));
  });

  test('a learner that does not join stays what it is', () => {
    const member = established({ promotionTicks: 1 });
    change(member, { kind: 'add', member: D, as: 'learner' });
    acceptAll(member, B, C, D);
    for (let ticks = 0; ticks < 20; ticks++) pass(member, B, C, D);
    expect(member.status.configuration).toEqual(configurationOf([A, B, C], { learners: [D] }));
  });
});

describe('nobody stands that knows of a committed configuration which has not taken effect', () => {
  const next = configurationOf([A, B, C, D]);
  const knowing = (): TestMember => {
    const member = new TestMember({ term: 1 });
    member.holdDisk = true;
    member.receive(B, { ...append(1, [0, 0], [], 2), entries: [entry(1, 1), configurationEntry(2, 1, next)] });
    expect(member.status).toMatchObject({ commitIndex: 2, configurationIndex: 0 });
    return member;
  };

  test('after its wait for a leader', () => {
    const member = knowing();
    member.tick(100);
    expect(member.status.role).toBe('follower');
    member.flush();
    member.tick(10);
    expect(member.status).toMatchObject({ role: 'pre-candidate', configuration: next });
  });

  test('nor when the leader tells it to', () => {
    const member = knowing();
    member.receive(B, { kind: 'timeout-now', term: term(1) });
    expect(member.status).toMatchObject({ role: 'follower', term: 1, leader: B });
  });

  test('one that a snapshot has overtaken is in it', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, { ...append(1, [0, 0]), entries: [configurationEntry(1, 1, next)] });
    member.receive(B, { kind: 'snapshot', term: term(1), index: index(9), indexTerm: term(1) });
    const applied = [entry(9, 1)];
    member.install({ index: index(9), term: term(1), applied, configuration: next, configurationIndex: index(1) });
    member.tick(10);
    expect(member.status).toMatchObject({ role: 'pre-candidate', configuration: next });
  });

  test('one that is not committed, as far as it is known, holds nobody back', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, { ...append(1, [0, 0]), entries: [configurationEntry(1, 1, next)] });
    member.tick(10);
    expect(member.status).toMatchObject({ role: 'pre-candidate', configurationIndex: 0 });
  });
});

describe('of two configurations in a log the first is committed, though nobody says so', () => {
  const first = configurationOf([A, B, C, D]);
  const second = configurationOf([A, B, C, D, E]);
  const three = [entry(1, 1), configurationEntry(2, 1, first), configurationEntry(3, 1, second)];

  test('when they are appended, in one message or two', () => {
    for (const cut of [3, 2]) {
      const member = new TestMember({ term: 1 });
      member.receive(B, { ...append(1, [0, 0]), entries: three.slice(0, cut) });
      member.receive(B, { ...append(1, [cut, 1]), entries: three.slice(cut) });
      expect(member.status).toMatchObject({ commitIndex: 2, configuration: first });
    }
  });

  test('and when a start finds them: nobody stands before that has taken effect', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, { ...append(1, [0, 0]), entries: three });
    member.restart(0, 9);
    expect(member.status).toMatchObject({ appliedIndex: 0, commitIndex: 2, configurationIndex: 0 });
    member.holdLoads = true;
    member.tick(100);
    expect(member.status.role).toBe('follower');
    member.load();
    member.tick(10);
    expect(member.status).toMatchObject({ role: 'pre-candidate', configuration: first, appliedIndex: 2 });
  });

  test('one that a later leader overwrites is none of them', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, { ...append(1, [0, 0]), entries: three.slice(0, 2) });
    member.receive(C, { ...append(2, [1, 1]), entries: [entry(2, 2), configurationEntry(3, 2, second)] });
    expect(member.status).toMatchObject({ commitIndex: 0, lastIndex: 3 });
  });
});

const confirmed = (member: TestMember): boolean => member.status.configurationConfirmed;

describe('a configuration with new voters is confirmed: committed once more as it is', () => {
  const four = configurationOf([A, B, C, D]);

  test('by its leader in the step in which it takes effect, and it is confirmed when that takes effect', () => {
    const member = established();
    expect(confirmed(member)).toBe(true);
    change(member, addVoter(D));
    acceptAll(member, B, C);
    expect(member.takeEffects('store').at(-1)?.entries).toEqual([configurationEntry(3, 1, four)]);
    expect(confirmed(member)).toBe(false);
    acceptAll(member, B, D);
    expect(member.status).toMatchObject({ configurationIndex: 3, lastIndex: 3 });
    expect(confirmed(member)).toBe(true);
    // Once.
    member.tick(20);
    expect(member.status.lastIndex).toBe(3);
  });

  test('behind a joint one, which the one that leaves it confirms', () => {
    const member = established();
    change(member, remove(C), addVoter(D));
    const next = configurationOf([A, B, D]);
    acceptAll(member, B);
    expect(member.takeEffects('store').at(-1)?.entries).toEqual([configurationEntry(3, 1, next)]);
    expect(confirmed(member)).toBe(false);
    acceptAll(member, B);
    expect(member.takeEffects('store').at(-1)?.entries).toEqual([configurationEntry(4, 1, next)]);
    expect(confirmed(member)).toBe(false);
    acceptAll(member, B);
    expect(member.status).toMatchObject({ configurationIndex: 4, lastIndex: 4, configuration: next });
    expect(confirmed(member)).toBe(true);
  });

  test('not where the voters are the same: a learner that comes or goes changes no quorum', () => {
    const member = established();
    change(member, { kind: 'add', member: D, as: 'learner' });
    acceptAll(member, B, C);
    expect(member.status).toMatchObject({ configurationIndex: 2, lastIndex: 2 });
    expect(confirmed(member)).toBe(true);
  });

  test('by the next leader, if the one before could not', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, { ...append(1, [0, 0], [], 1), entries: [configurationEntry(1, 1, four)] });
    expect(member.status).toMatchObject({ configurationIndex: 1, configurationConfirmed: false });
    member.tick(20);
    for (const from of [B, C]) member.receive(from, preVoteReply(2));
    for (const from of [B, C]) member.receive(from, voteReply(2));
    expect(member.status).toMatchObject({ role: 'leader', lastIndex: 2 });
    acceptAll(member, B, C);
    expect(member.status.lastIndex).toBe(3);
    acceptAll(member, B, C);
    expect(member.status).toMatchObject({ configurationIndex: 3, lastIndex: 3, configurationConfirmed: true });
  });

  test('by the first leader after a start whose state may hold one that came last, and after a snapshot', () => {
    const restarted = new TestMember({ term: 1 });
    restarted.receive(B, { ...append(1, [0, 0], [], 1), entries: [configurationEntry(1, 1, four)] });
    restarted.restart();
    expect(restarted.status.appliedIndex).toBe(1);
    expect(confirmed(restarted)).toBe(false);

    // Nothing in the log tells of it any more.
    const released = new TestMember({ term: 1 });
    released.receive(B, { ...append(1, [0, 0], [], 2), entries: [configurationEntry(1, 1, four), entry(2, 1)] });
    released.compact(1);
    released.restart();
    expect(released.status).toMatchObject({ previousIndex: 1, configuration: four });
    expect(confirmed(released)).toBe(false);

    const member = new TestMember({ term: 1 });
    member.receive(B, { kind: 'snapshot', term: term(1), index: index(9), indexTerm: term(1) });
    const applied = [entry(9, 1)];
    member.install({ index: index(9), term: term(1), applied, configuration: four, configurationIndex: index(0) });
    expect(confirmed(member)).toBe(false);
    member.restart();
    expect(confirmed(member)).toBe(false);
    member.tick(20);
    for (const from of [B, C]) member.receive(from, preVoteReply(2));
    for (const from of [B, C]) member.receive(from, voteReply(2));
    acceptAll(member, B, C);
    expect(member.takeEffects('store').at(-1)?.entries).toEqual([configurationEntry(11, 2, four)]);
  });

  test('also by a leader that is no voter any more: it leads until then', () => {
    const member = established();
    change(member, remove(A));
    acceptAll(member, B, C);
    expect(member.takeEffects('store').at(-1)?.entries).toEqual([configurationEntry(3, 1, configurationOf([B, C]))]);
    member.tick();
    for (const from of [B, C]) member.receive(from, heartbeatReply(1, 1));
    expect(member.status.role).toBe('leader');
    acceptAll(member, B, C);
    expect(confirmed(member)).toBe(true);
    member.tick();
    for (const from of [B, C]) member.receive(from, heartbeatReply(1, 2));
    expect(member.status.role).toBe('follower');
  });

  test('of two members that both lose power afterwards, the one that stays needs nobody', () => {
    const two = configurationOf([A, B]);
    const member = leader({ configuration: two });
    acceptAll(member, B);
    change(member, remove(B));
    acceptAll(member, B);
    expect(member.status).toMatchObject({ lastIndex: 3, configurationConfirmed: true, configuration: configurationOf([A]) });
    // Its state goes back to what it was before all this; its log does not.
    member.restart(0, 9);
    expect(member.status).toMatchObject({ configuration: two, appliedIndex: 0, commitIndex: 2 });
    member.tick(20);
    expect(member.status).toMatchObject({ role: 'leader', configuration: configurationOf([A]) });
  });
});

describe('whoever was removed disturbs nobody', () => {
  const answers = [
    { kind: 'stale-term', term: term(9) },
    { kind: 'append-accepted', term: term(9), matchIndex: index(1) },
    { kind: 'append-rejected', term: term(9), rejectedIndex: index(1), hintIndex: index(0), hintTerm: term(0) },
    heartbeatReply(9, 1),
    preVoteReply(9, false),
    voteReply(9, false),
  ] as const;
  test.each(answers)('its late $kind ends no reign, whatever term it has come to', (answer) => {
    const member = established({ configuration: configurationOf([A, B, C, D]) });
    change(member, remove(D));
    acceptAll(member, B, C);
    member.receive(D, answer);
    expect(member.status).toMatchObject({ role: 'leader', term: 1 });
    // A member's does.
    member.receive(B, answer);
    expect(member.status).toMatchObject({ role: 'follower', term: 9 });
  });
});

const committed = (commit: number) => ({ kind: 'committed', term: term(1), commit: index(commit), commitTerm: term(1) }) as const;

const knowing = (configuration: Configuration) => {
  const member = new TestMember({ log: [1, 1, 1], applied: 2, configuration });
  member.receive(B, preVoteRequest(2, [2, 1]));
  return member.takeMessages(B);
};

describe('a member that may not stand tells what is committed to one that asks for its vote with a shorter log', () => {
  const learner = configurationOf([B, C], { learners: [A] });

  test('and refuses it: that one may be waiting for it only because it does not know', () => {
    expect(knowing(learner)).toEqual([committed(2), preVoteReply(1, false)]);
  });

  test('a voter stands itself', () => {
    expect(knowing(configurationOf([A, B, C]))).toEqual([preVoteReply(1, false)]);
  });

  test('whoever is told believes what its log has', () => {
    const member = new TestMember({ log: [1, 1, 1] });
    member.receive(D, committed(5));
    expect(member.status.commitIndex).toBe(0);
    member.receive(D, { ...committed(3), commitTerm: term(2) });
    expect(member.status.commitIndex).toBe(0);
    member.receive(D, committed(2));
    expect(member.status).toMatchObject({ commitIndex: 2, leader: null });
  });

  test('of whatever term it is', () => {
    const member = new TestMember({ log: [1, 1, 1], term: 5 });
    member.receive(D, committed(2));
    expect(member.status).toMatchObject({ commitIndex: 2, term: 5 });
    member.receive(D, { ...committed(3), term: term(9) });
    expect(member.status).toMatchObject({ commitIndex: 3, term: 5 });
  });

  test('and answers the same if it knows more: it may be the other that does not know of its own vote', () => {
    const member = new TestMember({ log: [1, 1, 1], applied: 2 });
    member.receive(D, committed(1));
    expect(member.takeMessages(D)).toEqual([committed(2)]);
    member.receive(D, committed(2));
    expect(member.takeMessages(D)).toEqual([]);
  });
});
