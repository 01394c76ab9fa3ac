import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { SnapshotOffer } from '@env-cli/peers-grpc';
import type { Index, MemberId, Term } from '@env-cli/raft';

import { SnapshotTraffic } from './snapshot-traffic.ts';

const sender = 2 as MemberId;
const offer: SnapshotOffer = {
  header: { kind: 'snapshot', term: 3 as Term, index: 40 as Index, indexTerm: 3 as Term },
  id: new Uint8Array(16).fill(7),
  sizeBytes: 1_000,
};

let dataDir: string;
let traffic: SnapshotTraffic;
/** Resolves with the next report. */
let reported: Promise<string>;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'envcli-spools-'));
  reported = new Promise((report) => {
    const peers = { sendSnapshot: () => null };
    traffic = new SnapshotTraffic({ dataDir, peers, order: () => undefined, report, partSilenceMsMax: 50 });
  });
});
afterEach(async () => {
  await traffic.close();
  rmSync(dataDir, { recursive: true, force: true });
});

test('a part of a snapshot whose sender never returns is thrown away after its time-out, and that is said', async () => {
  const sink = await traffic.offered(sender, offer);
  await sink.append(new Uint8Array(100));
  expect(readdirSync(dataDir, { recursive: true })).toHaveLength(1);
  expect(await reported).toBe(
    'member 2 sent 100 of 1000 bytes of a snapshot and then nothing for 50 ms: the part is thrown away',
  );
  expect(readdirSync(dataDir, { recursive: true })).toEqual([]);
  // Who returns after all begins anew.
  expect((await traffic.offered(sender, offer)).receivedBytes).toBe(0);
});

test('a sender that returns in time goes on where it was', async () => {
  await (await traffic.offered(sender, offer)).append(new Uint8Array(100));
  const again = await traffic.offered(sender, offer);
  expect(again.receivedBytes).toBe(100);
  await again.append(new Uint8Array(100));
  expect(again.receivedBytes).toBe(200);
});
