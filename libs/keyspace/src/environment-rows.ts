import { ByteWriter } from '@env-cli/support';

import type { CachedTable } from './cached-table.ts';
import type { Chain } from './chain.ts';
import { encodeTombstone, EnvironmentReader, type Tombstone } from './environment-content.ts';
import { encodeEnvironmentRow, type EnvironmentRow, readEnvironmentRow } from './environment-row.ts';
import { environmentKey } from './keys.ts';

/** The environments as a transaction sees them. Rows are decoded once, and encoded when the transaction ends. */
export class EnvironmentRows {
  readonly #table: CachedTable;
  readonly #rows = new Map<string, EnvironmentRow | null>();
  readonly #dirty = new Set<string>();
  readonly #writer = new ByteWriter(1024);
  readonly #scratch = new ByteWriter(64);

  constructor(table: CachedTable) {
    this.#table = table;
  }

  /** The row of a name, or null when nothing is known of it. */
  get(namespace: string, name: string): EnvironmentRow | null {
    const key = environmentKey(namespace, name);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const bytes = this.#table.get(key);
    const row = bytes === undefined ? null : readEnvironmentRow(namespace, name, bytes);
    this.#rows.set(key, row);
    return row;
  }

  putLive(namespace: string, name: string, chain: Chain, content: Uint8Array): void {
    this.#set(environmentKey(namespace, name), { chain, live: new EnvironmentReader(namespace, name, content), tombstone: null });
  }

  putTombstone(namespace: string, name: string, chain: Chain, tombstone: Tombstone): void {
    this.#set(environmentKey(namespace, name), { chain, live: null, tombstone });
  }

  /** Forgets a tombstone. */
  removeTombstone(namespace: string, name: string): void {
    this.#set(environmentKey(namespace, name), null);
  }

  /** Writes what changed. */
  flush(): void {
    for (const key of this.#dirty) {
      const row = this.#rows.get(key)!;
      if (row === null) this.#table.remove(key);
      else this.#table.put(key, this.#encoded(row));
    }
    this.#dirty.clear();
    this.#table.flush();
  }

  #encoded(row: EnvironmentRow): Uint8Array {
    const content = row.live?.content ?? encodeTombstone(this.#scratch, row.tombstone!);
    return encodeEnvironmentRow(this.#writer, this.#scratch, row.live === null, row.chain, content);
  }

  #set(key: string, row: EnvironmentRow | null): void {
    this.#rows.set(key, row);
    this.#dirty.add(key);
  }
}
