import { describe, expect, test } from '@jest/globals';
import type { Index, PeerMessage, Term } from '@env-cli/raft';

import { DiskMemory, livesMax, rememberedDisksMax, Speaker } from './disk-memory.ts';
import { higherOf, lackOf, noStanding, promisedBy, type Standing } from './standing.ts';

function stands(term: number, votedFor: number, entryTerm: number, entryIndex: number): Standing {
  return { term, votedFor, entryTerm, entryIndex };
}

function disk(name: number): Uint8Array {
  return new Uint8Array(16).fill(name);
}

function hello(startNonce: number, found: Standing, diskId = disk(2)): Parameters<DiskMemory['refuse']>[0] {
  return { memberId: 2, diskId, startNonce, found };
}

describe('a disk lacks what it claimed when', () => {
  const claimed = stands(5, 2, 4, 100);
  test.each([
    // why                                                              found                    lacks
    ['never, when it is as it was', claimed, null],
    ['never, in a later term, with whatever vote', stands(6, 0, 4, 100), null],
    ['never, with a tail that was longer once: that was not committed', stands(5, 2, 4, 101), null],
    ['never, with a shorter log of a later term: it holds all that was committed', stands(6, 0, 5, 101), null],
    ['its term is an earlier one', stands(4, 2, 4, 100), 'it stands in term 4 and has been in term 5'],
    ['its vote is gone', stands(5, 0, 4, 100), 'it knows of no vote in term 5 and has voted for member 2'],
    ['its vote is another', stands(5, 3, 4, 100), 'it voted for member 3 in term 5 and has voted for member 2'],
    ['its log is shorter', stands(5, 2, 4, 99), 'its log ends with entry 99 of term 4'],
    ['its log is longer, with entries that were overwritten', stands(5, 2, 3, 900), 'its log ends with entry 900 of term 3'],
  ] as const)('%s', (_why, found, lacks) => {
    expect(lackOf(found, claimed)?.slice(0, lacks?.length) ?? null).toBe(lacks);
  });
});

test('of two claims, the higher vote and the higher entry count', () => {
  expect(higherOf(stands(5, 2, 1, 10), stands(4, 3, 2, 5))).toEqual(stands(5, 2, 2, 5));
  expect(higherOf(stands(5, 0, 1, 10), stands(5, 3, 1, 9))).toEqual(stands(5, 3, 1, 10));
  expect(higherOf(noStanding, stands(5, 3, 1, 9))).toEqual(stands(5, 3, 1, 9));
});

describe('a message says what its sender has on disk', () => {
  const term = 7 as Term;
  const [lastIndex, lastTerm] = [1 as Index, 1 as Term];
  test.each<[string, PeerMessage, [number, number] | null]>([
    ['its candidacy: a vote for itself', { kind: 'vote-request', term, lastIndex, lastTerm, transfer: false }, [7, 2]],
    ['a vote, for whom it is told', { kind: 'vote-reply', term, granted: true }, [7, 1]],
    ['a vote that is refused: the term alone', { kind: 'vote-reply', term, granted: false }, [7, 0]],
    ['a question ahead of an election: the term before', { kind: 'pre-vote-request', term, lastIndex, lastTerm }, [6, 0]],
    ['its refusal: the term', { kind: 'pre-vote-reply', term, granted: false }, [7, 0]],
    ['its grant: nothing, for it only repeats', { kind: 'pre-vote-reply', term, granted: true }, null],
    ['entries that it took: the term', { kind: 'append-accepted', term, matchIndex: lastIndex }, [7, 0]],
    ['the answer to a heartbeat: nothing, for it may overtake the disk', { kind: 'heartbeat-reply', term, round: 1 }, null],
    ['a read request: nothing', { kind: 'read-request', term, id: 1 }, null],
  ])('%s', (_why, message, said) => {
    expect(promisedBy(2, 1, message)).toEqual(said === null ? null : { term: said[0], votedFor: said[1] });
  });
});

describe('what a member remembers of the disks of others', () => {
  test('refuses a process that found less than processes before it claimed, and says what to do', () => {
    const memory = new DiskMemory([]);
    expect(memory.refuse(hello(1, noStanding))).toBeNull();
    memory.claimed(disk(2), 1, stands(3, 1, 2, 10));
    expect(memory.refuse(hello(2, stands(3, 1, 2, 10)))).toBeNull();
    const refusal = memory.refuse(hello(3, stands(3, 0, 2, 9)));
    expect(refusal?.code).toBe('older-disk');
    expect(refusal?.message).toMatch(/older copy of its own disk 0202.*start the member with it; otherwise remove member 2/);
    expect(memory.refuse(hello(3, noStanding, disk(3)))).toBeNull();
  });

  test('never measures a process by its own claims, whichever of them and of those before it comes first or late', () => {
    const memory = new DiskMemory([]);
    const foundByFirst = stands(1, 0, 1, 1);
    memory.claimed(disk(2), 1, stands(2, 2, 1, 5));
    const foundBySecond = stands(2, 2, 1, 7);
    expect(memory.refuse(hello(2, foundBySecond))).toBeNull();
    memory.claimed(disk(2), 2, stands(4, 2, 3, 20));
    // The hello that the first process sent before it died.
    expect(memory.refuse(hello(1, foundByFirst))).not.toBeNull();
    memory.claimed(disk(2), 1, stands(2, 2, 1, 6));
    expect(memory.refuse(hello(2, foundBySecond))).toBeNull();
  });

  test('is the same after it was written and read, and what was not written is let through', () => {
    const memory = new DiskMemory([]);
    memory.claimed(disk(2), 1, stands(3, 1, 2, 10));
    const written = memory.remembered;
    memory.claimed(disk(2), 1, stands(4, 1, 2, 10));
    const read = new DiskMemory(written);
    expect(read.remembered).toEqual(written);
    expect(read.refuse(hello(2, stands(3, 1, 2, 10)))).toBeNull();
    expect(read.refuse(hello(2, stands(3, 1, 2, 9)))).not.toBeNull();
    expect(read.refuse(hello(1, stands(2, 1, 2, 9)))).toBeNull();
  });

  test('tells whether there is anything new to write', () => {
    const memory = new DiskMemory([]);
    const speaker = new Speaker({ memberId: 2, diskId: disk(2), startNonce: 1 });
    const accepted = { kind: 'append-accepted', term: 3 as Term, matchIndex: 1 as Index } as const;
    memory.received(speaker, 1, accepted);
    expect([memory.changes, memory.remembered[0]?.lives[0]?.claimed]).toEqual([1, stands(3, 0, 0, 0)]);
    memory.received(speaker, 1, accepted);
    memory.claimed(disk(2), 1, stands(2, 0, 0, 0));
    expect(memory.changes).toBe(1);
    memory.received(speaker, 1, { kind: 'vote-reply', term: 3 as Term, granted: true });
    expect([memory.changes, memory.remembered[0]?.lives[0]?.claimed]).toEqual([2, stands(3, 1, 0, 0)]);
  });

  test('is bounded: the claims of processes long dead are kept as one, and only so many disks', () => {
    const memory = new DiskMemory([]);
    for (let nonce = 1; nonce <= livesMax + 2; nonce++) memory.claimed(disk(2), nonce, stands(nonce, 0, 1, 10));
    expect(memory.remembered[0]?.lives.map((life) => life.startNonce)).toEqual([3, 4, 5, 6]);
    expect(memory.remembered[0]?.earlier).toEqual(stands(2, 0, 1, 10));
    expect(memory.refuse(hello(9, stands(livesMax + 1, 0, 1, 10)))).not.toBeNull();
    for (let name = 3; name < 3 + rememberedDisksMax; name++) memory.claimed(disk(name), 1, stands(1, 0, 0, 0));
    expect(memory.remembered).toHaveLength(rememberedDisksMax);
  });

  test('forgets the disk of which nothing new was heard for longest, and never the one that was heard of last, however many there were', () => {
    const memory = new DiskMemory([]);
    for (let name = 1; name <= rememberedDisksMax; name++) memory.claimed(disk(name), 1, stands(1, 0, 0, 0));
    memory.claimed(disk(1), 1, stands(2, 0, 0, 0));
    memory.claimed(disk(100), 1, stands(1, 0, 0, 0));
    const read = new DiskMemory(memory.remembered);
    read.claimed(disk(101), 1, stands(1, 0, 0, 0));
    const refused = [1, 2, 3, 4, 100, 101].filter((name) => read.refuse(hello(2, noStanding, disk(name))) !== null);
    expect(refused).toEqual([1, 4, 100, 101]);
  });
});
