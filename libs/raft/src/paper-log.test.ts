import { describe, expect, test } from '@jest/globals';

import { acceptAll, accepted, append, commitNotice, heartbeat, leader } from './testing/messages.ts';
import { TestCluster } from './testing/test-cluster.ts';
import { A, B, C, configurationOf, D, E, entry, index, TestMember } from './testing/test-member.ts';

const five = configurationOf([A, B, C, D, E]);

test('a leader appends a proposal to its log and sends it to all others at once (raft.pdf §5.3)', () => {
  const member = leader();
  acceptAll(member, B, C);
  member.takeOutbox();
  member.propose('x=1');
  const added = entry(2, 1, 'x=1');
  expect(member.takeOutbox()).toEqual(
    [B, C].map((to) => ({
      to,
      message: { kind: 'append', term: 1, previousIndex: 1, previousTerm: 1, entries: [added], commit: 1 },
    })),
  );
  expect(member.disk.entries.at(-1)).toEqual(added);
  expect(member.status.commitIndex).toBe(1);
});

test('once a quorum has an entry it is applied here, and the others are told (raft.pdf §5.3)', () => {
  const member = leader();
  acceptAll(member, B, C);
  member.propose('x=1');
  member.takeOutbox();
  member.receive(B, accepted(1, 2));
  expect(member.appliedTexts).toEqual(['x=1']);
  expect(member.takeOutbox()).toEqual([B, C].map((to) => ({ to, message: commitNotice(1, [2, 1]) })));
});

describe('an entry is committed when a quorum has it, not before (raft.pdf §5.3)', () => {
  const cases = [
    [1, [], true],
    [2, [], false],
    [2, [B], true],
    [3, [], false],
    [3, [B], true],
    [4, [B], false],
    [4, [B, C], true],
    [5, [B], false],
    [5, [B, C], true],
    [5, [B, C, D, E], true],
  ] as const;
  test.each(cases)('of %i members, beside the leader, %j have it: %s', (count, have, isCommitted) => {
    const member = leader({ configuration: configurationOf(five.voters.slice(0, count)) });
    for (const from of five.voters.slice(1, count)) acceptAll(member, from);
    member.propose('x=1');
    for (const from of have) member.receive(from, accepted(1, 2));
    expect(member.appliedTexts).toEqual(isCommitted ? ['x=1'] : []);
  });
});

describe('an entry of the own term commits all before it, of whatever terms (raft.pdf §5.3)', () => {
  test.each([[[]], [[2]], [[1, 2]], [[1]], [[1, 1, 2, 3]]] as const)('behind entries of the terms %j', (log) => {
    const member = leader({ log, term: 3 });
    member.propose('x=1');
    const last = log.length + 2;
    member.receive(B, accepted(4, last));
    expect(member.state.applied.map((one) => one.term)).toEqual([...log, 4, 4]);
    expect(member.status.appliedIndex).toBe(last);
  });
});

describe('a follower applies what the leader has committed, in order (raft.pdf §5.3)', () => {
  const cases = [
    // entries, commit in the append, applied
    [['a'], 1, ['a']],
    [['a', 'b'], 2, ['a', 'b']],
    [['b', 'a'], 2, ['b', 'a']],
    [['a', 'b'], 1, ['a']],
    [['a', 'b'], 9, ['a', 'b']],
  ] as const;
  test.each(cases)('of %j committed up to %i: %j', (texts, committed, applied) => {
    const member = new TestMember({ term: 1 });
    const entries = texts.map((text, at) => entry(at + 1, 1, text));
    member.receive(B, { ...append(1, [0, 0], [], committed), entries });
    expect(member.appliedTexts).toEqual(applied);
  });

  test('also when it hears of it by a heartbeat, or by the commit index alone', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, append(1, [0, 0], [1, 1, 1]));
    member.receive(B, heartbeat(1, 1));
    expect(member.status.appliedIndex).toBe(1);
    member.receive(B, commitNotice(1, [3, 1]));
    expect(member.status.appliedIndex).toBe(3);
  });
});

describe('entries are taken only behind one that both have; else the answer says where that could be (raft.pdf §5.3)', () => {
  const cases = [
    // why                                          behind    answer
    ['at the beginning', [0, 0], { kind: 'append-accepted', matchIndex: 1 }],
    ['behind what is committed', [1, 1], { kind: 'append-accepted', matchIndex: 1 }],
    ['behind the last', [2, 2], { kind: 'append-accepted', matchIndex: 2 }],
    ['the entry before has another term', [2, 1], { kind: 'append-rejected', rejectedIndex: 2, hintIndex: 1, hintTerm: 1 }],
    ['the entry before is missing', [3, 3], { kind: 'append-rejected', rejectedIndex: 3, hintIndex: 2, hintTerm: 2 }],
  ] as const;
  test.each(cases)('%s', (_why, [previousIndex, previousTerm], answer) => {
    const member = new TestMember({ log: [1, 2], applied: 1 });
    member.receive(B, append(2, [previousIndex, previousTerm]));
    expect(member.takeMessages(B)).toEqual([{ ...answer, term: 2 }]);
  });
});

describe('entries that disagree are replaced, and only those (raft.pdf §5.3)', () => {
  const cases = [
    // why                                            log        behind  entries     log after        written
    ['all are new', [1, 2], [2, 2], [3], [1, 2, 3], [3]],
    ['the second disagrees', [1, 2], [1, 1], [3, 4], [1, 3, 4], [2, 3]],
    ['all are there', [1, 2], [0, 0], [1], [1, 2], []],
    ['the first disagrees', [1, 2], [0, 0], [3], [3], [1]],
    ['a late, shorter message takes nothing away', [1, 2, 2, 2, 2], [1, 1], [2, 2], [1, 2, 2, 2, 2], []],
    ['half are there', [1, 2, 2], [1, 1], [2, 2, 3], [1, 2, 2, 3], [4]],
  ] as const;
  test.each(cases)('%s', (_why, log, [previousIndex, previousTerm], entries, after, written) => {
    const member = new TestMember({ log, term: 4 });
    member.receive(B, append(4, [previousIndex, previousTerm], entries));
    expect(member.logTerms).toEqual(after);
    expect(member.takeEffects('store').flatMap((store) => store.entries.map((one) => one.index as number))).toEqual(written);
    expect(member.takeMessages(B)).toEqual([accepted(4, previousIndex + entries.length)]);
  });
});

describe("a leader makes every follower's log its own (raft.pdf §5.3, figure 7)", () => {
  const leaderLog = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const cases = [
    ['a: one entry is missing', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b: six are', [1, 1, 1, 4]],
    ['c: one is too many', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ["d: a later term's are", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e: some are of another term', [1, 1, 1, 4, 4, 4, 4]],
    ['f: most are of terms that led nowhere', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ] as const;
  test.each(cases)('%s', (_which, log) => {
    // The follower has another leader's log, so a third member is needed to elect this one.
    const cluster = new TestCluster([A, B, C], (id) => ({ log: id === B ? log : leaderLog, term: 7 }));
    cluster.elect(A);
    cluster.at(A).propose('x=1');
    cluster.deliver();
    const expected = [...leaderLog, 8, 8];
    expect(cluster.at(B).logTerms).toEqual(expected);
    expect(cluster.at(B).status).toMatchObject({ commitIndex: index(12), appliedIndex: index(12) });
    expect(cluster.at(B).disk.entries).toEqual(cluster.at(A).disk.entries);
  });
});
