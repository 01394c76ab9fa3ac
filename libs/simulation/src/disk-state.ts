import {
  MemoryTables,
  readProgress,
  type ReadTables,
  type Row,
  type RowRange,
  type TableName,
  type Tables,
} from '@env-cli/keyspace';
import type { StateStore } from '@env-cli/replica';
import { assert } from '@env-cli/support';

import { Crashed } from './crash.ts';
import type { DiskHost } from './disk-log.ts';
import type { Random } from './random.ts';

/** One member's state disk: what the last checkpoint holds outlives a crash, and nothing else does. */
export class StateDisk {
  /** The rows of the last checkpoint. Nobody writes to it. */
  durable: MemoryTables;

  /** The next checkpoint fails, and with it the process that makes it. */
  failsNextCheckpoint = false;

  constructor(initial: MemoryTables) {
    this.durable = initial;
  }

  /** What a copy that is made now holds. */
  copy(): StateDisk {
    return new StateDisk(this.durable);
  }

  open(host: DiskHost, random: Random, checkpointMs: number): OpenState {
    return new OpenState(this, host, random, checkpointMs);
  }
}

/** A state as a process has it open. */
export class OpenState implements StateStore {
  readonly #disk: StateDisk;
  readonly #host: DiskHost;
  readonly #random: Random;
  readonly #checkpointMs: number;
  /** What readers see. */
  tables: MemoryTables;
  #checkpointing = false;
  #checkpointedMs = 0;
  #dirty = false;
  #inTransaction = false;
  /** Raised when the whole state is replaced: a checkpoint of the former one no longer counts. */
  #generation = 0;

  constructor(disk: StateDisk, host: DiskHost, random: Random, checkpointMs: number) {
    this.#disk = disk;
    this.#host = host;
    this.#random = random;
    this.#checkpointMs = checkpointMs;
    this.tables = disk.durable.clone();
  }

  transact(work: (tables: Tables) => void): void {
    assert(!this.#inTransaction, 'a transaction is not begun within another');
    const transaction = new WriteTables(this.tables);
    this.#inTransaction = true;
    try {
      work(transaction);
    } catch (error) {
      transaction.undo();
      throw error;
    } finally {
      this.#inTransaction = false;
      transaction.live = false;
    }
    this.#host.crashPoint('state written, not visible');
    this.#dirty = true;
    this.#host.crashPoint('state written');
  }

  checkpointDue(nowMs: number): boolean {
    return this.#dirty && !this.#checkpointing && nowMs - this.#checkpointedMs >= this.#checkpointMs;
  }

  /** Reads the newest transaction. */
  snapshot<T>(work: (tables: ReadTables) => T): T {
    assert(!this.#inTransaction, 'a snapshot is not taken within a transaction');
    return work(this.tables);
  }

  checkpoint(nowMs: number, done: (appliedIndex: number) => void): void {
    assert(!this.#inTransaction, 'a checkpoint begins between two transactions');
    assert(!this.#checkpointing, 'checkpoints do not overlap');
    this.#checkpointing = true;
    this.#dirty = false;
    this.#checkpointedMs = nowMs;
    const rows = this.tables.clone();
    const generation = this.#generation;
    this.#host.crashPoint('checkpoint begun');
    this.#host.later(this.#random.span(0.5, 20), () => {
      this.#checkpointing = false;
      if (this.#disk.failsNextCheckpoint) {
        this.#disk.failsNextCheckpoint = false;
        throw new Crashed('a sync failed');
      }
      if (generation !== this.#generation) return;
      this.#disk.durable = rows;
      this.#host.crashPoint('checkpoint written, not told');
      done(readProgress(rows).appliedIndex);
    });
  }

  /** Switches to a state that came whole. */
  replace(rows: MemoryTables): void {
    this.#generation++;
    this.#host.crashPoint('snapshot built, not switched');
    this.#disk.durable = rows;
    this.tables = rows.clone();
    this.#host.crashPoint('snapshot switched, not told');
  }
}

/** The one transaction that writes. What it wrote is taken back when its work throws. */
class WriteTables implements Tables {
  readonly #tables: MemoryTables;
  /** What was there before each write, in the order of the writes. */
  readonly #before: { readonly table: TableName; readonly key: Uint8Array; readonly value: Uint8Array | undefined }[] = [];
  /** Whether the call that handed it out still runs. */
  live = true;

  constructor(tables: MemoryTables) {
    this.#tables = tables;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    this.#assertLive();
    return this.#tables.get(table, key);
  }

  range(table: TableName, range: RowRange): Row[] {
    this.#assertLive();
    return this.#tables.range(table, range);
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    this.#keep(table, key);
    this.#tables.put(table, key, value);
  }

  remove(table: TableName, key: Uint8Array): void {
    this.#keep(table, key);
    this.#tables.remove(table, key);
  }

  undo(): void {
    for (const { table, key, value } of this.#before.toReversed()) {
      if (value === undefined) this.#tables.remove(table, key);
      else this.#tables.put(table, key, value);
    }
  }

  #keep(table: TableName, key: Uint8Array): void {
    this.#assertLive();
    this.#before.push({ table, key: key.slice(), value: this.#tables.get(table, key) });
  }

  #assertLive(): void {
    assert(this.live, 'tables are used within the call that handed them out');
  }
}
