import { decodeUtf8 } from '@env-cli/support';

import { flaw, type Flaw, tooLarge } from './flaw.ts';
import type { LimitName, Limits } from './limits.ts';

/** What is wrong with a text that is given as UTF-8, or null. */
export function flawOfText(bytes: Uint8Array, limit: LimitName & keyof Limits, limits: Limits): Flaw | null {
  if (bytes.length > limits[limit]) return tooLarge(limit, limits, bytes.length);
  return isUtf8(bytes) ? null : flaw('must be UTF-8 text');
}

/** Whether bytes are well-formed UTF-8. Most texts are ASCII, which is seen at a glance. */
export function isUtf8(bytes: Uint8Array): boolean {
  if (isAscii(bytes)) return true;
  try {
    decodeUtf8(bytes);
    return true;
  } catch {
    return false;
  }
}

function isAscii(bytes: Uint8Array): boolean {
  const { length } = bytes;
  const whole = length & ~7;
  let i = 0;
  let bits = 0;
  for (; i < whole; i += 8) {
    bits =
      bytes[i]! | bytes[i + 1]! | bytes[i + 2]! | bytes[i + 3]! | bytes[i + 4]! | bytes[i + 5]! | bytes[i + 6]! | bytes[i + 7]!;
    if (bits > 0x7f) return false;
  }
  for (; i < length; i++) bits |= bytes[i]!;
  return bits <= 0x7f;
}
