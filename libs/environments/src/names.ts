import { isLabelKey, isLabelValue, labelLengthMax } from '@env-cli/keyspace';

import { flaw, type Flaw, tooLarge } from './flaw.ts';
import type { Limits } from './limits.ts';

const namespacePattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const environmentPattern = /^[a-z0-9][a-z0-9._-]*(?:\/[a-z0-9][a-z0-9._-]*)*$/;
const variablePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const mirrorPattern = /^[a-z0-9][a-z0-9._-]*$/;

const namespaceLengthMax = 63;
const mirrorNameLengthMax = 64;

/** What is wrong with a namespace, or null. */
export function flawOfNamespace(name: string): Flaw | null {
  if (name.length <= namespaceLengthMax && namespacePattern.test(name)) return null;
  return flaw(`must be 1 to ${namespaceLengthMax} of a-z, 0-9 and -, with a letter or digit at both ends`);
}

/** What is wrong with an environment's name, or null. */
export function flawOfEnvironmentName(name: string, limits: Limits): Flaw | null {
  if (!environmentPattern.test(name)) {
    return flaw('must be segments joined by /, each a letter a-z or digit and then of a-z, 0-9, ., _ and -, as in payments/prod');
  }
  // The pattern lets ASCII in alone, so that characters are bytes.
  if (name.length > limits.environmentNameBytesMax) return tooLarge('environmentNameBytesMax', limits, name.length);
  let segments = 1;
  for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1)) segments++;
  return segments > limits.environmentNameSegmentsMax ? tooLarge('environmentNameSegmentsMax', limits, segments) : null;
}

/** What is wrong with the beginning of environments' names, or null. Empty is none. */
export function flawOfPrefix(prefix: string, limits: Limits): Flaw | null {
  if (prefix === '') return null;
  return flawOfEnvironmentName(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix, limits);
}

/** What is wrong with a variable's name, or null. */
export function flawOfVariableName(name: string, limits: Limits): Flaw | null {
  if (!variablePattern.test(name)) return flaw('must begin with a letter or _ and go on with letters, digits, _, . and -');
  return name.length > limits.variableNameBytesMax ? tooLarge('variableNameBytesMax', limits, name.length) : null;
}

/** What is wrong with the key of a label, or null. */
export function flawOfLabelKey(key: string): Flaw | null {
  if (isLabelKey(key)) return null;
  return flaw(`must be 1 to ${labelLengthMax} letters, digits and ._/-, with a letter or digit at both ends`);
}

/** What is wrong with the value of a label, or null. */
export function flawOfLabelValue(value: string): Flaw | null {
  if (isLabelValue(value)) return null;
  return flaw(`must be empty or up to ${labelLengthMax} letters, digits and ._-, with a letter or digit at both ends`);
}

/** What is wrong with a mirror's name, or null. */
export function flawOfMirrorName(name: string): Flaw | null {
  if (name.length <= mirrorNameLengthMax && mirrorPattern.test(name)) return null;
  return flaw(`must be 1 to ${mirrorNameLengthMax} of a-z, 0-9, ., _ and -, and begin with a letter or digit`);
}
