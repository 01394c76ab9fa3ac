import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';

import { StoreReader } from './reader.ts';
import { applyEntry, differenceAfter, openTestState, readPosition } from './testing/fixture.ts';
import { temporaryDirectory } from './testing/temporary.ts';
import type { ReaderCounts, ReaderData } from './testing/reader.worker.ts';

test('a thread that was told of a write reads it, however many it is told of in one turn', async () => {
  const store = await openTestState(temporaryDirectory());
  const { port1, port2 } = new MessageChannel();
  const count = 4_000;
  const workerData: ReaderData = { path: store.path, port: port2, count };
  const worker = new Worker(new URL('testing/reader.worker.ts', import.meta.url), { workerData, transferList: [port2] });
  const ended = once(worker, 'exit');
  await once(port1, 'message');

  const counted = once(port1, 'message');
  for (let index = 1; index <= count; index++) {
    store.transact((tables) => applyEntry(tables, index));
    port1.postMessage(index);
  }
  const [{ stale, staleWithoutCare }] = (await counted) as [ReaderCounts];
  expect(stale).toBe(0);
  // The test is able to see a stale read: with lmdb-js as it comes there are many.
  expect(staleWithoutCare).toBeGreaterThan(0);
  await ended;
  await store.abandon();
}, 10_000);

test('all reads of a snapshot see one transaction, and a pin sees its own until it is released', async () => {
  const store = await openTestState(temporaryDirectory());
  const reader = new StoreReader(store.path);
  const apply = (index: number): void => store.transact((tables) => applyEntry(tables, index));
  apply(1);
  const pin = reader.pin();
  reader.snapshot((tables) => {
    expect(readPosition(tables).appliedIndex).toBe(1);
    apply(2);
    expect(readPosition(tables).appliedIndex).toBe(1);
    expect(differenceAfter(tables, 1)).toBeNull();
  });
  expect(reader.snapshot((tables) => differenceAfter(tables, 2))).toBeNull();
  for (let index = 3; index <= 300; index++) apply(index);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(differenceAfter(pin.tables, 1)).toBeNull();
  const second = reader.pin();
  pin.release();
  pin.release();
  for (let index = 301; index <= 600; index++) apply(index);
  expect(differenceAfter(second.tables, 300)).toBeNull();
  expect(reader.snapshot((tables) => differenceAfter(tables, 600))).toBeNull();
  second.release();
  await reader.close();
  expect(() => reader.snapshot(() => undefined)).toThrow('a closed reader is not used');
  await store.abandon();
});
