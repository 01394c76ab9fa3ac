import type { Index } from './entry.ts';

/**
 * What a leader has proposed in its term and has to answer for in memory: until a quorum holds it and its own disk does, for
 * what is only on the followers' disks is kept here too. Oldest first, with the bytes that it takes.
 */
export class Proposals {
  #ids: number[] = [];
  #indexes: Index[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(id: number, index: Index, sizeBytes: number): void {
    this.#ids.push(id);
    this.#indexes.push(index);
    this.#sizes.push(sizeBytes);
    this.#bytes += sizeBytes;
  }

  /** Forgets those up to `index`: they are committed, and flushed here. */
  settle(index: Index): void {
    const before = this.#head;
    while (this.#head < this.#ids.length && this.#indexes[this.#head]! <= index) this.#bytes -= this.#sizes[this.#head++]!;
    if (this.#head === before || (this.#head < this.#ids.length && this.#head < 1024)) return;
    this.#ids = this.#ids.slice(this.#head);
    this.#indexes = this.#indexes.slice(this.#head);
    this.#sizes = this.#sizes.slice(this.#head);
    this.#head = 0;
  }

  /** Those behind the commit index, whose outcome nobody here will know. */
  idsBehind(commitIndex: Index): number[] {
    return this.#ids.filter((_, at) => at >= this.#head && this.#indexes[at]! > commitIndex);
  }
}
