import { randomInt } from 'node:crypto';

import { Random } from '../support/random.ts';

/** Environments of each client. */
export const environmentsCount = 10_000;
/** Environments of each client when each holds a hundred variables. */
export const hundredsCount = 1000;
export const variableBytes = 256;
export const smallVariableBytes = 16;
/** Different values that follow each other in an environment: a write that changes nothing would be no write. */
export const valuesCount = 64;

/** The n-th environment of a client: neighbours in order, as the keys of etcd's `--sequential-keys` are. */
export function environmentName(clientIndex: number, n: number): string {
  return `bench/p${clientIndex}/${String(n % environmentsCount).padStart(8, '0')}`;
}

/** The n-th environment of a client that holds a hundred variables. */
export function hundredName(clientIndex: number, n: number): string {
  return `hundred/p${clientIndex}/${String(n % hundredsCount).padStart(8, '0')}`;
}

/** So many different texts of `bytes` bytes, and none of an earlier load: what stands in an environment already would be no change. */
export function newTexts(count: number, bytes: number): string[] {
  const random = new Random(randomInt(2 ** 31));
  const letter = (): string => String.fromCharCode(97 + Math.floor(random.fraction() * 26));
  return Array.from({ length: count }, () => Array.from({ length: bytes }, letter).join(''));
}
