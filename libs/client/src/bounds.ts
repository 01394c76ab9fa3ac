import { EnvCliError } from './error.ts';

/** What bounds a call: the moment by which it must be answered, and who may give it up before. */
export interface Bounds {
  /** When it ends, by `performance.now()`; Infinity: never. */
  readonly deadlineMs: number;
  /** How long it was given, for the message when it is over. Milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The longest that a timer of Node.js can wait, in milliseconds: about 24 days. */
const timerMsMax = 2 ** 31 - 1;

/** Bounds that begin now. */
export function boundsFrom(timeoutMs: number, signal: AbortSignal | undefined): Bounds {
  if (Number.isNaN(timeoutMs) || timeoutMs <= 0) {
    throw new EnvCliError({
      reason: 'INVALID_FIELD',
      message: `a timeout is a number of milliseconds above 0, not ${timeoutMs}`,
      next: 'Leave `timeoutMs` out for the default, or give Infinity for none.',
    });
  }
  return { deadlineMs: performance.now() + timeoutMs, timeoutMs, signal };
}

/** Whether the bounds have ended. */
export function isOver(bounds: Bounds): boolean {
  return bounds.signal?.aborted === true || performance.now() >= bounds.deadlineMs;
}

/** Calls `over` once when the bounds end. Returns what takes that back. */
export function whenOver(bounds: Bounds, over: () => void): () => void {
  const { signal } = bounds;
  if (signal?.aborted === true) {
    over();
    return () => undefined;
  }
  const leftMs = bounds.deadlineMs - performance.now();
  const takeBack = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  };
  const end = (): void => {
    takeBack();
    over();
  };
  const timer = leftMs > timerMsMax ? undefined : setTimeout(end, Math.max(0, leftMs));
  signal?.addEventListener('abort', end, { once: true });
  return takeBack;
}

/**
 * Waits for `work` within the bounds. What `work` comes to after they are over is dropped, its failure included.
 *
 * Rejects with what `failure` makes when the bounds are over first.
 */
export function within<T>(bounds: Bounds, work: Promise<T>, failure: () => EnvCliError): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const takeBack = whenOver(bounds, () => reject(failure()));
    const settle = <V>(how: (value: V) => void) => {
      return (value: V): void => {
        takeBack();
        how(value);
      };
    };
    work.then(settle(resolve), settle(reject));
  });
}

/** How a call ends whose bounds are over: what it last met, or that it was not answered in time. */
export function overError(bounds: Bounds, last: EnvCliError | null, outcomeUnknown: boolean): EnvCliError {
  const cause = last ?? undefined;
  if (bounds.signal?.aborted === true) {
    return new EnvCliError({
      reason: 'CANCELLED',
      message: outcomeUnknown ? 'the call was given up; whether the write was done is not known' : 'the call was given up',
      outcomeUnknown,
      cause: cause ?? bounds.signal.reason,
    });
  }
  const given = `${bounds.timeoutMs / 1000} s`;
  if (outcomeUnknown) {
    const message = `the write was not answered within ${given}; whether it was done is not known`;
    return new EnvCliError({ reason: 'OUTCOME_UNKNOWN', message, outcomeUnknown, cause });
  }
  if (last === null) return new EnvCliError({ reason: 'DEADLINE_EXCEEDED', message: `no answer within ${given}` });
  const { reason, code, details, next } = last;
  return new EnvCliError({ reason, code, details, next, message: `${last.message} (tried for ${given})`, cause });
}
