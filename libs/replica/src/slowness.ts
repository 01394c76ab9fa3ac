/** Tells for how long something has been slow, again and again, without a calm in between. */
export class Slowness {
  readonly #calmMs: number;
  #sinceMs: number | null = null;
  #lastMs = 0;

  /** `calmMs`: milliseconds without anything slow after which what was before does not count. */
  constructor(calmMs: number) {
    this.#calmMs = calmMs;
  }

  /** Something was, or still is, slow that began at `fromMs`. */
  note(fromMs: number, nowMs: number): void {
    if (this.#sinceMs === null || fromMs - this.#lastMs > this.#calmMs) this.#sinceMs = fromMs;
    this.#lastMs = nowMs;
  }

  /** Milliseconds; 0 when all is well. */
  lastsMs(nowMs: number): number {
    return this.#sinceMs === null || nowMs - this.#lastMs > this.#calmMs ? 0 : nowMs - this.#sinceMs;
  }

  forget(): void {
    this.#sinceMs = null;
  }
}
