import type { ReadTables, Tables } from '@env-cli/keyspace';
import type { StorePosition } from '@env-cli/snapshot-file';
import { ByteReader, ByteWriter } from '@env-cli/support';

import type { FoundedIdentity } from '../identity.ts';
import { openState } from '../state-directory.ts';
import type { Store, StoreOptions } from '../store.ts';

/** The member that the tests' directories belong to. */
export const owner: FoundedIdentity = {
  formingId: new Uint8Array(16).fill(0xf1),
  clusterId: new Uint8Array(16).fill(0xc1),
  memberId: 7,
  diskId: new Uint8Array(16).fill(0xd1),
};

export function openTestState(dataDirectory: string, options: Partial<StoreOptions> = {}): Promise<Store> {
  return openState(dataDirectory, { owner, readPosition, ...options });
}

const appliedKey = Uint8Array.of(1);

/** Reads what {@link applyEntry} wrote. */
export function readPosition(tables: ReadTables): StorePosition {
  const row = tables.get('meta', appliedKey);
  if (row === undefined) return { appliedIndex: 0, appliedTerm: 0, revision: 0, stateHashes: new Uint8Array() };
  const reader = new ByteReader(row);
  return { appliedIndex: reader.u64(), appliedTerm: reader.u64(), revision: reader.u64(), stateHashes: reader.bytes().slice() };
}

/** Keys that entries overwrite again and again. */
const environmentsMax = 2_000;

/** A stand-in for the state machine: entry n writes rows that depend on n alone, over and behind those of earlier entries. */
export function applyEntry(tables: Tables, index: number): void {
  tables.put('environments', environmentKey(index), valueOf(index));
  tables.put('changes', new ByteWriter().u64(index).take(), valueOf(index));
  if (index % 3 === 0) tables.remove('changes', new ByteWriter().u64(index / 3).take());
  tables.put(
    'meta',
    appliedKey,
    new ByteWriter()
      .u64(index)
      .u64(1)
      .u64(index * 2)
      .bytes(Uint8Array.of(index % 251))
      .take(),
  );
}

/** Whether the tables are those after the entries 1 … `index`; otherwise the first difference, in words. */
export function differenceAfter(tables: ReadTables, index: number): string | null {
  const environments = new Map<string, number>();
  for (let i = 1; i <= index; i++) environments.set(hex(environmentKey(i)), i);
  const found = tables.range('environments', { limit: environmentsMax + 1 });
  if (found.length !== environments.size) return `${found.length} environments instead of ${environments.size}`;
  for (const { key, value } of found) {
    const writer = environments.get(hex(key));
    if (writer === undefined || hex(value) !== hex(valueOf(writer))) return `environment ${hex(key)} is not of entry ${writer}`;
  }
  const changes = tables.range('changes', { limit: index + 1 });
  const first = Math.floor(index / 3) + 1;
  if (changes.length !== Math.max(0, index - first + 1)) return `${changes.length} changes from ${first} to ${index}`;
  for (const [at, { key, value }] of changes.entries()) {
    if (new ByteReader(key).u64() !== first + at || hex(value) !== hex(valueOf(first + at)))
      return `change ${first + at} is another`;
  }
  const { appliedIndex } = readPosition(tables);
  return appliedIndex === index ? null : `applied index ${appliedIndex}`;
}

function environmentKey(index: number): Uint8Array {
  return new ByteWriter().u32((Math.imul(index, 2_654_435_761) >>> 0) % environmentsMax).take();
}

/** 40 to 640 bytes; one in 50 needs pages of its own. */
function valueOf(index: number): Uint8Array {
  const length = index % 50 === 0 ? 9_000 : 40 + ((Math.imul(index, 40_503) >>> 0) % 600);
  return new Uint8Array(length).fill(index % 256);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
