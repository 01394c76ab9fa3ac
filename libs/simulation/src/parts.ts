import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';

import { assert } from '@env-cli/support';

/** One of the parts that work is divided into: `at` of 0 … `count` − 1. */
export interface Part {
  readonly at: number;
  readonly count: number;
}

/** Cores beyond this are left to others. */
const partsMax = 4;

/** The part that this program was told to do, by `--part 0/2`; null: all of it. */
export function partOf(text: string | undefined): Part | null {
  if (text === undefined) return null;
  const [at = NaN, count = NaN] = text.split('/').map(Number);
  assert(Number.isSafeInteger(at) && at >= 0 && at < count, 'a part is written as 0/2');
  return { at, count };
}

/** Runs this very program once for each core, each with its part of the work; answers what each sent, in the order of the parts. */
export async function inParts<T>(args: readonly string[]): Promise<T[]> {
  const count = Math.min(availableParallelism(), partsMax);
  return Promise.all(Array.from({ length: count }, (_, at) => onePart<T>([...args, '--part', `${at}/${count}`])));
}

async function onePart<T>(args: readonly string[]): Promise<T> {
  const child = fork(process.argv[1]!, args);
  let sent: { readonly result: T } | null = null;
  child.on('message', (result) => (sent = { result: result as T }));
  await once(child, 'close');
  assert(sent !== null, 'each part ends with its result');
  return (sent as { readonly result: T }).result;
}

/** Adds up what two parts counted: numbers are added, and what has fields field by field. */
export function sumOf<T>(a: T, b: T): T {
  if (typeof a === 'number') return (a + (b as number)) as T;
  const fields = Object.entries(a as object).map(([name, value]) => [
    name,
    sumOf(value as unknown, (b as Record<string, unknown>)[name]),
  ]);
  return Object.fromEntries(fields) as T;
}
