import { closeSync, fdatasync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadTables, Tables } from '@env-cli/keyspace';
import { assert } from '@env-cli/support';

import { type Checkpoint, type StateOwner, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { dataFileName, Environment, mapBytesDefault } from './environment.ts';
import { StoreFailed } from './failure.ts';
import { CurrentTables, WriteTables } from './lmdb-tables.ts';
import { parseMetaPages } from './meta-pages.ts';
import { Pin } from './pin.ts';
import { positionText, type ReadPosition, samePosition, type StorePosition } from './position.ts';
import { restoreMetaPages } from './recovery.ts';
import { DataDirectoryRefused, repairByReplacement } from './refusal.ts';

export interface StoreOptions {
  readonly owner: StateOwner;
  /** Reads the position from the rows that the applying transaction wrote. */
  readonly readPosition: ReadPosition;
  /** Called once, when a transaction or a checkpoint fails: the member stops. */
  readonly onFailure?: (failure: StoreFailed) => void;
  /** Milliseconds after which a checkpoint is due. Defaults to 1,000. */
  readonly checkpointMs?: number;
  /** Bytes written after which a checkpoint is due, in whole pages. Defaults to 64 MiB. */
  readonly checkpointBytes?: number;
  /** Address space for LMDB's file; larger than it ever grows. Defaults to 64 GiB, which costs no memory. */
  readonly mapBytes?: number;
}

const checkpointMsDefault = 1_000;
const checkpointBytesDefault = 64 * 2 ** 20;

/** Rows between two looks at LMDB's counters: a row dirties a handful of pages, so the bound on bytes is kept to a few MiB. */
const rowsBetweenLooks = 256;

/**
 * The state's one writer: transactions without an fsync each, made safe by checkpoints (docs/ARCHITECTURE.md, "LMDB without
 * fsync, and still safe"). It lives on the apply thread; other threads read by `StoreReader`.
 */
export class Store {
  /** The directory of this state, for readers on other threads. */
  readonly path: string;
  /** Where the state stood when it was opened: the log is replayed from `appliedIndex + 1` on. */
  readonly opened: StorePosition;
  /** Whether the last run ended without {@link stop}: transactions after the checkpoint were undone. */
  readonly recovered: boolean;

  readonly #options: StoreOptions;
  readonly #environment: Environment;
  /** Pins have an opening of their own: lmdb-js would hand a pin's transaction to the readers of the same one. */
  readonly #pins: Environment;
  readonly #write: WriteTables;
  readonly #read: CurrentTables;
  /** LMDB's file, opened before the first write: Linux reports a failed write-back to those who had it open. */
  readonly #file: number;
  #checkpointed: Checkpoint;
  #pin: Pin;
  #checkpointing: Promise<StorePosition> | null = null;
  #checkpointedAtMs: number | null = null;
  #pagesAtCheckpoint = 0;
  #rowsAtLook = 0;
  #pagesAtLook = 0;
  #failure: StoreFailed | null = null;
  #closed = false;
  #inTransaction = false;

  private constructor(path: string, options: StoreOptions) {
    this.path = path;
    this.#options = options;
    this.#checkpointed = readCheckpoint(path, options.owner);
    this.recovered = restoreMetaPages(path, this.#checkpointed);
    const mapBytes = options.mapBytes ?? mapBytesDefault;
    this.#pins = new Environment(path, { mapBytes });
    // Pinned before anything can write: opening all tables writes if one is missing. Those that exist are opened before the
    // pin, for a transaction cannot read tables that were opened after it began.
    this.#pins.openExistingTables();
    this.#pin = new Pin(this.#pins);
    this.#environment = new Environment(path, { mapBytes });
    this.#write = new WriteTables(this.#environment.tables);
    this.#read = new CurrentTables(this.#environment.tables);
    this.#file = openSync(join(path, dataFileName), 'r+');
    this.opened = this.snapshot(options.readPosition);
  }

  /**
   * Opens a state at its checkpoint. There is one way, after a clean stop, a `kill -9` and a power loss: the checkpoint's
   * meta pages are put back and pinned, and the caller replays its log. A clean stop ends with a checkpoint, so that the
   * pages are there already and nothing is replayed.
   */
  static async open(path: string, options: StoreOptions): Promise<Store> {
    const store = new Store(path, options);
    const { position } = store.#checkpointed;
    if (samePosition(store.opened, position)) return store;
    await store.abandon();
    const what = `its tables stand at ${positionText(store.opened)}, its checkpoint at ${positionText(position)}`;
    throw new DataDirectoryRefused('state-damaged', path, what, repairByReplacement);
  }

  /**
   * Runs `work` in one transaction and commits it, visible to all threads when the call returns, durable with the next
   * checkpoint. `work` reads what it wrote. If it throws, nothing is applied and the store goes on.
   *
   * Throws {@link StoreFailed} when the disk fails or is full: nothing of the transaction is applied, and the store is at its end.
   */
  transact<T>(work: (tables: Tables) => T): T {
    this.#assertUsable();
    assert(!this.#inTransaction, 'transactions do not nest');
    this.#inTransaction = true;
    this.#write.live = true;
    let result: { readonly value: T } | null = null;
    let thrown: { readonly error: unknown } | null = null;
    try {
      this.#environment.root.transactionSync(() => {
        try {
          const value = work(this.#write);
          assert(!isThenable(value), 'a transaction is synchronous');
          result = { value };
        } catch (error) {
          thrown = { error };
          throw error;
        }
        // Nothing is returned to lmdb-js: given a promise it would commit after this call.
      });
    } catch (error) {
      const ours = thrown as { readonly error: unknown } | null;
      if (ours === null || isLmdbError(ours.error)) throw this.#fail('A transaction', error);
      throw error;
    } finally {
      this.#write.live = false;
      this.#inTransaction = false;
    }
    return (result as unknown as { readonly value: T }).value;
  }

  /** Reads the newest transaction on this thread. */
  snapshot<T>(work: (tables: ReadTables) => T): T {
    this.#assertUsable();
    assert(!this.#inTransaction && !this.#read.live, 'a snapshot is not taken within a transaction or another snapshot');
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
    this.#assertUsable();
    assert(!this.#inTransaction, 'a pin is taken between two transactions');
    return new Pin(this.#pins);
  }

  /** The newest position that survives a crash: what the log may let go of. */
  get checkpointed(): StorePosition {
    return this.#checkpointed.position;
  }

  /** Whether a checkpoint is due. Asked between transactions, often: it costs next to nothing. `nowMs` is monotonic. */
  checkpointDue(nowMs: number): boolean {
    if (this.#checkpointing !== null || this.#write.rowsWritten === 0) return false;
    this.#checkpointedAtMs ??= nowMs;
    if (nowMs - this.#checkpointedAtMs >= (this.#options.checkpointMs ?? checkpointMsDefault)) return this.#pagesSince() > 0;
    if (this.#write.rowsWritten - this.#rowsAtLook < rowsBetweenLooks) return false;
    return (
      this.#pagesSince() * this.#checkpointed.metaPages.pageBytes >= (this.#options.checkpointBytes ?? checkpointBytesDefault)
    );
  }

  /**
   * Makes everything up to the newest transaction survive a crash, while transactions go on. Resolves to its position, up
   * to which the log may let go. Rejects with {@link StoreFailed} when the disk fails: the store is at its end.
   */
  checkpoint(nowMs: number): Promise<StorePosition> {
    this.#assertUsable();
    assert(!this.#inTransaction, 'a checkpoint begins between two transactions');
    assert(this.#checkpointing === null, 'checkpoints do not overlap');
    this.#checkpointing = this.#makeCheckpoint(nowMs).finally(() => {
      this.#checkpointing = null;
    });
    return this.#checkpointing;
  }

  /** Ends with a checkpoint, so that the next start has nothing to undo and nothing to replay. */
  async stop(nowMs: number): Promise<void> {
    try {
      await this.#checkpointing;
      if (this.#failure === null) await this.checkpoint(nowMs);
    } finally {
      await this.abandon();
    }
  }

  /** Closes without a checkpoint, as a crash would: the way out after a failure. */
  async abandon(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // A sync that still runs uses the file.
    await this.#checkpointing?.catch(() => undefined);
    this.#pin.release();
    await this.#environment.close();
    await this.#pins.close();
    closeSync(this.#file);
  }

  async #makeCheckpoint(nowMs: number): Promise<StorePosition> {
    // 1. Pin the newest transaction and copy the meta pages that lead to it.
    const pin = new Pin(this.#pins);
    try {
      const pagesWritten = this.#environment.pagesWritten();
      const next = this.#describe(pin);
      // 2. Its pages reach the disk while transactions go on.
      await syncData(this.#file);
      // 3. The next start goes back to it.
      await writeCheckpoint(this.path, this.#options.owner, next);
      // 4. Only now may LMDB reuse what the previous checkpoint leads to.
      this.#pin.release();
      this.#pin = pin;
      this.#checkpointed = next;
      this.#checkpointedAtMs = nowMs;
      this.#pagesAtCheckpoint = pagesWritten;
      return next.position;
    } catch (error) {
      throw this.#fail('A checkpoint', error);
    }
  }

  #describe(pin: Pin): Checkpoint {
    const { pageBytes } = this.#checkpointed.metaPages;
    const bytes = new Uint8Array(2 * pageBytes);
    readSync(this.#file, bytes, 0, bytes.length, 0);
    const metaPages = parseMetaPages(bytes);
    assert(metaPages !== null, "the file of an open environment begins with LMDB's meta pages");
    return { position: this.#options.readPosition(pin.tables), metaPages, dataBytes: fstatSync(this.#file).size };
  }

  #pagesSince(): number {
    this.#rowsAtLook = this.#write.rowsWritten;
    this.#pagesAtLook = this.#environment.pagesWritten();
    return this.#pagesAtLook - this.#pagesAtCheckpoint;
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw this.#failure;
    assert(!this.#closed, 'a closed store is not used');
  }

  #fail(doing: string, cause: unknown): StoreFailed {
    if (this.#failure === null) {
      this.#failure = new StoreFailed(doing, join(this.path, dataFileName), cause);
      this.#options.onFailure?.(this.#failure);
    }
    return this.#failure;
  }
}

/**
 * Syncs through Node and not through LMDB, whose own `sync` would tell the same in a text without a code. The file's pages
 * are the kernel's, whichever descriptor wrote them.
 */
function syncData(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(file, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** lmdb-js numbers its errors: an errno, or one of LMDB's own below −30,700. */
function isLmdbError(error: unknown): boolean {
  return typeof (error as { code?: unknown } | null)?.code === 'number';
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
