/** The hash of one row: two lanes of 32 bits, as signed integers. The object is reused: read it before the next call. */
export interface RowHash {
  low: number;
  high: number;
}

// Looked up once: in some hosts each look at a global is slow, and this is the innermost loop.
const { imul } = Math;

const hash: RowHash = { low: 0, high: 0 };

/**
 * Hashes a row's key and value. Equal rows have equal hashes on every machine; the two lanes mix 4 bytes at a time, each in
 * its own way, and take the lengths in, so that no byte can move between key and value unseen.
 *
 * It finds faults, not attackers: members are compared with it, and disks.
 */
export function hashRow(key: Uint8Array, value: Uint8Array): RowHash {
  hash.low = 0x9e3779b1 ^ key.length;
  hash.high = 0x85ebca77 ^ value.length;
  mixBytes(key);
  mixBytes(value);
  hash.low = finish(hash.low);
  hash.high = finish(hash.high ^ hash.low);
  return hash;
}

function mixBytes(bytes: Uint8Array): void {
  let { low, high } = hash;
  const length = bytes.length;
  const whole = length & ~3;
  let i = 0;
  for (; i < whole; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    low = imul(low ^ word, 0xcc9e2d51);
    low = (low << 15) | (low >>> 17);
    high = imul(high + word, 0x1b873593);
    high = (high << 13) | (high >>> 19);
  }
  let rest = 0;
  for (let shift = 0; i < length; i++, shift += 8) rest |= bytes[i]! << shift;
  hash.low = imul(low ^ rest, 0x85ebca6b);
  hash.high = imul(high + rest, 0xc2b2ae35);
}

/** The finalizer of MurmurHash3 (A. Appleby, public domain): every bit of the input moves half of the output's. */
export function finish(lane: number): number {
  let mixed = lane;
  mixed = imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
