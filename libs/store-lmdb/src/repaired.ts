import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MalformedBytes } from '@env-cli/support';

import { isMissing, removeIfThere, replaceFile, syncDirectory } from './durable-file.ts';
import { seal, unseal } from './sealed-bytes.ts';

/** Says that the state was replaced by another member's. The directory is whole without it. */
export const repairedFileName = 'repaired';
const kind = { magic: 'envcliRP', format: 1 };

/**
 * Records, durably, that a state took the place of a wrong one: what is known of the wrong one up to `index` is not about this one. Written once the new
 * one counts, for with the wrong one it would be a lie.
 */
export function writeRepaired(directory: string, index: number): void {
  replaceFile(join(directory, repairedFileName), encodeRepaired(index));
}

/** The bytes of `repaired`. */
export function encodeRepaired(index: number): Uint8Array {
  return seal(kind, (writer) => void writer.u64(index));
}

/** What the state had applied that took the place of a wrong one; 0: none did, or the file cannot be read, and then every accusation counts. */
export function readRepaired(directory: string): number {
  try {
    return unseal(kind, readFileSync(join(directory, repairedFileName)), (reader) => reader.u64());
  } catch (error) {
    if (isMissing(error) || error instanceof MalformedBytes) return 0;
    throw error;
  }
}

/** The state that came in place of a wrong one is wrong as well: every accusation counts again. Durable when it returns. */
export function forgetRepaired(directory: string): void {
  removeIfThere(join(directory, repairedFileName));
  syncDirectory(directory);
}
