import { describe } from '@jest/globals';

/**
 * `describe` for tests that ask something of the machine. Where it is missing they are reported as skipped, with the reason; on a
 * machine that decides what lands (`CI=true`) they run and fail instead, for there a proof that was not made must not look like one.
 */
export function describeWhere(title: string, missing: string | null, tests: () => void): void {
  const run: (title: string, tests: () => void) => void =
    missing === null || process.env['CI'] === 'true' ? describe : describe.skip;
  run(missing === null ? title : `${title} (cannot run here: ${missing})`, tests);
}
