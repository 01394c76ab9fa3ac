import { BrokenInvariant } from '@env-cli/support';
import { describe, expect, test } from '@jest/globals';

import { encodeConfiguration } from './configuration.ts';
import { sizeOf } from './entry-cache.ts';
import { acceptAll, accepted, append, commitNotice, leader } from './testing/messages.ts';
import { A, B, C, configurationOf, D, entry, index, term, TestMember } from './testing/test-member.ts';

const handedOut = (member: TestMember) =>
  member.takeEffects('apply').map(({ entries }) => entries.map((one) => one.index as number));
const one = sizeOf(entry(1, 1));

describe('what is handed out and not applied yet is bounded', () => {
  test('in bytes; the rest follows as room comes', () => {
    const member = new TestMember({ term: 1, applyingBytesMax: 2 * one });
    member.holdApply = true;
    member.receive(B, append(1, [0, 0], [1, 1, 1, 1, 1], 5));
    expect(handedOut(member)).toEqual([[1, 2]]);
    member.step({ kind: 'applied', index: index(1) });
    expect(handedOut(member)).toEqual([]);
    member.step({ kind: 'applied', index: index(2) });
    expect(handedOut(member)).toEqual([[3, 4]]);
    member.step({ kind: 'applied', index: index(4) });
    expect(handedOut(member)).toEqual([[5]]);
    expect(member.status).toMatchObject({ applyingIndex: 5, appliedIndex: 4 });
  });

  test('but one entry always goes', () => {
    const member = new TestMember({ term: 1, applyingBytesMax: 1 });
    member.receive(B, append(1, [0, 0], [1, 1, 1], 3));
    expect(handedOut(member)).toEqual([[1], [2], [3]]);
  });

  test('only what was handed out is reported as applied', () => {
    const member = new TestMember({ log: [1, 1], applied: 1 });
    expect(() => member.step({ kind: 'applied', index: index(2) })).toThrow(BrokenInvariant);
  });
});

describe('what is not in memory is read from the log, and applied once', () => {
  test('after a start the replay is read in pieces', () => {
    const member = new TestMember({ log: [1, 1, 1, 1, 1, 1], applied: 2, applyingBytesMax: 2 * one });
    member.holdApply = true;
    member.receive(B, commitNotice(1, [6, 1]));
    expect(member.takeEffects('load')).toEqual([{ kind: 'load', id: 1, from: 3, to: 7, bytesMax: 2 * one }]);
    // The log counts only data, so that more may come than there was room for.
    expect(handedOut(member)).toEqual([[3, 4, 5, 6]]);
  });

  test('one load at a time, up to where memory begins', () => {
    const member = new TestMember({ log: [1, 1, 1], applied: 0 });
    member.holdLoads = true;
    member.receive(B, append(1, [3, 1], [1], 4));
    member.receive(B, append(1, [4, 1], [1], 5));
    expect(member.takeEffects('load')).toMatchObject([{ from: 1, to: 4 }]);
    member.load();
    expect(handedOut(member)).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  test('a log that has not got what is not applied yet stops the member', () => {
    const member = new TestMember({ log: [1, 1, 1] });
    member.holdLoads = true;
    member.receive(B, commitNotice(1, [3, 1]));
    expect(() => member.step({ kind: 'loaded', id: 1, entries: [] })).toThrow(BrokenInvariant);
  });
});

describe('the log lets go of what is applied', () => {
  test('and of nothing else', () => {
    const member = new TestMember({ log: [1, 1, 1], applied: 2 });
    member.compact(2);
    expect(member.status).toMatchObject({ previousIndex: 2, lastIndex: 3 });
    expect(() => member.step({ kind: 'released', index: index(3) })).toThrow(BrokenInvariant);
  });

  test('a member that starts behind it knows the terms that are left', () => {
    const member = new TestMember({ log: [1, 2, 2, 3], applied: 3 });
    member.compact(3);
    member.restart();
    member.receive(B, append(3, [3, 2], [3, 3]));
    expect(member.takeMessages(B)).toEqual([accepted(3, 5)]);
  });
});

describe('a configuration takes effect when it is handed out to be applied', () => {
  const next = configurationOf([A, B, C, D]);
  const change = (at: number) =>
    ({ index: index(at), term: term(1), kind: 'configuration', data: encodeConfiguration(next) }) as const;

  test('not when it is appended: a truncation takes nothing back', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, { ...append(1, [0, 0]), entries: [change(1)] });
    expect(member.status.configurationIndex).toBe(0);
    member.receive(C, append(2, [0, 0], [2], 1));
    expect(member.status).toMatchObject({ configuration: configurationOf([A, B, C]), configurationIndex: 0 });
  });

  test('when it is committed and flushed, and again after a restart', () => {
    const member = new TestMember({ term: 1 });
    member.receive(B, { ...append(1, [0, 0], [], 1), entries: [change(1)] });
    expect(member.status).toMatchObject({ configuration: next, configurationIndex: 1 });
    member.restart();
    expect(member.status).toMatchObject({ configuration: next, configurationIndex: 1 });
  });

  test('at a leader the quorum changes with it, and new members are sent the log', () => {
    // The change is in the log of a leader that was elected with it.
    const member = new TestMember({ term: 1 });
    member.receive(B, { ...append(1, [0, 0]), entries: [change(1)] });
    member.tick(10);
    member.receive(C, { kind: 'pre-vote-reply', term: term(2), granted: true });
    member.receive(C, { kind: 'vote-reply', term: term(2), granted: true });
    member.takeOutbox();
    acceptAll(member, B);
    expect(member.status.followers.map(({ id }) => id)).toEqual([B, C, D]);
    expect(member.takeMessages(D)).toMatchObject([{ kind: 'append', previousIndex: 2 }]);
    member.propose('x=1');
    member.receive(B, accepted(2, 3));
    expect(member.status.commitIndex).toBe(2);
    member.receive(D, accepted(2, 3));
    expect(member.status.commitIndex).toBe(3);
  });
});

test('limits that no member could live with are refused', () => {
  for (const options of [{ electionTicks: 1 }, { heartbeatTicks: 10 }, { appendBytesMax: 0 }, { cacheBytesMax: 0.5 }]) {
    expect(() => new TestMember(options)).toThrow(BrokenInvariant);
  }
  expect(leader({ electionTicks: 2 }).status.role).toBe('leader');
});
