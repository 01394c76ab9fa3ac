import type { ProposalBatch } from '@env-cli/replica';
import { ByteWriter } from '@env-cli/support';

/** What one batch holds at most: it fits one entry, and one frame between members. One larger command goes alone. */
const batchCommandsMax = 256;
const batchBytesMax = 1024 * 1024;

/** Room for the bytes of a few commands; it grows with what a turn brings. */
const bytesOfFew = 16 * 1024;

/** Commands of one turn, on their way to the consensus thread. */
export class BatchBuilder {
  #done: ProposalBatch[] = [];
  /** The commands' bytes, one behind the other. */
  #bytes = new ByteWriter(bytesOfFew);
  #ends: number[] = [];
  #counters: number[] = [];
  #deadlinesMs: number[] = [];
  #rows: number[] = [];

  /** The bytes of the command are copied. */
  add(command: Uint8Array, counter: number, deadlineMs: number, rows: number): void {
    if (this.#ends.length === batchCommandsMax || this.#bytes.length + command.length > batchBytesMax) this.#close();
    this.#bytes.raw(command);
    this.#ends.push(this.#bytes.length);
    this.#counters.push(counter);
    this.#deadlinesMs.push(deadlineMs);
    this.#rows.push(rows);
  }

  take(): ProposalBatch[] {
    this.#close();
    const done = this.#done;
    this.#done = [];
    return done;
  }

  #close(): void {
    if (this.#ends.length === 0) return;
    this.#done.push({
      counters: Float64Array.from(this.#counters),
      deadlinesMs: Float64Array.from(this.#deadlinesMs),
      rows: Uint32Array.from(this.#rows),
      ends: Uint32Array.from(this.#ends),
      bytes: this.#bytes.take(),
    });
    this.#ends = [];
    this.#counters = [];
    this.#deadlinesMs = [];
    this.#rows = [];
  }
}
