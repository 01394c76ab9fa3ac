import { assert } from '@env-cli/support';

/** Writes of a session that may be unanswered: as many answers as a cluster keeps for one by default. */
export const sessionWindowMax = 4096;

/**
 * A client session: writes are numbered in it, so that one that is sent twice happens once.
 *
 * The cluster keeps the answers of all numbers from `firstIncomplete` on; what lies between that and the newest number is the
 * window, and it has a limit.
 */
export class Session {
  /** 16 random bytes. */
  readonly id: Uint8Array;
  /** 1 for a number whose answer is awaited, at its remainder. */
  readonly #incomplete = new Uint8Array(sessionWindowMax);
  #first = 1;
  #next = 1;

  constructor(id: Uint8Array) {
    this.id = id;
  }

  /** The lowest number whose answer is still awaited, or the next one to be given. */
  get firstIncomplete(): number {
    return this.#first;
  }

  /** Whether another number fits into the window. */
  get hasRoom(): boolean {
    return this.#next - this.#first < sessionWindowMax;
  }

  /** The number of a new write. */
  take(): number {
    assert(this.hasRoom, 'a write gets its number when there is room for it');
    this.#incomplete[this.#next % sessionWindowMax] = 1;
    return this.#next++;
  }

  /** Says that a number's answer came, or that nobody waits for it any more: it will not be sent again. */
  complete(sequence: number): void {
    this.#incomplete[sequence % sessionWindowMax] = 0;
    while (this.#first < this.#next && this.#incomplete[this.#first % sessionWindowMax] === 0) this.#first++;
  }
}
