/** Upper bounds grow by this factor, so that a percentile is at most 2 % above the truth. */
const growth = 1.02;
/** The bound of the first bucket, in milliseconds. */
const firstMs = 0.001;
/** So that the last bucket's bound is above ten minutes. */
const bucketsCount = 1024;
const growthLog = Math.log(growth);

/** Counts latencies in buckets of constant relative width: a fixed size, however many there are, and histograms of several processes add up. */
export class LatencyHistogram {
  readonly #counts: number[];

  /** `counts`: those of another histogram, to be added to. Defaults to none. */
  constructor(counts: readonly number[] = []) {
    this.#counts = Array.from({ length: bucketsCount }, (_, i) => counts[i] ?? 0);
  }

  get counts(): readonly number[] {
    return this.#counts;
  }

  get total(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Notes one latency, in milliseconds from 0. */
  note(latencyMs: number): void {
    const bucket = latencyMs <= firstMs ? 0 : Math.min(bucketsCount - 1, Math.ceil(Math.log(latencyMs / firstMs) / growthLog));
    this.#counts[bucket]! += 1;
  }

  add(counts: readonly number[]): void {
    for (const [i, count] of counts.entries()) this.#counts[i]! += count;
  }

  /** The latency that this share of all (0 to 1) does not exceed, in milliseconds. NaN when there is none. */
  percentileMs(share: number): number {
    let rest = Math.max(1, Math.ceil(this.total * share));
    for (const [i, count] of this.#counts.entries()) {
      rest -= count;
      if (rest <= 0) return firstMs * growth ** i;
    }
    return Number.NaN;
  }
}
