import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { buildGo } from '../support/go-build.ts';
import type { History } from './history.ts';

const run = promisify(execFile);

/** The longest that the search for one order may take. A history for which that is not enough has not passed. */
const searchSecondsMax = 60;
/** All searches of a history: one for each environment, and one for all. */
const checkMsMax = 20 * 60_000;

/** What porcupine found. */
export interface Linearizability {
  /** `unknown`: the time did not suffice. */
  readonly verdict: 'ok' | 'illegal' | 'unknown';
  readonly operations: number;
  /** Operations whose outcome is not known. */
  readonly open: number;
  /** The environment, or `all environments together`, where it is not ok. */
  readonly where?: string;
  /** The first operation that no order has a place for, in words. */
  readonly place?: string;
}

/** Builds the checker once, and answers its path, or why it cannot be had here. */
export async function buildPorcupine(): Promise<string | { readonly missing: string }> {
  const built = await buildGo({
    source: join(import.meta.dirname, 'porcupine'),
    directory: join('.cache', 'faults'),
    packages: { porcupine: '.' },
  });
  return 'missing' in built ? built : built.porcupine;
}

/**
 * Whether there is an order of the operations that agrees with the clock and explains every answer: for each environment, and for
 * all of them together. Leaves `history.jsonl` in the directory, and `history.html`, a picture, when there is none.
 */
export async function checkLinearizable(program: string, history: History, directory: string): Promise<Linearizability> {
  const path = join(directory, 'history.jsonl');
  history.write(path);
  const args = ['-history', path, '-picture', join(directory, 'history.html'), '-timeout', `${searchSecondsMax}s`];
  const { stdout } = await run(program, args, { timeout: checkMsMax, killSignal: 'SIGKILL' });
  return JSON.parse(stdout) as Linearizability;
}

/** Why a history does not pass, one line; empty when it does. */
export function linearizabilityFlaws({ verdict, where, place }: Linearizability): string[] {
  if (verdict === 'ok') return [];
  return [`porcupine: ${verdict === 'illegal' ? 'no order explains' : 'no order was found in time for'} ${where}: ${place}`];
}
