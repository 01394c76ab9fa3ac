/**
 * SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104) for the pure libraries, which have no `node:crypto`. Whoever has it uses it: it
 * is several times faster, and answers the same.
 */

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4 §4.2.2). */
const roundConstants = fractionalBits(64, Math.cbrt);

/** The same of the square roots of the first 8 (§5.3.3). */
const initialState = fractionalBits(8, Math.sqrt);

const blockBytes = 64;
const hashBytes = 32;

/** The hash of some bytes: 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return finished(Uint32Array.from(initialState), bytes, 0);
}

/** The keyed hash of some bytes: 32 bytes. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(blockBytes);
  block.set(key.length > blockBytes ? sha256(key) : key);
  const inner = finished(begun(block, 0x36), bytes, blockBytes);
  return finished(begun(block, 0x5c), inner, blockBytes);
}

/** The state after the key's block, each byte of which was changed by `pad`. */
function begun(keyBlock: Uint8Array, pad: number): Uint32Array {
  const state = Uint32Array.from(initialState);
  compress(
    state,
    keyBlock.map((byte) => byte ^ pad),
    0,
  );
  return state;
}

/** The hash of `bytes` behind the `before` bytes that the state has seen, a multiple of the block. */
function finished(state: Uint32Array, bytes: Uint8Array, before: number): Uint8Array {
  const whole = bytes.length - (bytes.length % blockBytes);
  for (let at = 0; at < whole; at += blockBytes) compress(state, bytes, at);
  // What is left, a one bit, zeros, and the length in bits: one block or two.
  const left = bytes.length - whole;
  const tail = new Uint8Array(left + 9 <= blockBytes ? blockBytes : 2 * blockBytes);
  tail.set(bytes.subarray(whole));
  tail[left] = 0x80;
  const view = new DataView(tail.buffer);
  const total = before + bytes.length;
  view.setUint32(tail.length - 8, Math.floor(total / 0x2000_0000));
  view.setUint32(tail.length - 4, (total << 3) >>> 0);
  for (let at = 0; at < tail.length; at += blockBytes) compress(state, tail, at);
  const hash = new Uint8Array(hashBytes);
  const words = new DataView(hash.buffer);
  for (let place = 0; place < 8; place++) words.setUint32(4 * place, state[place]!);
  return hash;
}

const schedule = new Int32Array(64);

/** Takes one block into the state (§6.2.2). */
function compress(state: Uint32Array, bytes: Uint8Array, at: number): void {
  for (let t = 0; t < 16; t++) {
    const place = at + 4 * t;
    schedule[t] = (bytes[place]! << 24) | (bytes[place + 1]! << 16) | (bytes[place + 2]! << 8) | bytes[place + 3]!;
  }
  for (let t = 16; t < 64; t++) {
    const x = schedule[t - 15]!;
    const y = schedule[t - 2]!;
    const low = rotated(x, 7) ^ rotated(x, 18) ^ (x >>> 3);
    const high = rotated(y, 17) ^ rotated(y, 19) ^ (y >>> 10);
    schedule[t] = (schedule[t - 16]! + low + schedule[t - 7]! + high) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let t = 0; t < 64; t++) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + choice + roundConstants[t]! + schedule[t]!) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + majority) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  const worked = [a, b, c, d, e, f, g, h];
  for (let place = 0; place < 8; place++) state[place] = state[place]! + worked[place]!;
}

function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

/** The first 32 bits of the fractional parts of the roots of the first `count` primes: a double holds 52 of them exactly enough. */
function fractionalBits(count: number, root: (prime: number) => number): Uint32Array {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return Uint32Array.from(primes, (prime) => (root(prime) % 1) * 2 ** 32);
}
