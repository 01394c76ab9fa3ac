/** How long to wait before an attempt. */
export interface BackoffOptions {
  /** The longest wait before the first new attempt, in milliseconds. Defaults to 20. */
  readonly initialMs: number;
  /** The longest wait before any attempt, in milliseconds. Defaults to 2,000: an election takes about as long. */
  readonly maxMs: number;
}

export const backoffDefault: BackoffOptions = { initialMs: 20, maxMs: 2000 };

/**
 * The wait before attempt number `failures` + 1, in milliseconds: doubled with each failure, between half of that and all of it.
 *
 * The random half keeps clients that failed together from coming back together; the other half keeps a client from hammering.
 * `random` is in [0, 1).
 */
export function backoffMs(failures: number, options: BackoffOptions, random: number): number {
  const ceiling = Math.min(options.maxMs, options.initialMs * 2 ** Math.min(failures - 1, 30));
  return ceiling * (0.5 + random / 2);
}
