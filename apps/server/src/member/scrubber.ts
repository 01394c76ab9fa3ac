import { HashScrub, type ReadTables, ScrubbedTables, type TableName, type Tables } from '@env-cli/keyspace';

/** What one scrub of all tables found. */
export interface Scrubbed {
  /** The tables whose rows do not have the hashes that were kept while they were written; none when all is well. */
  readonly broken: readonly TableName[];
  readonly rows: number;
  /** From its first row to its last. */
  readonly seconds: number;
}

export interface ScrubberPorts {
  /** Runs `work` on the newest state, between two transactions. */
  readonly snapshot: <T>(work: (tables: ReadTables) => T) => T;
  readonly nowMs: () => number;
  /** Calls `run` once in so many milliseconds; answers what cancels it. */
  readonly after: (milliseconds: number, run: () => void) => () => void;
  readonly scrubbed: (scrubbed: Scrubbed) => void;
}

/** One twentieth of a thread: what is read goes through the page cache, and commits wait meanwhile. */
const sliceMs = 1;
const pauseMs = 19;

/** Rows that are read at once: as many as take about a slice, for records may be a hundred bytes or two megabytes. */
const rowsMin = 1;
const rowsMax = 512;

/** Reads the whole state again and again, slowly, and compares it with the hashes that were kept while it was written. */
export class Scrubber {
  readonly #intervalMs: number;
  readonly #ports: ScrubberPorts;
  #scrub: HashScrub | null = null;
  #beganMs = 0;
  #rows = rowsMin;
  #cancel: () => void;

  /** `intervalMs`: from the end of one scrub to the beginning of the next; the first begins so long after the start. */
  constructor(intervalMs: number, ports: ScrubberPorts) {
    this.#intervalMs = intervalMs;
    this.#ports = ports;
    this.#cancel = ports.after(intervalMs, () => this.#slice());
  }

  /** The tables of a transaction: every transaction on the state goes through here. */
  watched(tables: Tables): Tables {
    return this.#scrub === null ? tables : new ScrubbedTables(tables, this.#scrub);
  }

  /** The state is another one now: what was summed up counts no more. */
  replaced(): void {
    this.#wait();
  }

  close(): void {
    this.#cancel();
    this.#scrub = null;
  }

  #wait(): void {
    this.#cancel();
    this.#scrub = null;
    this.#cancel = this.#ports.after(this.#intervalMs, () => this.#slice());
  }

  #slice(): void {
    const { nowMs, snapshot, after, scrubbed } = this.#ports;
    const beganMs = nowMs();
    if (this.#scrub === null) {
      this.#scrub = new HashScrub();
      this.#beganMs = beganMs;
    }
    const scrub = this.#scrub;
    const step = snapshot((tables) => scrub.step(tables, this.#rows));
    const tookMs = nowMs() - beganMs;
    if (tookMs > sliceMs) this.#rows = Math.max(rowsMin, this.#rows >> 1);
    else if (tookMs < sliceMs / 4) this.#rows = Math.min(rowsMax, this.#rows * 2);
    if (step.kind === 'more') {
      this.#cancel = after(pauseMs, () => this.#slice());
      return;
    }
    const seconds = (nowMs() - this.#beganMs) / 1000;
    this.#wait();
    scrubbed({ broken: step.broken, rows: scrub.rows, seconds });
  }
}
