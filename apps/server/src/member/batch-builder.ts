import type { ProposalBatch } from '@env-cli/replica';

/** What one batch holds at most: it fits one entry, and one frame between members. One larger command goes alone. */
const batchCommandsMax = 256;
const batchBytesMax = 1024 * 1024;

/** Commands of one turn, on their way to the consensus thread. */
export class BatchBuilder {
  #done: ProposalBatch[] = [];
  #commands: Uint8Array[] = [];
  #counters: number[] = [];
  #deadlinesMs: number[] = [];
  #rows: number[] = [];
  #bytes = 0;

  add(command: Uint8Array, counter: number, deadlineMs: number, rows: number): void {
    if (this.#commands.length === batchCommandsMax || this.#bytes + command.length > batchBytesMax) this.#close();
    this.#commands.push(command);
    this.#counters.push(counter);
    this.#deadlinesMs.push(deadlineMs);
    this.#rows.push(rows);
    this.#bytes += command.length;
  }

  take(): ProposalBatch[] {
    this.#close();
    const done = this.#done;
    this.#done = [];
    return done;
  }

  #close(): void {
    const commands = this.#commands;
    if (commands.length === 0) return;
    const bytes = new Uint8Array(this.#bytes);
    const ends = new Uint32Array(commands.length);
    let end = 0;
    for (const [place, command] of commands.entries()) {
      bytes.set(command, end);
      ends[place] = end += command.length;
    }
    this.#done.push({
      counters: Float64Array.from(this.#counters),
      deadlinesMs: Float64Array.from(this.#deadlinesMs),
      rows: Uint32Array.from(this.#rows),
      ends,
      bytes,
    });
    this.#commands = [];
    this.#counters = [];
    this.#deadlinesMs = [];
    this.#rows = [];
    this.#bytes = 0;
  }
}
