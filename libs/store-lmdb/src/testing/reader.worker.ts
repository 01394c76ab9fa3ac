// A thread that is told of writes over a port and reads the state at once.
import { type MessagePort, workerData } from 'node:worker_threads';
import { open } from 'lmdb';

import { StoreReader } from '../reader.ts';
import { readPosition } from './fixture.ts';

export interface ReaderData {
  readonly path: string;
  readonly port: MessagePort;
  /** How many writes will be told of. */
  readonly count: number;
}

export interface ReaderCounts {
  /** Reads that missed the write which was told before. */
  readonly stale: number;
  /** The same with lmdb-js as it comes: it keeps its read transaction for a turn of the event loop. */
  readonly staleWithoutCare: number;
}

const { path, port, count } = workerData as ReaderData;
const reader = new StoreReader(path);
const plain = open<Uint8Array, Uint8Array>({
  path,
  noSubdir: false,
  noSync: true,
  maxDbs: 8,
  keyEncoding: 'binary',
  encoding: 'binary',
});
const plainMeta = plain.openDB<Uint8Array, Uint8Array>({ name: 'meta', keyEncoding: 'binary', encoding: 'binary' });
const plainTables = { get: (_table: string, key: Uint8Array) => plainMeta.get(key), range: () => [] };

let [heard, stale, staleWithoutCare] = [0, 0, 0];
port.on('message', (index: number) => {
  if (readPosition(plainTables).appliedIndex < index) staleWithoutCare++;
  if (reader.snapshot((tables) => readPosition(tables).appliedIndex) < index) stale++;
  heard++;
  if (heard < count) return;
  port.postMessage({ stale, staleWithoutCare } satisfies ReaderCounts);
  void close();
});
port.postMessage('ready');

async function close(): Promise<void> {
  await plain.close();
  await reader.close();
  port.close();
}
