import type { Host } from './ports.ts';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** Time and chance in the hands of a test. Time stands still until it is moved; chance is always the same number. */
export class HostTwin implements Host {
  /** What `random` answers. */
  chance = 0.5;
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  random(): number {
    return this.chance;
  }

  /** Moves time on to the next timer and calls it. False: there is none up to `untilMs`, and time stands there now. */
  next(untilMs: number): boolean {
    let first: Timer | null = null;
    for (const timer of this.#timers) if (first === null || timer.atMs < first.atMs) first = timer;
    if (first === null || first.atMs > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return false;
    }
    this.#timers.delete(first);
    this.#nowMs = Math.max(this.#nowMs, first.atMs);
    first.callback();
    return true;
  }

  /** Lets so much time pass, and everything happen that becomes due in it. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await turn();
    while (this.next(untilMs)) await turn();
  }

  /**
   * Lets time pass until something holds; gives up, and says so, after an hour of it. While `working` answers a promise, something
   * real is under way (a file that is written): time stands still until it settles.
   */
  async until(holds: () => boolean, working: () => Promise<unknown> | null = () => null): Promise<void> {
    const untilMs = this.#nowMs + 3_600_000;
    for (;;) {
      await turn();
      if (holds()) return;
      const work = working();
      if (work !== null) await work;
      else if (!this.next(untilMs)) throw new Error('it did not come to hold within an hour');
    }
  }
}

/** Lets everything run that can run without time passing. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
