import { assert, type Brand, integerMax } from '@env-cli/support';

/**
 * The number of a write that changed something, from 1; 0 is "before the first". At most 2^53 − 1.
 *
 * It counts writes of the whole cluster, not log entries: elections, refused writes and writes that change nothing take none.
 */
export type Revision = Brand<number, 'Revision'>;

/** A number that is known to be a revision. Asserts 0 … 2^53 − 1: a number that a user sent is checked before. */
export function toRevision(value: number): Revision {
  assert(Number.isSafeInteger(value) && value >= 0 && value <= integerMax, 'a revision is one of 0 to 2^53 - 1');
  return value as Revision;
}
