import { describe, expect, test } from '@jest/globals';

import type { Append } from './message.ts';
import { acceptAll, accepted, append, commitNotice, heartbeatReply, leader, rejected } from './testing/messages.ts';
import { TestCluster } from './testing/test-cluster.ts';
import { A, B, C, configurationOf, D, index, term, TestMember } from './testing/test-member.ts';

/** The followers' part of the leader's status. */
const followerOf = (member: TestMember, id = B) => member.status.followers.find((one) => one.id === id);

/** What was sent to a follower, shortly: [previous index, number of entries, commit] of each append. */
function appendsTo(member: TestMember, id = B): [number, number, number][] {
  const appends = member.takeMessages(id).filter((message): message is Append => message.kind === 'append');
  return appends.map((message) => [message.previousIndex, message.entries.length, message.commit]);
}

/** A leader of term 2 that has sent its first entry behind a log of 5, and knows that B has it all. */
function replicating(options = {}): TestMember {
  const member = leader({ log: [1, 1, 1, 1, 1], ...options });
  acceptAll(member, B);
  member.takeOutbox();
  return member;
}

describe('a follower is probed with one append at a time, until it is known where the logs agree', () => {
  test('nothing more is sent before it answers', () => {
    const member = leader({ log: [1, 1] });
    member.propose('a');
    member.propose('b');
    expect(appendsTo(member)).toEqual([]);
    expect(followerOf(member)).toMatchObject({ state: 'probe', matchIndex: 0, nextIndex: 3 });
    member.receive(B, accepted(2, 3));
    expect(appendsTo(member)).toEqual([[3, 2, 3]]);
    expect(followerOf(member)).toMatchObject({ state: 'replicate', matchIndex: 3, nextIndex: 6 });
  });

  test('an answer to a regular heartbeat sends it again, for it may be lost; to a heartbeat for reads it does not', () => {
    const member = leader({ log: [1, 1] });
    member.step({ kind: 'read', id: 1 });
    member.receive(B, heartbeatReply(2, 1));
    expect(appendsTo(member)).toEqual([]);
    member.tick();
    member.receive(B, heartbeatReply(2, 1));
    expect(appendsTo(member)).toEqual([[2, 1, 0]]);
    member.receive(B, heartbeatReply(2, 1));
    expect(appendsTo(member)).toEqual([]);
  });
});

describe('a refusal with a hint passes over whole terms (raft.pdf §5.3)', () => {
  const cases = [
    // why                                            leader's log                 follower's log               refusals
    ["the follower's tail is of later terms", [1, 3, 3, 3, 5, 5, 5, 5, 5], [1, 1, 1, 1, 4, 4, 4, 4], 2],
    ["the leader's tail is", [1, 3, 3, 3, 5, 5, 5, 5, 5], [1, 3, 3, 3, 3, 3, 3, 3], 1],
    ['the follower is only shorter', [1, 1, 1, 1, 1, 1, 1], [1, 1], 1],
    ['the follower has a term that the leader lacks', [1, 1, 1, 6, 6, 6, 6, 6], [1, 1, 1, 2, 2, 2, 2, 2], 1],
    ['both have terms that the other lacks', [1, 2, 2, 5, 5, 5, 7, 7], [1, 2, 3, 3, 4, 4, 6, 6, 6], 3],
    ['the follower is empty', [1, 2, 3, 4, 5], [], 1],
  ] as const;
  test.each(cases)('%s', (_why, log, followersLog, refusals) => {
    const cluster = new TestCluster([A, B, C], (id) => ({ log: id === B ? followersLog : log, term: 7 }));
    let counted = 0;
    cluster.onArrival = ({ from, message }) => {
      if (from === B && message.kind === 'append-rejected') counted++;
    };
    cluster.elect(A);
    expect(counted).toBe(refusals);
    expect(cluster.at(B).disk.entries).toEqual(cluster.at(A).disk.entries);
  });
});

describe('appends are pipelined within a window', () => {
  test('each follower is sent the same entries, as the very same array, ahead of its answers', () => {
    const member = replicating();
    acceptAll(member, C);
    member.takeOutbox();
    member.propose('a');
    const [toB, toC] = member.takeMessages() as [Append, Append];
    expect(toB.entries).toBe(toC.entries);
    member.propose('b');
    expect(appendsTo(member)).toEqual([[7, 1, 6]]);
    expect(followerOf(member)).toMatchObject({ matchIndex: 6, nextIndex: 9, inflightMessages: 2 });
  });

  test('entries that wait are sent together, up to the size of an append', () => {
    const member = leader({ log: [1], appendBytesMax: 300 });
    for (let at = 0; at < 6; at++) member.propose('x'.repeat(36));
    member.receive(B, accepted(2, 2));
    expect(appendsTo(member)).toEqual([
      [2, 3, 2],
      [5, 3, 2],
    ]);
  });

  const windows = [
    ['of messages', { inflightMessagesMax: 2 }],
    ['of bytes', { inflightBytesMax: 150 }],
  ] as const;
  test.each(windows)('a full window %s holds back entries, and an answer lets go on', (_what, limits) => {
    const member = replicating(limits);
    for (let at = 0; at < 4; at++) member.propose('x'.repeat(36));
    expect(appendsTo(member)).toHaveLength(2);
    member.receive(B, accepted(2, 7));
    expect(appendsTo(member)).toHaveLength(1);
    member.receive(B, accepted(2, 10));
    expect(appendsTo(member)).toHaveLength(0);
    expect(followerOf(member)).toMatchObject({ matchIndex: 10, inflightMessages: 0, inflightBytes: 0 });
  });

  test('a full window still tells the commit index, and asks what became of what is out (etcd#14633)', () => {
    const member = replicating({ inflightMessagesMax: 2, configuration: configurationOf([A, B, C, D]) });
    for (const from of [C, D]) acceptAll(member, from);
    for (let at = 0; at < 4; at++) member.propose('a');
    member.takeOutbox();
    for (const from of [C, D]) member.receive(from, accepted(2, 7));
    expect(member.takeMessages(B)).toEqual([commitNotice(2, [7, 2])]);
    member.tick();
    member.takeOutbox();
    member.receive(B, heartbeatReply(2, 1));
    expect(appendsTo(member)).toEqual([[8, 0, 7]]);
    // All of it was lost: the follower says so, and what is behind the last that it has is sent again.
    member.receive(B, rejected(2, 8, [6, 2]));
    expect(appendsTo(member)).toEqual([[6, 4, 7]]);
    expect(followerOf(member)).toMatchObject({ state: 'probe', inflightMessages: 0 });
  });

  test('a follower that cannot be reached is probed, and pipelined again when it answers', () => {
    const member = replicating();
    member.propose('a');
    member.step({ kind: 'unreachable', to: B });
    expect(followerOf(member)).toMatchObject({ state: 'probe', nextIndex: 7 });
    member.propose('b');
    member.propose('c');
    expect(appendsTo(member)).toEqual([
      [6, 1, 6],
      [6, 2, 6],
    ]);
    member.receive(B, accepted(2, 8));
    expect(followerOf(member)).toMatchObject({ state: 'replicate', nextIndex: 10 });
  });
});

describe('what a follower says is believed only as far as it can be true', () => {
  const cases = [
    ['it has what was never sent', accepted(2, 99)],
    ['it refuses what it accepted before', rejected(2, 5, [2, 1])],
    ['it accepted less before', accepted(2, 3)],
    ['it answers a round that was never begun', heartbeatReply(2, 99)],
  ] as const;
  test.each(cases)('%s', (_what, message) => {
    const member = replicating();
    const before = followerOf(member);
    member.receive(B, message);
    expect(followerOf(member)).toEqual(before);
  });

  test('a stranger has no say', () => {
    const member = replicating();
    member.propose('a');
    for (const message of [accepted(2, 7), rejected(2, 6, [0, 0]), heartbeatReply(2, 0)]) member.receive(D, message);
    expect(member.status.commitIndex).toBe(6);
  });
});

describe('the commit index is told at once, with entries or alone, and in each heartbeat', () => {
  test('alone only to whoever has the entries, and once', () => {
    const member = replicating();
    member.propose('a');
    member.takeOutbox();
    member.receive(B, accepted(2, 7));
    expect(member.takeOutbox()).toEqual([{ to: B, message: commitNotice(2, [7, 2]) }]);
    member.receive(B, accepted(2, 7));
    expect(member.takeOutbox()).toEqual([]);
  });

  test('in a heartbeat no further than the follower is known to have the log', () => {
    const member = replicating();
    member.tick();
    expect(member.takeOutbox()).toMatchObject([
      { to: B, message: { kind: 'heartbeat', commit: 6 } },
      { to: C, message: { kind: 'heartbeat', commit: 0 } },
    ]);
  });
});

describe('what is no longer in memory is read from the log, for a follower as for the state', () => {
  const options = { log: [1, 1, 1, 1, 1], cacheBytesMax: 1 };

  test('one load at a time, within the size of an append and the window', () => {
    const member = leader(options);
    member.holdLoads = true;
    member.receive(B, rejected(2, 5, [2, 1]));
    member.tick(3);
    expect(member.takeEffects('load')).toEqual([{ kind: 'load', id: 1, from: 3, to: 7, bytesMax: 1024 * 1024 }]);
    member.takeOutbox();
    member.load();
    expect(appendsTo(member)).toEqual([[2, 4, 0]]);
  });

  test('what comes too late is not sent', () => {
    const member = leader(options);
    member.holdLoads = true;
    member.receive(B, rejected(2, 5, [2, 1]));
    member.receive(B, accepted(2, 6));
    member.takeOutbox();
    member.load();
    expect(appendsTo(member)).toEqual([]);
    expect(followerOf(member)).toMatchObject({ matchIndex: 6, nextIndex: 7 });
  });

  test('what comes for an earlier reign is nothing', () => {
    const member = leader(options);
    member.holdLoads = true;
    member.receive(B, rejected(2, 5, [2, 1]));
    member.step({ kind: 'step-down' });
    member.takeOutbox();
    member.load();
    expect(member.takeOutbox()).toEqual([]);
  });
});

/** A leader whose log begins behind 4, and that B has told to have nothing. */
function compacted(): TestMember {
  const member = leader({ log: [1, 1, 1, 1, 1, 1], applied: 5 });
  member.compact(4);
  member.receive(B, rejected(2, 6, [0, 0]));
  return member;
}

describe('a follower that lacks what the log let go of needs a snapshot', () => {
  const sent = { kind: 'snapshot-sent', to: B, term: term(2), index: index(5) } as const;

  test('it is sent one, and nothing else meanwhile', () => {
    const member = compacted();
    expect(member.takeEffects('send-snapshot')).toEqual([{ kind: 'send-snapshot', to: B, term: 2, indexMin: 4 }]);
    member.propose('a');
    member.tick();
    member.receive(B, heartbeatReply(2, 1));
    expect(member.takeMessages(B)).toMatchObject([{ kind: 'heartbeat' }]);
    expect([followerOf(member)?.state, member.takeEffects('send-snapshot')]).toEqual(['snapshot', []]);
  });

  test('not while it answers nothing', () => {
    const member = leader({ log: [1, 1, 1, 1, 1, 1], applied: 5 });
    member.receive(B, accepted(2, 3));
    for (let count = 0; count < 2; count++) {
      acceptAll(member, C);
      member.tick(10);
    }
    member.compact(5);
    member.step({ kind: 'unreachable', to: B });
    member.propose('a');
    expect(member.takeEffects('send-snapshot')).toEqual([]);
    member.tick();
    member.receive(B, heartbeatReply(2, 1));
    expect(member.takeEffects('send-snapshot')).toHaveLength(1);
  });

  test('when it was installed, the follower is probed behind it, from the next heartbeat on', () => {
    const member = compacted();
    member.step(sent);
    expect(followerOf(member)).toMatchObject({ state: 'probe', nextIndex: 6 });
    member.tick();
    member.takeOutbox();
    member.receive(B, heartbeatReply(2, 1));
    expect(appendsTo(member)).toEqual([[5, 1, 5]]);
  });

  test('its own answer is enough, as the report may never come (etcd#10308)', () => {
    const member = compacted();
    member.receive(B, accepted(2, 5));
    expect(followerOf(member)).toMatchObject({ state: 'replicate', matchIndex: 5 });
    member.step(sent);
    expect(followerOf(member)).toMatchObject({ state: 'replicate', matchIndex: 5 });
  });

  test('so is an older snapshot, if the log reaches back to it', () => {
    const member = compacted();
    member.receive(B, accepted(2, 3));
    expect(followerOf(member)).toMatchObject({ state: 'snapshot', matchIndex: 3 });
    member.receive(B, accepted(2, 4));
    expect(followerOf(member)).toMatchObject({ state: 'replicate', matchIndex: 4 });
  });

  test('when it failed, another is begun after the next heartbeat, not at once', () => {
    const member = compacted();
    member.takeEffects('send-snapshot');
    member.step({ kind: 'snapshot-failed', to: B, term: term(2) });
    expect([followerOf(member)?.state, member.takeEffects('send-snapshot')]).toEqual(['probe', []]);
    member.tick();
    member.receive(B, heartbeatReply(2, 1));
    expect(member.takeEffects('send-snapshot')).toHaveLength(1);
  });

  test('a report of another reign is nothing', () => {
    const member = compacted();
    member.step({ ...sent, term: term(1) });
    member.step({ kind: 'snapshot-failed', to: B, term: term(1) });
    expect(followerOf(member)?.state).toBe('snapshot');
  });

  test('also when the log was compacted beyond the snapshot while that was on its way (etcd#2918)', () => {
    const member = compacted();
    member.takeEffects('send-snapshot');
    member.receive(C, accepted(2, 7));
    member.compact(7);
    member.receive(B, accepted(2, 5));
    expect(followerOf(member)?.state).toBe('snapshot');
    member.step(sent);
    member.tick();
    member.receive(B, heartbeatReply(2, 1));
    expect(member.takeEffects('send-snapshot')).toMatchObject([{ indexMin: 7 }]);
  });
});

test('a learner receives everything and counts for nothing', () => {
  const member = leader({ configuration: configurationOf([A, B, C], { learners: [D] }) });
  acceptAll(member, D);
  expect(member.status.commitIndex).toBe(0);
  expect(followerOf(member, D)).toMatchObject({ state: 'replicate', matchIndex: 1 });
  acceptAll(member, B);
  expect(member.takeMessages(D)).toEqual([commitNotice(1, [1, 1])]);
});

test('in a joint configuration an entry is committed when both halves have it', () => {
  const member = leader({ configuration: configurationOf([A, B], { votersOutgoing: [A, C, D] }) });
  member.receive(C, accepted(1, 1));
  expect(member.status.commitIndex).toBe(0);
  member.receive(B, accepted(1, 1));
  expect(member.status.commitIndex).toBe(1);
});

test('a second message like the first does no harm', () => {
  const member = new TestMember({ term: 1 });
  const message = append(1, [0, 0], [1, 1]);
  member.receive(B, message);
  const before = member.status;
  member.receive(B, message);
  expect(member.takeMessages(B)).toEqual([accepted(1, 2), accepted(1, 2)]);
  expect(member.status).toEqual(before);
});
