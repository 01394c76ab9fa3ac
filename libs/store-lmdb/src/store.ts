import { fdatasync, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadTables, Tables } from '@env-cli/keyspace';
import type { StateStore } from '@env-cli/replica';
import { positionText, type ReadPosition, samePosition, type StorePosition } from '@env-cli/snapshot-file';
import { assert } from '@env-cli/support';

import { type Checkpoint, checkpointFileName, type StateOwner, writeCheckpoint } from './checkpoint.ts';
import { dataFileName, type Environment, mapBytesDefault } from './environment.ts';
import { isDiskError, isLmdbError, StoreFailed } from './failure.ts';
import { CurrentTables, WriteTables } from './lmdb-tables.ts';
import { parseMetaPages } from './meta-pages.ts';
import { Pin } from './pin.ts';
import { DataDirectoryRefused, repairBySnapshot } from './refusal.ts';
import { closeParts, openParts, type StoreParts } from './store-parts.ts';

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

/** Rows between two looks at LMDB's counters: a row dirties a handful of pages, so what is not seen yet is a few MiB. */
const rowsBetweenLooks = 256;

/**
 * The state's one writer: transactions without an fsync each, made safe by checkpoints (docs/ARCHITECTURE.md, "LMDB without
 * fsync, and still safe"). It lives on the apply thread; other threads read by `StoreReader`.
 */
export class Store implements StateStore {
  /** The directory of this state, for readers on other threads. */
  readonly path: string;
  /** Where the state stood when it was opened: the log is replayed from `appliedIndex + 1` on. */
  readonly opened: StorePosition;
  /** Whether the last run ended without {@link stop}: transactions after the checkpoint were undone. */
  readonly recovered: boolean;

  readonly #options: StoreOptions;
  readonly #environment: Environment;
  readonly #pins: Environment;
  readonly #write: WriteTables;
  readonly #read: CurrentTables;
  readonly #file: number;
  #checkpointed: Checkpoint;
  #pin: Pin;
  #checkpointing: Promise<StorePosition> | null = null;
  /** When the last checkpoint began, or when {@link checkpointDue} was first asked. */
  #dueFromMs: number | null = null;
  #pagesAtCheckpoint: number;
  #rowsAtLook = 0;
  #pagesAtLook: number;
  #failure: StoreFailed | null = null;
  #closed = false;
  #inTransaction = false;

  private constructor(path: string, options: StoreOptions, parts: StoreParts) {
    this.path = path;
    this.recovered = parts.recovered;
    this.#options = options;
    this.#environment = parts.environment;
    this.#pins = parts.pins;
    this.#file = parts.file;
    this.#pin = parts.pin;
    this.#checkpointed = parts.checkpoint;
    this.#write = new WriteTables(parts.environment.tables);
    this.#read = new CurrentTables(parts.environment.tables);
    this.#pagesAtCheckpoint = parts.environment.pagesWritten();
    this.#pagesAtLook = this.#pagesAtCheckpoint;
    this.opened = this.snapshot(options.readPosition);
  }

  /**
   * Opens a state at its checkpoint. There is one way, after a clean stop, a `kill -9` and a power loss: the checkpoint's
   * meta pages are put back and pinned, and the caller replays its log. A clean stop ends with a checkpoint, so that the
   * pages are there already and nothing is replayed.
   *
   * The caller is `openState`.
   */
  static async open(path: string, options: StoreOptions): Promise<Store> {
    const parts = await openParts(path, options.owner, options.mapBytes ?? mapBytesDefault);
    try {
      const store = new Store(path, options, parts);
      const { position } = parts.checkpoint;
      if (samePosition(store.opened, position)) return store;
      const what = `its tables stand at ${positionText(store.opened)}, its checkpoint at ${positionText(position)}`;
      throw new DataDirectoryRefused('state-damaged', path, what, repairBySnapshot);
    } catch (error) {
      await closeParts(parts);
      throw error;
    }
  }

  /**
   * Runs `work` in one transaction and commits it: visible to all threads when the call returns, durable with the next
   * checkpoint. `work` reads what it wrote. If it throws, nothing is applied and the store goes on.
   *
   * Throws {@link StoreFailed} when the disk fails or is full: nothing of the transaction is applied, and the store is at its end.
   */
  transact<T>(work: (tables: Tables) => T): T {
    this.#assertUsable();
    assert(!this.#inTransaction && !this.#read.live, 'a transaction is not begun within another or within a snapshot');
    const outcome: { value?: T; thrown?: { readonly error: unknown } } = {};
    this.#inTransaction = true;
    this.#write.live = true;
    try {
      // The callback returns nothing to lmdb-js, which commits a promise's transaction after this call.
      this.#environment.root.transactionSync(() => {
        try {
          outcome.value = work(this.#write);
          assert(!isThenable(outcome.value), 'a transaction is synchronous');
        } catch (error) {
          outcome.thrown = { error };
          throw error;
        }
      });
    } catch (error) {
      if (outcome.thrown === undefined || isLmdbError(outcome.thrown.error))
        throw this.#fail('A transaction', join(this.path, dataFileName), error);
      throw error;
    } finally {
      this.#write.live = false;
      this.#inTransaction = false;
    }
    return outcome.value as T;
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

  /**
   * Whether a checkpoint should begin: enough time or enough writing has passed since the last one began, and none runs.
   * Asked between transactions, often: it costs next to nothing. `nowMs` is monotonic.
   */
  checkpointDue(nowMs: number): boolean {
    if (this.#checkpointing !== null || this.#closed || this.#failure !== null) return false;
    this.#dueFromMs ??= nowMs;
    if (this.#write.rowsWritten - this.#rowsAtLook >= rowsBetweenLooks) this.#look();
    const writtenBytes = (this.#pagesAtLook - this.#pagesAtCheckpoint) * this.#checkpointed.metaPages.pageBytes;
    if (writtenBytes >= (this.#options.checkpointBytes ?? checkpointBytesDefault)) return true;
    if (nowMs - this.#dueFromMs < (this.#options.checkpointMs ?? checkpointMsDefault)) return false;
    return this.#look() > this.#pagesAtCheckpoint;
  }

  /**
   * Makes everything up to the newest transaction survive a crash, while transactions go on. Resolves to its position, up
   * to which the log may let go. Rejects with {@link StoreFailed} when the disk fails: the store is at its end.
   */
  checkpointNow(): Promise<StorePosition> {
    this.#assertUsable();
    assert(!this.#inTransaction, 'a checkpoint begins between two transactions');
    assert(this.#checkpointing === null, 'checkpoints do not overlap');
    this.#checkpointing = this.#makeCheckpoint().finally(() => {
      this.#checkpointing = null;
    });
    return this.#checkpointing;
  }

  /** {@link checkpointNow} for the apply loop: calls `done` with the applied index. A failure is told to `onFailure` alone. */
  checkpoint(nowMs: number, done: (appliedIndex: number) => void): void {
    this.#dueFromMs = nowMs;
    void this.#checkpointThen(done);
  }

  /** Ends with a checkpoint, so that the next start has nothing to undo and nothing to replay. */
  async stop(): Promise<void> {
    try {
      await this.#checkpointing;
      await this.checkpointNow();
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
    await closeParts({ pin: this.#pin, environment: this.#environment, pins: this.#pins, file: this.#file });
  }

  async #checkpointThen(done: (appliedIndex: number) => void): Promise<void> {
    let position: StorePosition;
    try {
      position = await this.checkpointNow();
    } catch (error) {
      if (error instanceof StoreFailed) return;
      throw error;
    }
    done(position.appliedIndex);
  }

  async #makeCheckpoint(): Promise<StorePosition> {
    let path = join(this.path, dataFileName);
    try {
      // 1. Pin the newest transaction and copy the meta pages that lead to it.
      const pin = new Pin(this.#pins);
      const pagesWritten = this.#look();
      const next = this.#describe(pin);
      // 2. Its pages reach the disk while transactions go on.
      await syncData(this.#file);
      // 3. The next start goes back to it.
      path = join(this.path, checkpointFileName);
      await writeCheckpoint(this.path, this.#options.owner, next);
      // 4. Only now may LMDB reuse what the previous checkpoint leads to.
      this.#pin.release();
      this.#pin = pin;
      this.#checkpointed = next;
      this.#pagesAtCheckpoint = pagesWritten;
      return next.position;
    } catch (error) {
      // Which of the two checkpoints is on disk is unknown now: both stay pinned, and nothing is written any more.
      throw this.#fail('A checkpoint', path, error);
    }
  }

  #describe(pin: Pin): Checkpoint {
    const bytes = new Uint8Array(this.#checkpointed.metaPages.bytes.length);
    readSync(this.#file, bytes, 0, bytes.length, 0);
    const metaPages = parseMetaPages(bytes);
    assert(metaPages !== null, "the file of an open environment begins with LMDB's meta pages");
    return { position: this.#options.readPosition(pin.tables), metaPages, dataBytes: fstatSync(this.#file).size };
  }

  #look(): number {
    this.#rowsAtLook = this.#write.rowsWritten;
    this.#pagesAtLook = this.#environment.pagesWritten();
    return this.#pagesAtLook;
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw this.#failure;
    assert(!this.#closed, 'a closed store is not used');
  }

  /** The store is at its end, whatever the cause; what is not the disk's goes on as it is. */
  #fail(doing: string, path: string, cause: unknown): unknown {
    if (this.#failure === null) {
      this.#failure = new StoreFailed(doing, path, cause);
      this.#options.onFailure?.(this.#failure);
    }
    return isDiskError(cause) ? this.#failure : cause;
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

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
