import { describe, expect, test } from '@jest/globals';

import {
  append,
  candidate,
  commitNotice,
  heartbeat,
  leader,
  preCandidate,
  preVoteRequest,
  rejected,
  voteReply,
  voteRequest,
} from './testing/messages.ts';
import { B, C, TestMember } from './testing/test-member.ts';

const roles = [
  ['a follower', () => new TestMember({ term: 1 })],
  ['a pre-candidate', () => preCandidate({ term: 1 })],
  ['a candidate', () => candidate({ term: 1 })],
  ['a leader', () => leader({ term: 1 })],
] as const;

describe('a later term is followed by whoever hears of it (raft.pdf §5.1)', () => {
  test.each(roles)('%s', (_who, create) => {
    const member = create();
    member.receive(B, append(9, [0, 0]));
    expect(member.status).toMatchObject({ role: 'follower', term: 9, leader: B });
    expect(member.disk.hardState).toEqual({ term: 9, votedFor: null });
  });
});

describe('a request of an earlier term is refused with the present one, and changes nothing (raft.pdf §5.1)', () => {
  const cases = [
    ['an append', append(3, [0, 0], [3]), { kind: 'stale-term', term: 5 }],
    ['a heartbeat', heartbeat(3), { kind: 'stale-term', term: 5 }],
    ['a commit', commitNotice(3, [1, 3]), { kind: 'stale-term', term: 5 }],
    ['a request for a vote', voteRequest(3, [99, 4]), { kind: 'vote-reply', term: 5, granted: false }],
    ['a request for a pre-vote', preVoteRequest(4, [99, 4]), { kind: 'pre-vote-reply', term: 5, granted: false }],
  ] as const;
  test.each(cases)('%s', (_what, message, answer) => {
    const member = new TestMember({ term: 5 });
    const before = member.status;
    member.receive(B, message);
    expect(member.takeMessages(B)).toEqual([answer]);
    expect(member.status).toEqual(before);
  });

  test('an answer to one of an earlier term is nothing', () => {
    for (const message of [voteReply(4), rejected(4, 1, [0, 0])]) {
      const member = candidate({ term: 5 });
      member.takeOutbox();
      const before = member.status;
      expect(member.receive(C, message)).toEqual([]);
      expect(member.status).toEqual(before);
    }
  });
});
