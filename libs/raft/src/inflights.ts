import { assert } from '@env-cli/support';

import type { Index } from './entry.ts';

/**
 * Appends that are on the way to one follower, oldest first: a ring of (last index, bytes), bounded in both.
 *
 * The bound in bytes may be passed by the last append that was let in, so that one larger than the bound can go at all.
 */
export class Inflights {
  readonly #lasts: Float64Array;
  readonly #sizes: Float64Array;
  readonly #bytesMax: number;
  #start = 0;
  #count = 0;
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.#lasts = new Float64Array(messagesMax);
    this.#sizes = new Float64Array(messagesMax);
    this.#bytesMax = bytesMax;
  }

  get messages(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether nothing more may be sent until something is acknowledged. */
  get full(): boolean {
    return this.#count === this.#lasts.length || this.#bytes >= this.#bytesMax;
  }

  add(last: Index, bytes: number): void {
    assert(!this.full, 'nothing is sent to a follower whose window is full');
    const at = (this.#start + this.#count) % this.#lasts.length;
    this.#lasts[at] = last;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Forgets every append whose last entry is at or below `index`. */
  acknowledge(index: Index): void {
    while (this.#count > 0 && this.#lasts[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % this.#lasts.length;
      this.#count--;
    }
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }
}
