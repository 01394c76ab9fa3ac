/**
 * How a call at a target failed:
 *
 * - `throttled`: the target asked for fewer calls.
 * - `unavailable`: a fault on its side (5xx, a full disk, too many open files), which may pass.
 * - `timed-out`: no answer in time. It may have happened.
 * - `connection-lost`: no connection, or lost before the answer. It may have happened.
 * - `conflict`: what was to be replaced is not there any more: read and plan again.
 * - `refused`: the target understood and said no: denied, malformed, too large.
 * - `internal`: a fault of ours.
 */
export type FailureClass = 'throttled' | 'unavailable' | 'timed-out' | 'connection-lost' | 'conflict' | 'refused' | 'internal';

/** A failed call. */
export interface Failure {
  readonly class: FailureClass;
  /** What went wrong and where, without any value. */
  readonly message: string;
  /** The wait that the target asked for (`Retry-After`), in milliseconds; null when it asked for none. */
  readonly retryAfterMs: number | null;
}

const retried = {
  throttled: true,
  unavailable: true,
  'timed-out': true,
  'connection-lost': true,
  conflict: true,
  refused: false,
  internal: false,
} as const satisfies Record<FailureClass, boolean>;

/** Whether a failure may pass by itself, so that another attempt makes sense. */
export function isRetried(failure: Failure): boolean {
  return retried[failure.class];
}

/** How attempts follow one another. */
export interface RetryPolicy {
  /** Attempts at one revision of one environment, the first included, before it goes to the dead letters. Defaults to 12. */
  readonly attemptsMax: number;
  /** The longest wait before the second attempt; it doubles with every further one. Defaults to 500 ms. */
  readonly waitBaseMs: number;
  /** The longest wait of all. Defaults to 300,000 (5 minutes), so that 12 attempts span about 7 minutes on average. */
  readonly waitMaxMs: number;
  /** The longest wait that a target may ask for; a longer one is taken as this. Defaults to 3,600,000 (1 hour). */
  readonly retryAfterMaxMs: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  attemptsMax: 12,
  waitBaseMs: 500,
  waitMaxMs: 300_000,
  retryAfterMaxMs: 3_600_000,
};

/**
 * The wait before the next attempt, in milliseconds: full jitter, drawn from [0, min(longest, base × 2^(attempts − 1))), so that
 * deliveries that failed together do not return together. A wait that the target asked for comes first and the jitter after it.
 * `attempts` counts from 1; `random` is a number of [0, 1).
 */
export function waitBeforeRetry(policy: RetryPolicy, attempts: number, failures: readonly Failure[], random: number): number {
  const asked = failures.reduce((longest, failure) => Math.max(longest, failure.retryAfterMs ?? 0), 0);
  const longest = Math.min(policy.waitMaxMs, policy.waitBaseMs * 2 ** Math.min(attempts - 1, 30));
  return Math.min(asked, policy.retryAfterMaxMs) + Math.floor(random * longest);
}
