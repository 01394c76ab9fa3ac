import { afterPrefix, bytesOfBinaryText, type CachedTable, environmentKey, type ReadTables } from '@env-cli/keyspace';

import { decodeMirror, encodeMirror, type MirrorRow } from './mirror-row.ts';

/** The most mirrors of a cluster, whatever its limits say: each may add a row to every write. */
export const mirrorsCeiling = 500;

/** Mirrors that stay decoded from one transaction to the next. Null: not read yet. */
export interface MirrorCache {
  rows: Map<string, MirrorRow> | null;
}

/** All mirrors as a transaction sees them. They are few, and every write looks at all of its namespace. */
export class MirrorRows {
  readonly #table: CachedTable;
  readonly #rows: Map<string, MirrorRow>;
  readonly #dirty = new Set<string>();

  /** `cache` may hold what an earlier transaction on the same tables left. */
  constructor(table: CachedTable, tables: ReadTables, cache: MirrorCache) {
    this.#table = table;
    cache.rows ??= new Map(
      readMirrors(tables, null).map((mirror) => [environmentKey(mirror.namespace, mirror.definition.name), mirror]),
    );
    this.#rows = cache.rows;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** In no particular order: nothing that is computed may depend on it. */
  all(): IterableIterator<MirrorRow> {
    return this.#rows.values();
  }

  get(namespace: string, name: string): MirrorRow | null {
    return this.#rows.get(environmentKey(namespace, name)) ?? null;
  }

  byId(id: number): MirrorRow | null {
    for (const mirror of this.#rows.values()) if (mirror.id === id) return mirror;
    return null;
  }

  put(mirror: MirrorRow): void {
    const key = environmentKey(mirror.namespace, mirror.definition.name);
    this.#rows.set(key, mirror);
    this.#dirty.add(key);
  }

  remove(mirror: MirrorRow): void {
    const key = environmentKey(mirror.namespace, mirror.definition.name);
    this.#rows.delete(key);
    this.#dirty.add(key);
  }

  /** Writes what changed. */
  flush(): void {
    for (const key of this.#dirty) {
      const mirror = this.#rows.get(key);
      if (mirror === undefined) this.#table.remove(key);
      else this.#table.put(key, encodeMirror(mirror));
    }
    this.#dirty.clear();
    this.#table.flush();
  }
}

/** All mirrors of a namespace (null: of all), sorted by namespace and name. */
export function readMirrors(tables: ReadTables, namespace: string | null): MirrorRow[] {
  const bounds =
    namespace === null ? {} : { from: bytesOfBinaryText(environmentKey(namespace, '')), to: afterPrefix(namespace, '') };
  return tables
    .range('mirrors', { ...bounds, limit: mirrorsCeiling })
    .map(({ key, value }) => decodeMirror(namespaceOfKey(key), value));
}

/** One mirror, or null. */
export function readMirror(tables: ReadTables, namespace: string, name: string): MirrorRow | null {
  const bytes = tables.get('mirrors', bytesOfBinaryText(environmentKey(namespace, name)));
  return bytes === undefined ? null : decodeMirror(namespace, bytes);
}

/** The namespace in the key of a mirror's row. */
export function namespaceOfKey(key: Uint8Array): string {
  let namespace = '';
  for (let i = 0; key[i] !== 0 && i < key.length; i++) namespace += String.fromCharCode(key[i]!);
  return namespace;
}
