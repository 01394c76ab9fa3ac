import type { VariableType } from '@env-cli/keyspace';
import { decodeUtf8, unreachable } from '@env-cli/support';

const number = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:./;
const duration = /^(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h|d))+$/;

/** Longer texts are no number and no duration: a pattern never runs over hundreds of kilobytes. */
const numberBytesMax = 400;
const durationBytesMax = 100;
const schemeBytesMax = 64;

/** Why a text is not of a type, or null when it is. The value itself is never part of the answer. */
export function problemOfType(type: VariableType, value: Uint8Array): string | null {
  switch (type) {
    case 'string':
      return null;
    case 'number':
      return value.length <= numberBytesMax && number.test(decodeUtf8(value))
        ? null
        : 'must be a decimal number as JSON writes it, as in -12.5e3';
    case 'boolean': {
      const text = value.length <= 5 ? decodeUtf8(value) : '';
      return text === 'true' || text === 'false' ? null : 'must be true or false';
    }
    case 'json':
      return isJson(value) ? null : 'must be a JSON text';
    case 'url':
      return isUrl(value) ? null : 'must be an absolute URL without spaces, as in https://example.org/';
    case 'duration':
      return value.length <= durationBytesMax && duration.test(decodeUtf8(value))
        ? null
        : 'must be numbers with units (ns, us, ms, s, m, h, d), as in 300ms or 1h30m';
    case 'bytes':
      return isBase64(value) ? null : 'must be bytes in base64, with its padding';
    default:
      return unreachable(type);
  }
}

/** A scheme and something behind it, without spaces and control characters. What the scheme makes of it is not ours to judge. */
function isUrl(value: Uint8Array): boolean {
  if (!value.every((byte) => byte > 0x20 && byte !== 0x7f)) return false;
  return scheme.test(String.fromCharCode(...value.subarray(0, schemeBytesMax)));
}

function isJson(value: Uint8Array): boolean {
  try {
    JSON.parse(decodeUtf8(value));
    return true;
  } catch {
    return false;
  }
}

/** Base64 of RFC 4648 §4 with padding. A loop, for a pattern that repeats a group would run out of stack on a long value. */
function isBase64(value: Uint8Array): boolean {
  const { length } = value;
  if (length % 4 !== 0) return false;
  const padding = length === 0 || value[length - 1] !== 0x3d ? 0 : value[length - 2] === 0x3d ? 2 : 1;
  for (let i = 0; i < length - padding; i++) if (!isBase64Digit(value[i]!)) return false;
  return true;
}

function isBase64Digit(byte: number): boolean {
  const isLetter = (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
  return isLetter || (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2f;
}
