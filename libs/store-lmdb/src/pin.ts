import type { Transaction } from 'lmdb';
import type { ReadTables } from '@env-cli/keyspace';

import type { Environment } from './environment.ts';
import { PinnedTables } from './lmdb-tables.ts';

/**
 * A read transaction that is held until it is released. LMDB reuses no page that it can see, so the file grows by what is
 * written meanwhile: whoever holds one bounds the time.
 */
export class Pin {
  readonly #environment: Environment;
  readonly #transaction: Transaction;
  readonly #end: () => void;
  #released = false;

  /**
   * Pins the newest transaction. `environment` serves pins alone.
   *
   * lmdb-js hands its one read transaction from reader to reader of an opening and renews it lazily, so: end the one of
   * before, take one and renew it (`useReadTransaction` does, and counts the use), then make lmdb-js forget it as its
   * current one, so that neither its timer nor the next reader can reset it.
   */
  constructor(environment: Environment) {
    this.#environment = environment;
    this.#end = environment.untilClosed(() => this.release());
    environment.root.resetReadTxn();
    this.#transaction = environment.root.useReadTransaction();
    environment.root.resetReadTxn();
  }

  /**
   * The tables as they were. Those that were opened after the pin was taken cannot be read. Reads throw {@link PinReleased}
   * once the pin is released.
   */
  get tables(): ReadTables {
    return new PinnedTables(this.#environment.tables, () => {
      if (this.#released) throw new PinReleased('what is read is no longer pinned: the pin was released, or its store closed');
      return this.#transaction;
    });
  }

  /** Lets LMDB reuse what this pin saw. May be called again. Closing the store, or the reader, releases all that is left. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#end();
    this.#transaction.done();
  }
}

/** A pin was read after its end, as by a long copy whose store was closed meanwhile. */
export class PinReleased extends Error {
  override readonly name = 'PinReleased';
}
