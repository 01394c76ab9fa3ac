import { metaKeys, readProgress, type ReadTables } from '@env-cli/keyspace';
import type { StorePosition } from '@env-cli/store-lmdb';

/** Where the tables stand, as checkpoints and snapshots say it. */
export function positionOfTables(tables: ReadTables): StorePosition {
  const { appliedIndex, appliedTerm, revision } = readProgress(tables);
  return { appliedIndex, appliedTerm, revision, stateHashes: tables.get('meta', metaKeys.hashes) ?? new Uint8Array() };
}
