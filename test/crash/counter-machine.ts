import { crc32 } from 'node:zlib';
import type { ReadTables, Tables } from '@env-cli/keyspace';
import type { StorePosition } from '@env-cli/store-lmdb';
import { ByteReader, ByteWriter } from '@env-cli/support';

/** A run of committed entries of one term, both ends inclusive. */
export interface CommittedRun {
  readonly from: number;
  readonly to: number;
  readonly term: number;
}

/** Rows that are overwritten again and again, all over a tree of some hundred pages. */
const counters = 1500;
/** Rows that are added at one end and removed at the other. */
const changesKept = 300;
const positionKey = Uint8Array.of(0);

/** A stand-in for the state machine: what an entry does is a function of the state, its index and its term. */
export function applyEntry(tables: Tables, index: number, term: number): void {
  for (let row = 0; row < 4; row++) tables.put('environments', counterKey(index, row), valueOf(index, term, row));
  tables.put('changes', changeKey(index), valueOf(index, term, 4));
  if (index > changesKept) tables.remove('changes', changeKey(index - changesKept));
  if (index % 5 === 0) tables.put('outbox', counterKey(index, 5), valueOf(index, term, 5));
  if (index % 7 === 0) tables.remove('outbox', counterKey(index - 2, 5));
  // A chain over all entries that were applied: one that was applied twice, or left out, shows for ever.
  const before = positionOf(tables).stateHashes;
  const hash = new ByteWriter().u32(crc32(new ByteWriter().raw(before).u64(index).u64(term).take())).take();
  tables.put('meta', positionKey, new ByteWriter().u64(index).u64(term).raw(hash).take());
}

/** Where the state stands. */
export function positionOf(tables: ReadTables): StorePosition {
  const row = tables.get('meta', positionKey);
  if (row === undefined) return { appliedIndex: 0, appliedTerm: 0, revision: 0, stateHashes: new Uint8Array(4) };
  const reader = new ByteReader(row);
  const appliedIndex = reader.u64();
  return { appliedIndex, appliedTerm: reader.u64(), revision: appliedIndex, stateHashes: reader.raw(4).slice() };
}

function counterKey(index: number, row: number): Uint8Array {
  return new ByteWriter().u32((Math.imul(index * 8 + row, 2_654_435_761) >>> 0) % counters).take();
}

function changeKey(index: number): Uint8Array {
  return new ByteWriter().u64(index).take();
}

function valueOf(index: number, term: number, row: number): Uint8Array {
  return new Uint8Array(60 + ((index * 37 + row * 101) % 300)).fill(index + 3 * term + 7 * row);
}
