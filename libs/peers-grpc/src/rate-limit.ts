/** Lets so many bytes go out in a second, whoever sends them: all that share it have the rate together. */
export class RateLimit {
  readonly #bytesPerSecondMax: number;
  readonly #nowMs: () => number;
  /** When what was let out so far has had its time. */
  #freeFromMs = -Infinity;

  /** `nowMs`: a monotonic clock in milliseconds. */
  constructor(bytesPerSecondMax: number, nowMs: () => number) {
    this.#bytesPerSecondMax = bytesPerSecondMax;
    this.#nowMs = nowMs;
  }

  /**
   * Bytes to take at once: `bytesMax`, or what goes out in a second, if that is less. Then nobody waits for more seconds than there are others that share
   * the rate, however low it is: for 31 in the largest cluster, where a copy of which nothing came for 60 seconds is given up.
   */
  portion(bytesMax: number): number {
    return Math.min(bytesMax, this.#bytesPerSecondMax);
  }

  /** Takes room for `bytes` more. Answers in how many milliseconds they may go out; who takes room first goes out first. */
  take(bytes: number): number {
    const nowMs = this.#nowMs();
    const fromMs = Math.max(nowMs, this.#freeFromMs);
    this.#freeFromMs = fromMs + (bytes / this.#bytesPerSecondMax) * 1000;
    return fromMs - nowMs;
  }
}
