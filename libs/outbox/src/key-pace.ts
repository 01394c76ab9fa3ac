import type { Host } from './ports.ts';
import type { KeyWriteRate } from './provider.ts';

/** Keys whose last writes are remembered, for each mirror. Beyond it the one that was written longest ago is forgotten, and may be written as one that rested. */
const keysMax = 100_000;

/**
 * How often each key of one target may be written: so many times at once after a rest, and once in an interval in the long run. It
 * delays nothing by itself: whoever is to write asks, and says afterwards what was written.
 */
export class KeyPace {
  readonly rate: KeyWriteRate;
  readonly #host: Host;
  /** For each key, the moment at which its next write would come due if writes were evenly spaced. In the order of their last writes. */
  readonly #nextMs = new Map<string, number>();

  constructor(rate: KeyWriteRate, host: Host) {
    this.rate = rate;
    this.#host = host;
  }

  /** Milliseconds until a key may be written; 0: now. */
  waitMs(key: string): number {
    return Math.max(0, (this.#nextMs.get(key) ?? -Infinity) - this.#host.nowMs());
  }

  /** A key was written, or may have been. */
  written(key: string): void {
    const { writesBurst, intervalMs } = this.rate;
    // A key whose next write came due before this has all of its writes at once again.
    const restedMs = this.#host.nowMs() - (writesBurst - 1) * intervalMs;
    const turnMs = Math.max(this.#nextMs.get(key) ?? -Infinity, restedMs);
    this.#nextMs.delete(key);
    this.#nextMs.set(key, turnMs + intervalMs);
    for (const [oldest, nextMs] of this.#nextMs) {
      if (nextMs > restedMs && this.#nextMs.size <= keysMax) break;
      this.#nextMs.delete(oldest);
    }
  }
}
