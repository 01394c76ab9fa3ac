import { describe, expect, test } from '@jest/globals';
import type { MemberIdentity } from '@env-cli/keyspace';
import { ByteReader, ByteWriter } from '@env-cli/support';

import { Formation, type FormationStore, type Founding } from './formation.ts';
import { noStanding } from './standing.ts';
import { type Hello, type HelloExpectation, joiningId, protocolRange, refuseHello } from './hello.ts';

const formingId = new Uint8Array(16).fill(7);
const initialMembers = [1, 2, 3].map((memberId) => ({ memberId, address: `host${memberId}:1` }));

function disk(name: number): Uint8Array {
  return new Uint8Array(16).fill(name);
}

let foundings = 0;

function compose(members: readonly MemberIdentity[]): Uint8Array {
  // Stands in for 16 random bytes: the founder draws others each time.
  const writer = new ByteWriter().raw(disk(100 + ++foundings));
  for (const { memberId, diskId, address } of members) writer.u32(memberId).raw(diskId).text(address);
  return writer.take();
}

function read(bytes: Uint8Array): Founding {
  const reader = new ByteReader(bytes);
  const found = { clusterId: reader.raw(16), epoch: 1, members: [] as MemberIdentity[] };
  while (reader.remaining > 0) found.members.push({ memberId: reader.u32(), diskId: reader.raw(16), address: reader.text() });
  return found;
}

/** What stays of a member's forming when its process ends. */
class Kept implements FormationStore {
  promised: Uint8Array | null = null;
  founding: Uint8Array | null = null;

  promise(founderDiskId: Uint8Array): void {
    this.promised = founderDiskId;
  }

  found(founding: Uint8Array): void {
    this.founding = founding;
  }
}

function member(memberId: number, diskName = memberId, store = new Kept(), id = formingId): Formation & { readonly store: Kept } {
  const formation = new Formation(
    {
      formingId: id,
      memberId,
      diskId: disk(diskName),
      apiAddress: '',
      featureLevel: 1,
      startNonce: 1,
      initialMembers,
      compose,
      read,
    },
    store,
  );
  return Object.assign(formation, { store });
}

/** `asker` introduces itself to `asked`, and hears the answer; answers why one of them refused. */
function ask(asker: Formation, askerId: number, asked: Formation, askedId: number): string | null {
  const answer = asked.heard(asker.hello(askedId));
  if ('refusal' in answer) return answer.refusal.code;
  expect(answer.welcome.hello.memberId).toBe(askedId);
  void askerId;
  return asker.answered(answer.welcome)?.code ?? null;
}

describe('a cluster is founded once', () => {
  test('by the member with the lowest number, when it has heard from all; the others take what it decided', () => {
    const [one, two, three] = [member(1), member(2), member(3)];
    ask(one, 1, two, 2);
    expect(one.founding).toBeNull();
    ask(two, 2, three, 3);
    expect(two.founding).toBeNull();
    ask(one, 1, three, 3);
    expect(read(one.founding!).members.map(({ memberId, diskId }) => [memberId, diskId[0]])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    ask(two, 2, one, 1);
    // From a member that is no founder too.
    ask(three, 3, two, 2);
    expect([two.founding, three.founding]).toEqual([one.founding, one.founding]);
    expect(three.store.founding).toEqual(one.founding);
  });

  test('a member follows one disk of the founder for ever, also after it was started anew', () => {
    const kept = new Kept();
    ask(member(1), 1, member(2, 2, kept), 2);
    const wiped = member(1, 9);
    expect(ask(wiped, 1, member(2, 2, kept), 2)).toBe('other-disk');
    ask(wiped, 1, member(3), 3);
    expect(wiped.founding).toBeNull();
  });

  test('a founder that was wiped after it decided is refused by everybody who is formed', () => {
    const [one, two, three] = [member(1), member(2), member(3)];
    ask(one, 1, two, 2);
    ask(one, 1, three, 3);
    ask(two, 2, one, 1);
    const wiped = member(1, 9);
    expect(ask(wiped, 1, two, 2)).toBe('other-disk');
    // It follows the old disk, although it never got the decision.
    expect(ask(wiped, 1, three, 3)).toBe('other-disk');
  });

  test('a member that was wiped before it was formed is not the one that was founded', () => {
    const [one, two, three] = [member(1), member(2), member(3)];
    ask(one, 1, two, 2);
    ask(one, 1, three, 3);
    expect(ask(member(3, 8), 3, one, 1)).toBe('other-disk');
    expect(ask(two, 2, one, 1)).toBeNull();
  });

  test('with an id that the founder draws: founded anew with the same list, it is another cluster', () => {
    const [first, second] = [1, 2].map(() => {
      const [one, two, three] = [member(1), member(2), member(3)];
      expect(one.hello(2).clusterId).toBeNull();
      ask(one, 1, two, 2);
      ask(one, 1, three, 3);
      ask(two, 2, one, 1);
      expect(two.hello(1).clusterId).toEqual(one.hello(2).clusterId);
      return read(two.founding!).clusterId;
    });
    expect(first).not.toEqual(second);
  });

  test('at the lowest feature level that its founders understand: none of them is asked for more', () => {
    const levels: number[] = [];
    const founder = (memberId: number, featureLevel: number): Formation =>
      new Formation(
        {
          formingId,
          memberId,
          diskId: disk(memberId),
          apiAddress: '',
          featureLevel,
          startNonce: 1,
          initialMembers,
          compose: (members, level) => {
            levels.push(level);
            return compose(members);
          },
          read,
        },
        new Kept(),
      );
    const [one, two, three] = [founder(1, 4), founder(2, 2), founder(3, 3)];
    ask(one, 1, two, 2);
    ask(one, 1, three, 3);
    expect(levels).toEqual([2]);
  });

  test('a cluster of one founds itself', () => {
    const store = new Kept();
    const options = { formingId, memberId: 1, diskId: disk(1), apiAddress: '', featureLevel: 1, startNonce: 1, compose, read };
    expect(new Formation({ ...options, initialMembers: initialMembers.slice(0, 1) }, store).founding).toEqual(store.founding);
    expect(store.founding).not.toBeNull();
  });
});

describe('a hello is refused, with what to do next,', () => {
  const own: HelloExpectation = {
    formingId,
    clusterId: disk(50),
    epoch: 2,
    memberId: 1,
    diskIds: new Map([
      [1, disk(1)],
      [2, disk(2)],
    ]),
    memberIdLast: 3,
    initialMembers: [],
    featureLevel: 3,
  };
  const hello: Hello = {
    formingId,
    clusterId: disk(50),
    epoch: 2,
    memberId: 2,
    diskId: disk(2),
    toMemberId: 1,
    protocolMin: protocolRange.min,
    protocolMax: protocolRange.max,
    featureLevel: 3,
    apiAddress: 'a:1',
    founderDiskId: null,
    startNonce: 1,
    found: noStanding,
  };

  test.each([
    ['never, from a member with its own disk', {}, null],
    ['from another cluster', { clusterId: disk(8) }, 'other-cluster'],
    ['from the cluster that was founded before with the same list', { clusterId: disk(51), diskId: disk(9) }, 'other-cluster'],
    ['from the cluster as it was before it was restored', { epoch: 1 }, 'other-cluster'],
    ['never for the list that it was founded with', { formingId: disk(8) }, null],
    ['never while it forms with the same list', { clusterId: null, epoch: 0 }, null],
    ['while it forms with another list', { clusterId: null, formingId: disk(8) }, 'other-cluster'],
    ['when it looks for somebody else', { toMemberId: 5 }, 'not-me'],
    ['from a member of the same number', { memberId: 1 }, 'same-member'],
    ['from a member that is not in the configuration', { memberId: 4 }, 'unknown-member'],
    ['from a member that was removed', { memberId: 3, diskId: disk(3) }, 'removed-member'],
    ['never from one that joins and was added', { clusterId: null, epoch: 0, formingId: joiningId }, null],
    [
      'from one that joins with another disk than it was added with',
      { clusterId: null, formingId: joiningId, diskId: disk(9) },
      'other-disk',
    ],
    ['from one that joins and was not added', { clusterId: null, formingId: joiningId, memberId: 4 }, 'unknown-member'],
    ['with another disk', { diskId: disk(9) }, 'other-disk'],
    ['in a protocol of the future', { protocolMin: protocolRange.max + 1, protocolMax: protocolRange.max + 1 }, 'protocol'],
    ['in a protocol of the past', { protocolMin: 0, protocolMax: protocolRange.min - 1 }, 'protocol'],
    ['from a version that does not understand all commands', { featureLevel: 2 }, 'feature-level'],
  ] as const)('%s', (_why, changes, code) => {
    expect(refuseHello(own, { ...hello, ...changes })?.code ?? null).toBe(code);
  });
});
