/** Pairs that are kept: the oldest go first. With a probe every 20 ms they reach back over a second. */
const probesMax = 64;

/** Milliseconds after the last read that asked how fresh the state is, in which probes go on. */
const activeMs = 10_000;

/** Milliseconds between two probes. */
const intervalMsMin = 20;
const intervalMsMax = 250;

interface Probe {
  readonly sentMs: number;
  readonly index: number;
}

/**
 * How far behind the leader the state can be at most, by this member's own monotonic clock.
 *
 * A probe is a read index that was asked for at `sentMs`: every write that was acknowledged before has at most its index. So
 * a state that applied it is at most (now − sentMs) old. No other clock is asked, and no deposed leader can vouch, because a quorum
 * confirmed the one that answered (docs/ARCHITECTURE.md, "EVENTUAL").
 */
export class Freshness {
  #probes: Probe[] = [];
  #askedMs = Number.NEGATIVE_INFINITY;
  #lagMsMin = Number.POSITIVE_INFINITY;

  /** A read wants to know: probes go on for a while, often enough for it. */
  asked(maxLagMs: number, nowMs: number): void {
    if (nowMs - this.#askedMs > activeMs) this.#lagMsMin = Number.POSITIVE_INFINITY;
    this.#askedMs = nowMs;
    this.#lagMsMin = Math.min(this.#lagMsMin, maxLagMs);
  }

  /** Milliseconds until the next probe, or null when nobody wants one. */
  intervalMs(nowMs: number): number | null {
    if (nowMs - this.#askedMs > activeMs) return null;
    return Math.min(intervalMsMax, Math.max(intervalMsMin, this.#lagMsMin / 2));
  }

  answered(sentMs: number, index: number): void {
    // Answers may overtake one another; an earlier question with an index as high says nothing new.
    this.#probes = this.#probes.filter((probe) => probe.sentMs > sentMs || probe.index < index);
    this.#probes.push({ sentMs, index });
    this.#probes.sort((a, b) => a.sentMs - b.sentMs);
    if (this.#probes.length > probesMax) this.#probes.shift();
  }

  /** When a state that applied so much was certainly the newest; −∞ when nothing is known. */
  newestMs(appliedIndex: number): number {
    for (let place = this.#probes.length - 1; place >= 0; place--) {
      const probe = this.#probes[place]!;
      if (probe.index <= appliedIndex) return probe.sentMs;
    }
    return Number.NEGATIVE_INFINITY;
  }
}
