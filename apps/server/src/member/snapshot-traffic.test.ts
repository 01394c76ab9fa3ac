import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { SnapshotOffer } from '@env-cli/peers-grpc';
import type { Index, MemberId, Term } from '@env-cli/raft';

import { SnapshotTraffic } from './snapshot-traffic.ts';
import type { SnapshotOrder } from './thread-messages.ts';

const sender = 2 as MemberId;
const offer: SnapshotOffer = {
  header: { kind: 'snapshot', term: 3 as Term, index: 40 as Index, indexTerm: 3 as Term },
  id: new Uint8Array(16).fill(7),
  sizeBytes: 1_000,
};

const replica = {
  appliedIndex: 0 as Index,
  received: () => undefined,
  snapshotBegun: () => undefined,
  snapshotFailed: () => undefined,
  snapshotInstalled: () => undefined,
  snapshotRefused: () => undefined,
  snapshotSent: () => undefined,
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

test('a sender that returns while its last bytes are still being written goes on behind them', async () => {
  const sink = await traffic.offered(sender, offer);
  const written = sink.append(new Uint8Array(100));
  expect((await traffic.offered(sender, offer)).receivedBytes).toBe(100);
  await written;
});

describe('members that lack what the log let go of', () => {
  /** What the apply thread was asked, and the snapshots that went out: to whom, which file, and how they end. */
  let orders: SnapshotOrder[];
  let sent: { to: number; file: string; end: (problem: string | null) => void }[];
  const term = 3 as Term;

  /** The apply thread has copied the state. */
  async function copied(index: number): Promise<void> {
    const path = join(dataDir, `spool-${index}`);
    writeFileSync(path, new Uint8Array(1_000));
    const before = sent.length;
    traffic.answered({ kind: 'spooled', path, index, term });
    while (sent.length === before) await new Promise((resolve) => setImmediate(resolve));
  }

  function sending(spoolKeepMs: number): void {
    orders = [];
    sent = [];
    const peers = {
      sendSnapshot: (to: MemberId, { id }: SnapshotOffer, _source: unknown, end: (problem: string | null) => void) => {
        sent.push({ to, file: Buffer.from(id).toString('hex'), end });
        return { cancel: () => undefined };
      },
    };
    traffic = new SnapshotTraffic({
      dataDir,
      peers,
      order: (order) => void orders.push(order),
      report: () => undefined,
      spoolKeepMs,
    });
    replica.appliedIndex = 40 as Index;
    traffic.serve(replica);
  }

  test('at the same time are sent one copy of the state, which goes when all have it', async () => {
    sending(60_000);
    traffic.send(2 as MemberId, term, 10 as Index);
    traffic.send(3 as MemberId, term, 12 as Index);
    await copied(40);
    // One that comes while it is being sent.
    traffic.send(4 as MemberId, term, 40 as Index);
    while (sent.length < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(orders).toEqual([{ kind: 'spool' }]);
    expect(sent.map(({ to }) => to).toSorted((a, b) => a - b)).toEqual([2, 3, 4]);
    expect(new Set(sent.map(({ file }) => file)).size).toBe(1);
    sent[0]!.end(null);
    sent[1]!.end(null);
    expect(readdirSync(dataDir)).toEqual(['spool-40']);
    sent[2]!.end(null);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('are sent another one when that is too old for the log by now', async () => {
    sending(60_000);
    traffic.send(2 as MemberId, term, 10 as Index);
    await copied(40);
    replica.appliedIndex = 60 as Index;
    traffic.send(3 as MemberId, term, 41 as Index);
    await new Promise((resolve) => setImmediate(resolve));
    expect(orders).toHaveLength(2);
    await copied(60);
    expect(sent[0]!.file).not.toBe(sent[1]!.file);
    for (const { end } of sent) end(null);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('go on with the same copy when it was not taken to its end, also when another was made meanwhile', async () => {
    sending(60_000);
    traffic.send(2 as MemberId, term, 10 as Index);
    await copied(40);
    sent[0]!.end('the stream broke');
    replica.appliedIndex = 60 as Index;
    traffic.send(3 as MemberId, term, 60 as Index);
    await copied(60);
    traffic.send(2 as MemberId, 4 as Term, 30 as Index);
    while (sent.length < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(sent.map(({ to, file }) => [to, file === sent[0]!.file])).toEqual([
      [2, true],
      [3, false],
      [2, true],
    ]);
    expect(orders).toHaveLength(2);
  });

  test('and wish for more than the state here has applied are refused without a copy of it', async () => {
    sending(60_000);
    await expect(traffic.snapshotWanted(2 as MemberId, 41 as Index)).rejects.toThrow(
      'the state here has applied index 40, and one of 41 at least is needed',
    );
    expect(orders).toEqual([]);
  });
});

describe('a copy that cannot be made', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test('is tried again after a pause, and not with each word of whoever needs it', async () => {
    const orders: SnapshotOrder[] = [];
    const reports: string[] = [];
    const failed: (readonly [MemberId, Term])[] = [];
    const sending = new SnapshotTraffic({
      dataDir,
      peers: { sendSnapshot: () => null },
      order: (order) => orders.push(order),
      report: (message) => reports.push(message),
      copyRetryMs: 50,
    });
    sending.serve({ ...replica, snapshotFailed: (to, term) => failed.push([to, term]) });
    sending.send(sender, 3 as Term, 0 as Index);
    sending.answered({ kind: 'spool-failed', problem: 'no room' });
    await jest.advanceTimersByTimeAsync(49);
    expect(failed).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(failed).toEqual([[sender, 3]]);
    expect([orders, reports.at(-1)]).toEqual([
      [{ kind: 'spool' }],
      'there is no copy of the state for member 2: the state could not be copied: no room',
    ]);
    await sending.close();
  });
});
