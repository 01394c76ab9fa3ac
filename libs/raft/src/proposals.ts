import type { Index } from './entry.ts';

/** What a leader has proposed in its term and no quorum holds yet: oldest first, with the bytes that they take. */
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

  /** Forgets those up to `index`, for they are committed. */
  committed(index: Index): void {
    while (this.#head < this.#ids.length && this.#indexes[this.#head]! <= index) this.#bytes -= this.#sizes[this.#head++]!;
    if (this.#head === this.#ids.length || this.#head > 1024) {
      this.#ids = this.#ids.slice(this.#head);
      this.#indexes = this.#indexes.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Those whose outcome nobody here will know. */
  ids(): number[] {
    return this.#ids.slice(this.#head);
  }
}
