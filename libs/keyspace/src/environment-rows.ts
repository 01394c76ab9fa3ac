import { ByteWriter } from '@env-cli/support';

import type { Chain } from './chain.ts';
import type { Tombstone } from './environment-content.ts';
import { encodeEnvironmentRow, EnvironmentRow, readEnvironmentRow } from './environment-row.ts';
import type { HashedTables } from './hashed-tables.ts';
import { environmentKeyBytes } from './keys.ts';
import type { Progress } from './progress.ts';
import { sizeOfEnvironment } from './state-size.ts';

interface CachedRow {
  readonly name: string;
  readonly key: Uint8Array;
  /** What the table holds. */
  stored: Uint8Array | undefined;
  /** What it is to hold, null for nothing. */
  row: EnvironmentRow | null;
  dirty: boolean;
}

const writer = new ByteWriter(64 * 1024);
const scratch = new ByteWriter(4096);

/**
 * The environments as a transaction sees them: rows are decoded once, and encoded and written when the transaction ends.
 *
 * As with `CachedTable`, nothing that is computed may depend on what is still unwritten.
 */
export class EnvironmentRows {
  readonly #tables: HashedTables;
  readonly #progress: Pick<Progress, 'stateBytes'>;
  readonly #namespaces = new Map<string, Map<string, CachedRow>>();
  readonly #dirty: CachedRow[] = [];

  /** Of `progress` it keeps the size. */
  constructor(tables: HashedTables, progress: Pick<Progress, 'stateBytes'>) {
    this.#tables = tables;
    this.#progress = progress;
  }

  /** The row of a name, or null when nothing is known of it. */
  get(namespace: string, name: string): EnvironmentRow | null {
    return this.#cached(namespace, name).row;
  }

  putLive(namespace: string, name: string, chain: Chain, content: Uint8Array): void {
    this.#set(namespace, name, new EnvironmentRow(namespace, name, chain, content, null));
  }

  putTombstone(namespace: string, name: string, chain: Chain, tombstone: Tombstone): void {
    this.#set(namespace, name, new EnvironmentRow(namespace, name, chain, null, tombstone));
  }

  /** Forgets a tombstone. */
  removeTombstone(namespace: string, name: string): void {
    this.#set(namespace, name, null);
  }

  /** Writes what changed, in the order of names: neighbouring rows share pages of the store. */
  flush(): void {
    if (this.#dirty.length === 0) return;
    this.#dirty.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const cached of this.#dirty) {
      const value = cached.row === null ? undefined : encodeEnvironmentRow(writer, scratch, cached.row);
      if (value !== undefined) this.#tables.put('environments', cached.key, value, cached.stored);
      else if (cached.stored !== undefined) this.#tables.remove('environments', cached.key, cached.stored);
      cached.stored = value;
      cached.dirty = false;
    }
    this.#dirty.length = 0;
  }

  #set(namespace: string, name: string, row: EnvironmentRow | null): void {
    const cached = this.#cached(namespace, name);
    this.#progress.stateBytes += sizeOf(cached.key, row) - sizeOf(cached.key, cached.row);
    cached.row = row;
    if (cached.dirty) return;
    cached.dirty = true;
    this.#dirty.push(cached);
  }

  #cached(namespace: string, name: string): CachedRow {
    let rows = this.#namespaces.get(namespace);
    if (rows === undefined) {
      rows = new Map();
      this.#namespaces.set(namespace, rows);
    }
    let cached = rows.get(name);
    if (cached === undefined) {
      const key = environmentKeyBytes(namespace, name);
      const stored = this.#tables.get('environments', key);
      const row = stored === undefined ? null : readEnvironmentRow(namespace, name, stored);
      cached = { name, key, stored, row, dirty: false };
      rows.set(name, cached);
    }
    return cached;
  }
}

function sizeOf(key: Uint8Array, row: EnvironmentRow | null): number {
  return row === null ? 0 : sizeOfEnvironment(key, row.content, row.tombstone);
}
