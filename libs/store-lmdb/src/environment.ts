import { type Database, open, type RootDatabase } from 'lmdb';
import { type TableName, tableNames } from '@env-cli/keyspace';
import { keyBytesMax } from '@env-cli/snapshot-file';
import { assert } from '@env-cli/support';

/** One LMDB database of byte strings: a table of ours. */
export type TableHandle = Database<Uint8Array, Uint8Array>;

/** Bytes of address space for the file. It costs no memory and no disk: see {@link Environment}. */
export const mapBytesDefault = 64 * 2 ** 30;

export interface EnvironmentOptions {
  readonly mapBytes: number;
}

/**
 * One opening of an LMDB environment.
 *
 * A process maps a file once, whoever opens it how often (lmdb-js looks it up by inode); an opening has its own read
 * transaction, which lmdb-js hands from reader to reader of the *same* opening. That is why pins have an opening of their own.
 *
 * A map of 64 GiB costs address space only: measured, 1 MB of resident memory more than one of 1 MiB. It must be larger than
 * the file ever grows, for lmdb-js enlarges a full map by mapping the file again and keeping the old map beside it.
 */
export class Environment {
  readonly root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #tables = new Map<TableName, TableHandle>();
  readonly #ends = new Set<() => void>();

  constructor(directory: string, options: EnvironmentOptions) {
    const settings = {
      path: directory,
      // A path whose last part has a dot would be a file to lmdb-js.
      noSubdir: false,
      noSync: true,
      overlappingSync: false,
      useWritemap: false,
      mapSize: options.mapBytes,
      maxDbs: tableNames.length + 1,
      permissionsMode: 0o600,
      // Counts the pages that transactions write (`pagesWritten`), which is what a checkpoint must sync.
      trackMetrics: true,
      ...bytesOnly,
    };
    this.root = open<Uint8Array, Uint8Array>(settings);
    // Measured: 1,978 with pages of 4 KiB.
    assert(maxKeyBytes(this.root) >= keyBytesMax, 'this build of LMDB takes keys of 1,024 bytes');
  }

  /** Opens the tables that exist. Writes nothing. */
  openExistingTables(): void {
    this.#openTables(false);
  }

  /** The tables. The first call creates those that are missing, in one transaction each. */
  get tables(): Record<TableName, TableHandle> {
    this.#openTables(true);
    return Object.fromEntries(this.#tables) as Record<TableName, TableHandle>;
  }

  #openTables(create: boolean): void {
    for (const name of tableNames) {
      if (this.#tables.has(name)) continue;
      // Its types do not say that a missing table is answered by undefined.
      const options = { name, create, ...bytesOnly };
      const handle = this.root.openDB<Uint8Array, Uint8Array>(options) as TableHandle | undefined;
      if (handle !== undefined) this.#tables.set(name, handle);
    }
  }

  /** Pages written by transactions since the environment was opened. Reads counters; 10 µs. */
  pagesWritten(): number {
    const { pagesWritten } = this.root.getStats() as { readonly pagesWritten: number };
    this.root.resetReadTxn();
    return pagesWritten;
  }

  /** Calls `end` before the environment is closed. Answers how to take that back. */
  untilClosed(end: () => void): () => void {
    this.#ends.add(end);
    return () => this.#ends.delete(end);
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end();
    await this.root.close();
  }
}

export const dataFileName = 'data.mdb';
export const lockFileName = 'lock.mdb';

const bytesOnly = { keyEncoding: 'binary', encoding: 'binary' } as const;

function maxKeyBytes(root: object): number {
  return (root as { readonly maxKeySize: number }).maxKeySize;
}
