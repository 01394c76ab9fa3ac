import { integerMax } from '@env-cli/support';

import { invalid } from '../errors/refused.ts';

/** An `int64` of a request as the number that it must be: 0 … 2^53 − 1. Refuses any other. */
export function natural(value: bigint, field: string): number {
  if (value < 0n || value > BigInt(integerMax)) throw invalid(field, `must be a whole number from 0 to ${integerMax}`);
  return Number(value);
}

/** How many a page may hold: what was asked for, the default for 0, the maximum for more. */
export function pageSize(asked: number, defaultSize: number, maxSize: number): number {
  if (asked < 0) throw invalid('page_size', `must be a whole number from 0 (which stands for ${defaultSize}) to ${maxSize}`);
  return Math.min(asked === 0 ? defaultSize : asked, maxSize);
}
