import { BrokenInvariant } from '@env-cli/support';
import { describe, expect, test } from '@jest/globals';

import {
  accepted,
  append,
  commitNotice,
  heartbeat,
  heartbeatReply,
  preVoteRequest,
  voteReply,
  voteRequest,
} from './testing/messages.ts';
import type { State } from './testing/test-member.ts';
import { A, B, C, configurationOf, D, entriesOf, index, term, TestMember } from './testing/test-member.ts';

describe('a follower commits no further than the message that tells it reaches (raft.pdf §5.3)', () => {
  const cases = [
    // why                                                    message                     committed
    ['the leader has committed beyond this message', append(3, [1, 1], [2], 4), 2],
    ['what follows here is of a leader that is no more', append(3, [1, 1], [], 4), 1],
    ['the leader has committed less', append(3, [1, 1], [2], 1), 1],
    ['an entry that is not here', commitNotice(3, [9, 3]), 0],
    ['an entry that has another term here', commitNotice(3, [4, 3]), 0],
    ['an entry that is here', commitNotice(3, [2, 2]), 2],
    ['what this follower is known to have', heartbeat(3, 2), 2],
  ] as const;
  test.each(cases)('%s', (_why, message, committed) => {
    const member = new TestMember({ log: [1, 2, 2, 2], term: 3 });
    member.receive(B, message);
    expect(member.status.commitIndex).toBe(committed);
  });
});

describe('what cannot be in a correct cluster stops the member', () => {
  const cases = [
    ['committed entries would be overwritten', append(3, [2, 2], [3])],
    ['a leader commits what this disk has lost', heartbeat(3, 9)],
    ['two leaders in one term', append(3, [4, 2]), C],
  ] as const;
  test.each(cases)('%s', (_what, message, from = B) => {
    const member = new TestMember({ log: [1, 2, 2, 2], term: 3 });
    member.receive(B, commitNotice(3, [2, 2]));
    // Reaches behind the commit index, which a leader's message never does.
    if (message.kind === 'append' && from === B) Object.assign(message, append(3, [2, 2]), { entries: entriesOf([3], 2) });
    expect(() => member.receive(from, message)).toThrow(BrokenInvariant);
  });
});

test('what is committed is answered for, whatever a late message says', () => {
  const member = new TestMember({ log: [1, 2, 2, 2], term: 3 });
  member.receive(B, commitNotice(3, [3, 2]));
  member.receive(B, append(3, [1, 1], [9, 9, 9]));
  expect(member.takeMessages(B)).toEqual([accepted(3, 3)]);
  expect(member.logTerms).toEqual([1, 2, 2, 2]);
});

test('after a start nothing is committed but what is applied, until a leader says so', () => {
  const member = new TestMember({ log: [1, 1, 1], applied: 1 });
  expect(member.status).toMatchObject({ commitIndex: 1, appliedIndex: 1, lastIndex: 3, flushedIndex: 3 });
});

const snapshotOf = (at: number, ofTerm: number): State => ({
  index: index(at),
  term: term(ofTerm),
  applied: entriesOf(Array.from({ length: at }, () => ofTerm)),
  configuration: configurationOf([A, B, C, D]),
  configurationIndex: index(at - 1),
});
const header = (at: number, ofTerm: number, sent = 3) =>
  ({ kind: 'snapshot', term: term(sent), index: index(at), indexTerm: term(ofTerm) }) as const;

describe('a snapshot is installed only if it brings what the log cannot', () => {
  const cases = [
    // why                                                  snapshot       effect            log after      committed
    ['it is older than what is committed', header(1, 1), 'discard-snapshot', [1, 2, 2, 2], 2],
    ['it ends with an entry that the log has: the rest is kept', header(3, 2), 'discard-snapshot', [1, 2, 2, 2], 3],
    ['it ends behind the log', header(9, 3), 'install-snapshot', [], 9],
    ['the log has another entry there: none of it is kept', header(3, 3), 'install-snapshot', [], 3],
    ['its sender leads no more', header(9, 2, 2), 'discard-snapshot', [1, 2, 2, 2], 2],
  ] as const;
  test.each(cases)('%s', (_why, message, effect, logAfter, committed) => {
    const member = new TestMember({ log: [1, 2, 2, 2], term: 3 });
    member.receive(B, commitNotice(3, [2, 2]));
    expect(member.receive(B, message).map((one) => one.kind)).toContain(effect);
    if (effect === 'install-snapshot') member.install(snapshotOf(message.index, message.indexTerm));
    expect(member.logTerms).toEqual(logAfter);
    expect(member.status).toMatchObject({ commitIndex: committed, appliedIndex: committed });
    // Both ways the leader hears how far it is, and an earlier one of the present term.
    const answer = message.term === 3 ? accepted(3, committed) : { kind: 'stale-term', term: 3 };
    expect(member.takeMessages(B)).toEqual([answer]);
  });

  test('it is older than what the log still has', () => {
    const member = new TestMember({ log: [1, 2, 2, 2], term: 3, applied: 3 });
    member.compact(3);
    expect(member.receive(B, header(2, 2))[0]).toEqual({ kind: 'discard-snapshot', from: B, index: 2 });
    expect(member.status).toMatchObject({ installing: false, appliedIndex: 3 });
  });

  test('it brings its configuration, and the log begins behind it', () => {
    const member = new TestMember({ log: [1], term: 3 });
    member.receive(B, header(9, 3));
    member.install(snapshotOf(9, 3));
    expect(member.status).toMatchObject({
      configurationIndex: 8,
      configuration: configurationOf([A, B, C, D]),
      previousIndex: 9,
    });
    member.receive(B, append(3, [9, 3], [3], 10));
    expect(member.status).toMatchObject({ lastIndex: 10, appliedIndex: 10 });
    expect(member.disk).toMatchObject({ previous: { index: 9, term: 3 }, hardState: { term: 3 } });
  });
});

test('a snapshot that comes with a later term is installed behind the write of that term', () => {
  const member = new TestMember({ log: [1], term: 1 });
  member.holdDisk = true;
  expect(member.receive(B, header(9, 3, 4)).map((effect) => effect.kind)).toEqual(['store', 'install-snapshot', 'role']);
});

/** A follower that has begun to install a snapshot of 9. */
function installing(): TestMember {
  const member = new TestMember({ log: [1, 2, 2, 2], term: 3, random: () => 9 });
  member.holdApply = true;
  member.receive(B, commitNotice(3, [2, 2]));
  member.receive(B, header(9, 3));
  member.takeOutbox();
  return member;
}

describe('while a snapshot is installed', () => {
  test('entries are neither taken, nor refused, nor applied', () => {
    const member = installing();
    member.takeEffects('apply');
    for (const message of [append(3, [4, 2], [3], 5), commitNotice(3, [4, 2]), append(3, [9, 3])]) {
      expect(member.receive(B, message)).toEqual([]);
    }
    expect(member.status).toMatchObject({ lastIndex: 4, commitIndex: 2, installing: true });
  });

  test('nor handed out, though there is room for them', () => {
    const member = new TestMember({ term: 3, applyingBytesMax: 1 });
    member.holdApply = true;
    member.receive(B, append(3, [0, 0], [1, 2, 2, 2], 4));
    member.receive(B, header(9, 3));
    expect(member.status.applyingIndex).toBe(1);
    expect(member.step({ kind: 'applied', index: member.status.applyingIndex })).toEqual([]);
  });

  test('heartbeats and votes are answered as ever', () => {
    const member = installing();
    member.receive(B, heartbeat(3, 9, 5));
    member.tick(10);
    member.receive(C, voteRequest(4, [9, 3]));
    expect(member.takeOutbox().map(({ message }) => message)).toEqual([heartbeatReply(3, 5), voteReply(4)]);
  });

  test('the member does not stand: its log is about to go', () => {
    const member = installing();
    member.tick(100);
    expect(member.status).toMatchObject({ role: 'follower', leader: null });
    member.step({ kind: 'snapshot-refused' });
    member.tick(1);
    expect(member.status.role).toBe('pre-candidate');
  });

  test('another one is not wanted', () => {
    const member = installing();
    expect(member.receive(B, header(20, 3))).toEqual([{ kind: 'discard-snapshot', from: B, index: 20 }]);
  });

  test('what was handed out before is applied before, and reported late without harm', () => {
    const member = installing();
    member.install(snapshotOf(9, 3));
    expect(member.step({ kind: 'applied', index: index(2) })).toEqual([]);
    expect(member.status).toMatchObject({ appliedIndex: 9, applyingIndex: 9 });
  });

  test('an answer from before says nothing on the log that comes after', () => {
    const member = new TestMember({ log: [1, 2, 2, 2], term: 3, cacheBytesMax: 1 });
    member.holdLoads = true;
    member.receive(B, commitNotice(3, [4, 2]));
    member.receive(B, header(9, 3));
    member.install(snapshotOf(9, 3));
    member.load();
    expect(member.status.appliedIndex).toBe(9);
  });

  test('a crash at any place leaves a member that can go on', () => {
    const before = installing();
    before.restart();
    expect(before.status).toMatchObject({ lastIndex: 4, installing: false });
    // The state is the snapshot's, and the log not reset yet.
    const between = installing();
    between.holdDisk = true;
    between.install(snapshotOf(9, 3));
    expect(between.takeOutbox()).toEqual([]);
    between.restart();
    expect(between.status).toMatchObject({ previousIndex: 9, lastIndex: 9, appliedIndex: 9, term: 3 });
  });

  test('the leader hears of it when the log has begun anew on disk', () => {
    const member = installing();
    member.holdDisk = true;
    member.install(snapshotOf(9, 3));
    expect(member.takeOutbox()).toEqual([]);
    member.flush();
    expect(member.takeOutbox()).toEqual([{ to: B, message: accepted(3, 9) }]);
  });
});

test('a pre-vote is refused to a log that ends before the snapshot which was installed', () => {
  const member = new TestMember({ log: [1], term: 3, random: () => 9 });
  member.receive(B, header(9, 3));
  member.install(snapshotOf(9, 3));
  member.tick(10);
  member.takeOutbox();
  member.receive(C, preVoteRequest(4, [8, 3]));
  expect(member.takeMessages(C)).toMatchObject([{ granted: false }]);
});
