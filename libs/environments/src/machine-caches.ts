import { type ClusterIdentity, metaKeys, readClusterIdentity, type ReadTables, type SessionCache } from '@env-cli/keyspace';
import type { MirrorCache } from '@env-cli/mirroring';

import type { Limits } from './limits.ts';
import { isSpaceLow, readIntegrity } from './integrity.ts';
import { limitsOf } from './limits-codec.ts';

/** What a state machine remembers from one transaction to the next. All of it stands in the tables as well. */
export interface MachineCaches {
  readonly sessions: SessionCache;
  readonly mirrors: MirrorCache;
  identity: ClusterIdentity | null;
  limits: Limits;
  /** The cluster has keys for secrets: none is let in that is not sealed. */
  seals: boolean;
  /** The alarm `space-low` stands. */
  spaceLow: boolean;
}

/** Caches of tables that nothing is known of yet. */
export function readCaches(tables: ReadTables): MachineCaches {
  return {
    sessions: new Map(),
    mirrors: { rows: null },
    identity: readClusterIdentity(tables),
    limits: limitsOf(tables),
    seals: tables.get('meta', metaKeys.keyring) !== undefined,
    spaceLow: isSpaceLow(readIntegrity(tables)),
  };
}
