import { describe, expect, test } from '@jest/globals';

import { accepted, append, candidate, leader, voteReply, voteRequest } from './testing/messages.ts';
import { B, C, TestMember } from './testing/test-member.ts';

describe('a request for a vote tells where the log ends (raft.pdf §5.4.1)', () => {
  const cases = [
    [[1], 2, [1, 1]],
    [[1, 2], 3, [2, 2]],
    [[], 1, [0, 0]],
  ] as const;
  test.each(cases)('of a log of the terms %j', (log, nextTerm, last) => {
    const member = candidate({ log });
    expect(member.takeOutbox().filter(({ message }) => message.kind === 'vote-request')).toEqual(
      [B, C].map((to) => ({ to, message: voteRequest(nextTerm, last) })),
    );
  });
});

describe('a vote is granted only to a log that lacks nothing: the last term decides, then the length (raft.pdf §5.4.1)', () => {
  const cases = [
    // why                                log        asker's last   granted
    ['the same log', [1], [1, 1], true],
    ['a longer one', [1], [2, 1], true],
    ['a shorter one', [1, 1], [1, 1], false],
    ['as long, and of a later term', [1], [1, 2], true],
    ['longer, and of a later term', [1], [2, 2], true],
    ['shorter, but of a later term', [1, 1], [1, 2], true],
    ['as long, but of an earlier term', [2], [1, 1], false],
    ['longer, but of an earlier term', [2], [2, 1], false],
    ['shorter, and of an earlier term', [2, 2], [1, 1], false],
  ] as const;
  test.each(cases)('%s', (_why, log, last, granted) => {
    const member = new TestMember({ log });
    member.receive(B, voteRequest(3, last));
    expect(member.takeMessages(B)).toEqual([voteReply(3, granted)]);
  });

  test('the end of the own log counts before it is on disk', () => {
    const member = new TestMember({ log: [1], random: () => 9 });
    member.holdDisk = true;
    member.receive(C, append(1, [1, 1], [1]));
    member.tick(10);
    member.receive(B, voteRequest(3, [1, 1]));
    member.flush();
    expect(member.takeMessages(B)).toEqual([voteReply(3, false)]);
  });
});

describe('entries of earlier terms are not committed by counting, however many have them (raft.pdf §5.4.2, figure 8)', () => {
  const cases = [
    // accepted up to, committed
    [1, 0],
    [2, 0],
    [3, 3],
  ] as const;
  test.each(cases)('a quorum has the log up to %i: committed up to %i', (match, committed) => {
    const member = leader({ log: [1, 2], term: 2 });
    member.receive(B, accepted(3, match));
    expect(member.status.commitIndex).toBe(committed);
  });
});
