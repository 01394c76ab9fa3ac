import { MemoryTables, readProgress, type Tables } from '@env-cli/keyspace';
import type { StateStore } from '@env-cli/replica';

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
    work(this.tables);
    this.#host.crashPoint('state written, not visible');
    this.#dirty = true;
    this.#host.crashPoint('state written');
  }

  checkpointDue(nowMs: number): boolean {
    return this.#dirty && !this.#checkpointing && nowMs - this.#checkpointedMs >= this.#checkpointMs;
  }

  checkpoint(nowMs: number, done: (appliedIndex: number) => void): void {
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
