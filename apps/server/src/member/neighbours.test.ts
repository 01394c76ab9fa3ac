import { describe, expect, test } from '@jest/globals';
import { type Hello, introductionOf, noStanding } from '@env-cli/replica';

import { Neighbours } from './neighbours.ts';

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const founding = new Uint8Array(100).fill(5);
const addressOf = (memberId: number): string => `10.0.0.${memberId}:7381`;
const memberOf = (memberId: number) => ({ memberId, diskId: id(memberId), address: addressOf(memberId) });
const known = (...memberIds: readonly number[]) => ({
  members: memberIds.map(memberOf),
  memberIdLast: Math.max(...memberIds),
  featureLevel: 1,
  replacements: new Map<number, number>(),
});

function neighboursOf(memberId: number): Neighbours {
  return new Neighbours({
    formingId: id(9),
    clusterId: id(8),
    epoch: 1,
    memberId,
    diskId: id(memberId),
    apiAddress: `api${memberId}:1`,
    featureLevelMax: 2,
    startNonce: memberId,
    founding,
  });
}

/** Member 3, which was away when members 4 and up were added. */
function behind(): Neighbours {
  const neighbours = neighboursOf(3);
  neighbours.know(known(1, 2, 3));
  return neighbours;
}

const helloOf = (memberId: number, changes: Partial<Hello> = {}): Hello => ({
  ...neighboursOf(memberId).hello(3, noStanding),
  ...changes,
});
const introduced = (hello: Hello, by = founding) => introductionOf(by, hello, addressOf(hello.memberId));

/** Member 3, which was added and has no state yet: it was told of itself and of member 2. */
function joining(): Neighbours {
  const neighbours = neighboursOf(3);
  neighbours.know({ ...known(1, 2), memberIdLast: 0 });
  neighbours.beNew([memberOf(3), { memberId: 2, address: 'told:7381' }]);
  return neighbours;
}

describe('a member that was away lets in who was added meanwhile', () => {
  test('by the proof that it was, and finds it where it says', () => {
    const neighbours = behind();
    const hello = helloOf(4);
    expect(neighbours.refuse(hello)).toMatchObject({ code: 'unknown-member' });
    expect(neighbours.admit(hello, introduced(hello))).toBe(true);
    expect(neighbours.refuse(hello)).toBeNull();
    expect(neighbours.reachable).toContainEqual(memberOf(4));
    // Said again with the same address there is nobody else to dial.
    expect(neighbours.admit(hello, introduced(hello))).toBe(false);
    // It is none of the members that the state names.
    expect(neighbours.others).toEqual([1, 2].map(memberOf));
  });

  test('as it introduces itself, once its own state names it', () => {
    const neighbours = neighboursOf(4);
    neighbours.know(known(1, 2));
    expect(neighbours.introduction(3)).toBeNull();
    neighbours.know(known(1, 2, 4));
    expect(behind().admit(helloOf(4), neighbours.introduction(3)!)).toBe(true);
  });

  test.each([
    ['without the first entry', helloOf(4), introduced(helloOf(4), new Uint8Array(100).fill(6))],
    ['with the proof of somebody else', helloOf(4), introduced(helloOf(5))],
    ['with a number that was given before', helloOf(1, { diskId: id(7) }), introduced(helloOf(1, { diskId: id(7) }))],
    ['before it is formed', helloOf(4, { clusterId: null, epoch: 0 }), introduced(helloOf(4))],
    ['of another cluster', helloOf(4, { clusterId: id(7) }), introduced(helloOf(4))],
  ])('not %s', (_why, hello, introduction) => {
    const neighbours = behind();
    expect(neighbours.admit(hello, introduction)).toBe(false);
    expect(neighbours.refuse(hello)).not.toBeNull();
    expect(neighbours.reachable).toEqual([1, 2].map(memberOf));
  });

  test('to bring messages and snapshots, and for nothing else before the state names it', () => {
    const neighbours = behind();
    const hello = helloOf(4);
    neighbours.admit(hello, introduced(hello));
    for (const refusal of [neighbours.refuseUnnamed(hello), neighbours.refuseIdentity(hello)])
      expect(refusal).toMatchObject({ code: 'unknown-member' });
    expect(neighbours.refuseUnnamed(hello)?.message).toContain('was added while this one was away');
    neighbours.know(known(1, 2, 3, 4));
    expect([neighbours.refuseUnnamed(hello), neighbours.refuseIdentity(hello)]).toEqual([null, null]);
  });

  test('and finds it at its new address when it has moved', () => {
    const neighbours = behind();
    neighbours.admit(helloOf(4), introduced(helloOf(4)));
    const moved = helloOf(4, { startNonce: 77 });
    expect(neighbours.admit(moved, introductionOf(founding, moved, 'elsewhere:7381'))).toBe(true);
    expect(neighbours.reachable).toContainEqual({ ...memberOf(4), address: 'elsewhere:7381' });
  });

  test('with the disk that it came with first, and no other', () => {
    const neighbours = behind();
    neighbours.admit(helloOf(4), introduced(helloOf(4)));
    const other = helloOf(4, { diskId: id(7) });
    expect(neighbours.admit(other, introduced(other))).toBe(false);
    expect(neighbours.refuse(other)).toMatchObject({ code: 'other-disk' });
  });

  test('32 of them', () => {
    const neighbours = behind();
    const hellos = Array.from({ length: 33 }, (_, at) => helloOf(4 + at));
    expect(hellos.map((hello) => neighbours.admit(hello, introduced(hello)))).toEqual([...Array<boolean>(32).fill(true), false]);
  });

  test('until its own state tells', () => {
    const neighbours = behind();
    for (const memberId of [4, 5, 6]) {
      neighbours.admit(helloOf(memberId), introduced(helloOf(memberId)));
      neighbours.met(helloOf(memberId));
    }
    neighbours.know(known(1, 2, 3, 5));
    expect(neighbours.reachable).toEqual([1, 2, 5, 6].map(memberOf));
    expect(neighbours.refuse(helloOf(4))).toMatchObject({ code: 'removed-member' });
    // What was heard of who is gone is forgotten.
    expect([4, 5, 6].map((memberId) => neighbours.apiAddress(memberId))).toEqual([null, 'api5:1', 'api6:1']);
  });
});

describe('a member that has no state yet', () => {
  test('finds those that it was told of, and the founders', () => {
    expect(joining().reachable).toEqual([memberOf(1), { memberId: 2, address: 'told:7381' }]);
  });

  test('finds whoever introduces itself, for the one that leads may be none of them', () => {
    const neighbours = joining();
    const hello = helloOf(5);
    expect(neighbours.admit(hello, introduced(hello, new Uint8Array(100).fill(6)))).toBe(false);
    expect(neighbours.admit(hello, introduced(hello))).toBe(true);
    expect(neighbours.admit(hello, introduced(hello))).toBe(false);
    expect(neighbours.reachable.map(({ memberId }) => memberId)).toEqual([1, 2, 5]);
    // The first entry tells of the founders alone: it is let in as before.
    neighbours.know(known(1, 2));
    expect(neighbours.refuse(hello)).toBeNull();
    expect(neighbours.reachable.map(({ memberId, address }) => [memberId, address])).toEqual(
      [1, 2, 5].map((memberId) => [memberId, addressOf(memberId)]),
    );
  });
});
