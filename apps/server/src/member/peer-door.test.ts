import { expect, test } from '@jest/globals';
import { DiskMemory, type Hello, introductionOf, noStanding, type Replica } from '@env-cli/replica';

import { Neighbours } from './neighbours.ts';
import { PeerDoor } from './peer-door.ts';
import type { SnapshotTraffic } from './snapshot-traffic.ts';

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const founding = new Uint8Array(100).fill(5);
const address = '10.0.0.3:7381';
const memberOf = (memberId: number) => ({ memberId, diskId: id(memberId), address: `10.0.0.${memberId}:7381` });

function neighboursOf(memberId: number): Neighbours {
  const who = { memberId, diskId: id(memberId), apiAddress: `api${memberId}:1`, startNonce: memberId };
  return new Neighbours({ formingId: id(9), clusterId: id(8), epoch: 1, featureLevelMax: 2, founding, ...who });
}

test('whoever was added while a member was away comes in with messages and a snapshot alone, and is dialed', () => {
  const neighbours = neighboursOf(1);
  const known = { memberIdLast: 2, featureLevel: 1, replacements: new Map<number, number>() };
  neighbours.know({ members: [1, 2].map(memberOf), ...known });
  const said: string[] = [];
  const dialed: number[][] = [];
  const door = new PeerDoor(1, neighbours, {
    log: (_level, message) => said.push(message),
    fail: (error) => {
      throw error;
    },
    atEnd: () => undefined,
  });
  const hello: Hello = neighboursOf(3).hello(1, noStanding);
  door.admit(hello, introductionOf(founding, hello, address));
  expect(door.refuse(hello)).toMatchObject({ code: 'not-formed' });

  door.open({
    founding,
    replica: { found: noStanding, eachFollower: () => undefined } as Partial<Replica> as Replica,
    snapshots: {} as SnapshotTraffic,
    memory: new DiskMemory([]),
    connectionsChanged: () => undefined,
    guestCame: () => dialed.push(neighbours.reachable.map(({ memberId }) => memberId)),
  });
  expect(door.refuse(hello)).toMatchObject({ code: 'unknown-member' });
  for (let time = 0; time < 2; time++) door.admit(hello, introductionOf(founding, hello, address));
  expect(door.refuse(hello)).toBeNull();
  expect(dialed).toEqual([[2, 3]]);
  expect(said).toEqual([`member 3 at ${address} was not known here, and proves that it was added: it is let in`]);
  // It forwards nothing, fetches nothing, and is told nothing.
  expect(door.refuseUnnamed(hello)).toMatchObject({ code: 'unknown-member' });
  expect(door.greet(hello)).toMatchObject({ refusal: { code: 'unknown-member' } });

  neighbours.know({ members: [1, 2, 3].map(memberOf), ...known, memberIdLast: 3 });
  expect(door.refuseUnnamed(hello)).toBeNull();
  expect(door.greet(hello)).toMatchObject({ welcome: { founding } });
});
