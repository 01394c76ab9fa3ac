/**
 * Milliseconds of the process's monotonic clock, the same on all of its threads. (`performance.now()` counts from the start
 * of each thread, and a worker starts later.)
 */
export function processMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** What to add to this thread's `performance.now()` to get {@link processMs}. */
export const processMsOffset = processMs() - performance.now();
