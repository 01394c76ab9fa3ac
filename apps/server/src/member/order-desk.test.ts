import { expect, test } from '@jest/globals';
import type { MemberId, Status } from '@env-cli/raft';
import { type Hello, noStanding, type Replica } from '@env-cli/replica';

import type { OrderAnswer } from './member-orders.ts';
import { OrderDesk } from './order-desk.ts';

const hello: Hello = {
  formingId: new Uint8Array(16),
  clusterId: null,
  epoch: 0,
  memberId: 4,
  diskId: new Uint8Array(16).fill(4),
  toMemberId: 1,
  protocolMin: 1,
  protocolMax: 2,
  featureLevel: 2,
  apiAddress: 'd:7371',
  founderDiskId: null,
  startNonce: 1,
  found: noStanding,
};

/** What comes of asking who waits to be added, in a cluster of a feature level. */
function greeted(featureLevel: number): Promise<OrderAnswer> {
  const peers = { connected: [], hello: () => Promise.resolve({ welcome: { hello, founding: new Uint8Array() } }) };
  const desk = new OrderDesk({ replica: {} as never, memberId: 1, peers, featureLevel: () => featureLevel });
  return new Promise((done) => desk.carryOut({ kind: 'greet', memberId: 4, address: 'd:7381', withinMs: 1_000 }, done));
}

test('a member that waits to be added is found, with its disk', async () => {
  expect(await greeted(2)).toEqual({ kind: 'greeted', diskId: hello.diskId, apiAddress: 'd:7371' });
});

test('one whose program does not understand the feature level of the cluster is not: it would be refused as a member', async () => {
  const message = 'member 4 understands commands up to feature level 2, the cluster is at 3. Start it with a newer version.';
  expect(await greeted(3)).toEqual({ kind: 'not-let-in', refusal: { code: 'feature-level', message } });
});

/** What comes of a change of a cluster of three of which member 1 leads or follows, and is connected to some. */
function changed(role: 'leader' | 'follower', connected: readonly number[], force?: boolean): OrderAnswer {
  const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], learnersJoining: [] };
  const status = { role, configuration, commitIndex: 9, followers: [] } as unknown as Status;
  const replica: Pick<Replica, 'withholds' | 'changeMembership'> = {
    withholds: false,
    changeMembership: (_changes, done, isSafe) => done({ kind: isSafe!(status) ? 'done' : 'unsafe' }),
  };
  const peers = { connected, hello: () => Promise.reject(new Error('nobody is greeted')) };
  const desk = new OrderDesk({ replica: replica as Replica, memberId: 1, peers, featureLevel: () => 1 });
  const answers: OrderAnswer[] = [];
  const changes = [{ kind: 'remove', member: 2 as MemberId }] as const;
  desk.carryOut({ kind: 'change', changes, ...(force === undefined ? {} : { force }) }, (answer) => answers.push(answer));
  expect(answers).toHaveLength(1);
  return answers[0]!;
}

test('a change that would lose the quorum is refused by what is so when the core is asked, unless it is forced', () => {
  const refusal = { code: 'quorum-needed', members: [2], answering: 1, needed: 2 };
  expect(changed('leader', [2])).toEqual({ kind: 'refused', refusal });
  expect(changed('leader', [2, 3])).toEqual({ kind: 'done' });
  expect(changed('leader', [2], true)).toEqual({ kind: 'done' });
  // Whoever does not lead is refused by the core.
  expect(changed('follower', [2])).toEqual({ kind: 'done' });
});
