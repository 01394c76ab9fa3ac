import type { CpuShares } from './cpu-watch.ts';

/** What one load did in one round. */
export interface Measurement {
  /** Variables or keys a second, or answers to reads. */
  readonly ratePerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Calls that were refused or lost. */
  readonly failures: number;
  readonly firstFailure: string;
  readonly cpu: CpuShares | null;
}

/** What one load did in all rounds. */
export interface Summary extends Measurement {
  readonly rounds: number;
  /** (greatest − least rate) ÷ median rate: 0 when the machine is quiet. */
  readonly spread: number;
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const upper = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[upper]! : (sorted[upper - 1]! + sorted[upper]!) / 2;
}

/** Puts rounds together: medians, all failures, and the CPU of the round that others disturbed most. */
export function summary(rounds: readonly Measurement[]): Summary {
  const rates = rounds.map((round) => round.ratePerSecond);
  const cpus = rounds.flatMap((round) => round.cpu ?? []);
  return {
    rounds: rounds.length,
    ratePerSecond: median(rates),
    p50Ms: median(rounds.map((round) => round.p50Ms)),
    p99Ms: median(rounds.map((round) => round.p99Ms)),
    failures: rounds.reduce((sum, round) => sum + round.failures, 0),
    firstFailure: rounds.find((round) => round.firstFailure !== '')?.firstFailure ?? '',
    cpu: cpus.toSorted((a, b) => b.others - a.others)[0] ?? null,
    spread: (Math.max(...rates) - Math.min(...rates)) / median(rates),
  };
}
