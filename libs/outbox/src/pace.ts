import type { Ending } from './ending.ts';
import type { Host } from './ports.ts';
import type { CallRate } from './provider.ts';

/** After a throttled call the rate recovers only when so long nothing was throttled: 5 seconds. */
const calmMs = 5_000;

/** The longest that a target may stop all calls to it with one answer: 1 minute. The delivery that got it waits for as long as it was told. */
const restMsMax = 60_000;

/** The lowest that throttling brings the rate to: a 32nd of the full one. */
const slowestShare = 1 / 32;

/** A recovered rate grows by this share of the full one with each call that succeeds. */
const recoveryShare = 1 / 64;

/**
 * The rate of calls to one target: so many a second in the long run, so many at once after a rest. Each caller is given the
 * next free moment, in the order in which they come. Halves when the target throttles, and recovers slowly.
 */
export class Pace {
  readonly #limits: CallRate;
  readonly #host: Host;
  #callsPerSecond: number;
  /** The moment at which the next call would come due if calls were evenly spaced. */
  #nextMs = -Infinity;
  #throttledMs = -Infinity;

  constructor(limits: CallRate, host: Host) {
    this.#limits = limits;
    this.#host = host;
    this.#callsPerSecond = limits.callsPerSecond;
  }

  /** Calls a second at this moment. */
  get callsPerSecond(): number {
    return this.#callsPerSecond;
  }

  /** Resolves when it is the caller's turn, or at the end: the caller looks which. */
  async turn(ending: Ending): Promise<void> {
    const now = this.#host.nowMs();
    const spacingMs = 1000 / this.#callsPerSecond;
    const turnMs = Math.max(this.#nextMs, now - (this.#limits.callsBurst - 1) * spacingMs);
    this.#nextMs = turnMs + spacingMs;
    if (turnMs <= now || ending.over) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#host.after(turnMs - now, () => {
        forget();
        resolve();
      });
      const forget = ending.onEnd(() => {
        cancel();
        resolve();
      });
    });
  }

  /** The target asked for fewer calls; `retryAfterMs`: for none before that time has passed, 0 when it did not say. */
  throttled(retryAfterMs: number): void {
    const now = this.#host.nowMs();
    this.#throttledMs = now;
    this.#nextMs = Math.max(this.#nextMs, now + Math.min(retryAfterMs, restMsMax));
    this.#callsPerSecond = Math.max(this.#callsPerSecond / 2, this.#limits.callsPerSecond * slowestShare);
  }

  /** A call was answered. */
  answered(): void {
    if (this.#callsPerSecond === this.#limits.callsPerSecond || this.#host.nowMs() - this.#throttledMs < calmMs) return;
    this.#callsPerSecond = Math.min(
      this.#limits.callsPerSecond,
      this.#callsPerSecond + this.#limits.callsPerSecond * recoveryShare,
    );
  }
}
