import { expect, test } from '@jest/globals';
import { type Hello, noStanding } from '@env-cli/replica';

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
  const peers = { hello: () => Promise.resolve({ welcome: { hello, founding: new Uint8Array() } }) };
  const desk = new OrderDesk({ replica: {} as never, peers, featureLevel: () => featureLevel });
  return new Promise((done) => desk.carryOut({ kind: 'greet', memberId: 4, address: 'd:7381', withinMs: 1_000 }, done));
}

test('a member that waits to be added is found, with its disk', async () => {
  expect(await greeted(2)).toEqual({ kind: 'greeted', diskId: hello.diskId, apiAddress: 'd:7371' });
});

test('one whose program does not understand the feature level of the cluster is not: it would be refused as a member', async () => {
  const message = 'member 4 understands commands up to feature level 2, the cluster is at 3. Start it with a newer version.';
  expect(await greeted(3)).toEqual({ kind: 'not-let-in', refusal: { code: 'feature-level', message } });
});
