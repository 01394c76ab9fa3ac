import type { Io } from './io.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;

/** Does `work` with a signal that aborts when the program is told to end, so that what it has begun is put away before. */
export async function interruptible<T>(io: Io, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const told = new AbortController();
  const tell = (): void => told.abort();
  for (const signal of signals) process.on(signal, tell);
  try {
    return await work(AbortSignal.any([io.interrupted, told.signal]));
  } finally {
    for (const signal of signals) process.off(signal, tell);
  }
}
