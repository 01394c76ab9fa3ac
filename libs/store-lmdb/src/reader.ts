import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadTables } from '@env-cli/keyspace';
import { assert } from '@env-cli/support';

import { dataFileName, Environment, mapBytesDefault } from './environment.ts';
import { CurrentTables } from './lmdb-tables.ts';
import { Pin } from './pin.ts';

/**
 * Reads the state on another thread of the process whose `Store` has it open. The store is opened first and closed last.
 */
export class StoreReader {
  readonly path: string;
  readonly #mapBytes: number;
  readonly #environment: Environment;
  #pins: Environment | null = null;
  readonly #read: CurrentTables;
  #closed = false;

  /** `path` is the store's. Blocks while a transaction of the store runs: opening the tables takes LMDB's lock for a moment. */
  constructor(path: string, options: { readonly mapBytes?: number } = {}) {
    // LMDB would make an empty state of a path that is wrong.
    assert(existsSync(join(path, dataFileName)), 'a reader is opened on the path of an open store');
    this.path = path;
    this.#mapBytes = options.mapBytes ?? mapBytesDefault;
    this.#environment = new Environment(path, { mapBytes: this.#mapBytes });
    this.#read = new CurrentTables(this.#environment.tables);
  }

  /**
   * Runs `work` on the newest transaction: everything that was acknowledged to this thread before the call is seen.
   *
   * lmdb-js keeps a read transaction for a turn of the event loop, so that a write which another thread acknowledged in
   * this turn would be missed (2,300 of 3,000 were): the old one is ended first. It is ended afterwards too, for LMDB
   * reuses no page that it sees. All reads of `work` see the same transaction, since `work` is synchronous.
   */
  snapshot<T>(work: (tables: ReadTables) => T): T {
    assert(!this.#closed, 'a closed reader is not used');
    assert(!this.#read.live, 'snapshots do not nest');
    const { root } = this.#environment;
    root.resetReadTxn();
    this.#read.live = true;
    try {
      return work(this.#read);
    } finally {
      this.#read.live = false;
      root.resetReadTxn();
    }
  }

  /** Holds the newest transaction for a reader of many turns. The file grows until it is released: the caller bounds the time. */
  pin(): Pin {
    assert(!this.#closed, 'a closed reader is not used');
    this.#pins ??= new Environment(this.path, { mapBytes: this.#mapBytes });
    // Its handles are opened before the pin is taken: a transaction cannot read tables that were opened after it began.
    void this.#pins.tables;
    return new Pin(this.#pins);
  }

  /** Releases the pins that are left. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pins?.close();
    await this.#environment.close();
  }
}
