import type { Term } from '@env-cli/raft';

import type { Clock } from './ports.ts';

/** Stamps entries with the leader's time (docs/ARCHITECTURE.md, "Time"). */
export class EntryClock {
  readonly #clock: Clock;
  #term: Term | null = null;
  #previousMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The stamp of the next entry of a term; `deltaMs` is 0 for the first, for what passed before it another leader counted or nobody. */
  stamp(term: Term): { stampMs: number; deltaMs: number } {
    const nowMs = this.#clock.monotonicMs();
    const stampMs = Math.max(0, Math.floor(this.#clock.wallMs()));
    if (this.#term !== term) {
      this.#term = term;
      this.#previousMs = nowMs;
      return { stampMs, deltaMs: 0 };
    }
    const deltaMs = Math.max(0, Math.floor(nowMs - this.#previousMs));
    // Fractions are carried on: with a thousand entries a second, rounding would stop the cluster's time.
    this.#previousMs += deltaMs;
    return { stampMs, deltaMs };
  }
}
