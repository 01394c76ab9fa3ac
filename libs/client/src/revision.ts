import { EnvCliError } from './error.ts';

/** An integer of the wire as a number. An answer with one above 2^53 - 1 is malformed: no cluster gets there. */
export function revisionOf(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new EnvCliError({
      reason: 'MALFORMED_ANSWER',
      message: `an answer holds the number ${value}, which is not one of 0 to 2^53 - 1`,
    });
  }
  return Number(value);
}

/** A revision that a caller gives. Refuses what is not an integer of 0 to 2^53 - 1 with INVALID_FIELD. */
export function naturalOf(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new EnvCliError({
      reason: 'INVALID_FIELD',
      message: `${name} is an integer of 0 or more, not ${value}`,
      next: 'Give a revision as an answer of the cluster named it.',
    });
  }
  return value;
}

/** The same, for a generated message. */
export function wireRevision(value: number, name: string): bigint {
  return BigInt(naturalOf(value, name));
}
