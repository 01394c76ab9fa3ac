import { assert } from './assert.ts';
import { decodeName, encodeUtf8 } from './utf8.ts';

/** Orders byte strings as LMDB does: byte by byte, unsigned; a prefix stands before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether two byte strings are the same. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Lower-case hexadecimal digits, two a byte. */
export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The largest integer that the formats carry: 2^53 − 1, the largest exact `number`. */
export const integerMax = Number.MAX_SAFE_INTEGER;

/** What says that eight bytes follow, where four are not enough. */
const u32Max = 0xffff_ffff;

/** The length up to which a loop over bytes is quicker than a call into the host. */
const shortBytesMax = 32;

/**
 * Builds canonical bytes: integers big-endian (so that keys sort by number), lengths as LEB128 varints.
 *
 * The buffer grows as it fills. `take` hands out a copy of exactly what was written, `cut` a view of it; then it begins anew.
 */
export class ByteWriter {
  readonly #capacityBytes: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  /** Where in the buffer begins what is neither taken nor cut. */
  #start = 0;
  #length = 0;

  constructor(capacityBytes = 256) {
    this.#capacityBytes = capacityBytes;
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written since the last `take` or `cut`. */
  get length(): number {
    return this.#length - this.#start;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  /** An integer of 0 … 2^53 − 1 in eight bytes. */
  u64(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, 'an integer that is written is one of 0 to 2^53 - 1');
    this.#reserve(8);
    this.#view.setUint32(this.#length, Math.floor(value / 0x1_0000_0000));
    this.#view.setUint32(this.#length + 4, value >>> 0);
    this.#length += 8;
    return this;
  }

  /** An integer of 0 … 2^53 − 1 in four bytes, or, from 2^32 − 1 on, in four full ones and eight: for a number that began as a u32. */
  u32OrU64(value: number): this {
    return value < u32Max ? this.u32(value) : this.u32(u32Max).u64(value);
  }

  /** An integer of 0 … 2^53 − 1 in as few bytes as it takes (LEB128). */
  varint(value: number): this {
    this.#reserve(8);
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value | 0;
    // Most have 31 bits at most, which are taken apart without a division.
    if (rest !== value || rest < 0) {
      assert(Number.isSafeInteger(value) && value >= 0, 'an integer that is written is one of 0 to 2^53 - 1');
      // Four groups of 7 bits at a time: what is left of 53 bits after one round has 25, and of 31 after none.
      const low = value % 0x1000_0000;
      bytes[at++] = (low & 0x7f) | 0x80;
      bytes[at++] = ((low >>> 7) & 0x7f) | 0x80;
      bytes[at++] = ((low >>> 14) & 0x7f) | 0x80;
      bytes[at++] = (low >>> 21) | 0x80;
      rest = Math.floor(value / 0x1000_0000);
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
    return this;
  }

  /** Bytes without their length. */
  raw(bytes: Uint8Array): this {
    const { length } = bytes;
    this.#reserve(length);
    if (length > shortBytesMax) {
      this.#bytes.set(bytes, this.#length);
    } else {
      const own = this.#bytes;
      const at = this.#length;
      for (let i = 0; i < length; i++) own[at + i] = bytes[i]!;
    }
    this.#length += length;
    return this;
  }

  /** A varint length, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** A varint length in bytes, then the text in UTF-8. */
  text(text: string): this {
    const { length } = text;
    // Most texts are short names in ASCII: one byte a character and one of length, without an array in between.
    if (length > 0x7f) return this.bytes(encodeUtf8(text));
    this.#reserve(length + 1);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = length;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return this.bytes(encodeUtf8(text));
      bytes[at++] = unit;
    }
    this.#length = at;
    return this;
  }

  /** A text of ASCII alone, one byte a character, without its length. */
  ascii(text: string): this {
    const { length } = text;
    this.#reserve(length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
    return this;
  }

  /** A copy of what was written; the writer is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(this.#start, this.#length);
    this.#length = this.#start;
    return taken;
  }

  /**
   * What was written, as a view that nothing overwrites later; the writer is empty afterwards.
   *
   * Views share their memory, and each keeps all of it: for bytes that are needed for a moment, or all together. It spares
   * the many small allocations that `take` makes.
   */
  cut(): Uint8Array<ArrayBuffer> {
    const cut = this.#bytes.subarray(this.#start, this.#length);
    this.#start = this.#length;
    return cut;
  }

  /** What was written, as a view that the next write overwrites: for whoever copies it at once. The writer is empty afterwards. */
  lend(): Uint8Array<ArrayBuffer> {
    const lent = this.#bytes.subarray(this.#start, this.#length);
    this.#length = this.#start;
    return lent;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const needed = this.#length - this.#start + bytes;
    // What was cut stays behind in the old buffer; a buffer that grew for something large is not kept.
    const grown = new Uint8Array(Math.max(needed * (this.#start === 0 ? 2 : 1), this.#capacityBytes));
    grown.set(this.#bytes.subarray(this.#start, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
    this.#length -= this.#start;
    this.#start = 0;
  }
}

/** What a {@link ByteReader} throws when the bytes end early, go on too long or hold an integer above 2^53 − 1. */
export class MalformedBytes extends Error {
  override readonly name = 'MalformedBytes';
}

/** Reads what a {@link ByteWriter} wrote. Every read is checked: bytes from disk or from a peer are not to be trusted. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes that are not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** Where the next read begins. */
  get position(): number {
    return this.#at;
  }

  u8(): number {
    return this.#bytes[this.#advance(1)]!;
  }

  u16(): number {
    const at = this.#advance(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u32(): number {
    return this.#u32At(this.#advance(4));
  }

  u64(): number {
    const at = this.#advance(8);
    const high = this.#u32At(at);
    if (high > 0x1f_ffff) throw new MalformedBytes(`an integer above 2^53 - 1 at byte ${at}`);
    return high * 0x1_0000_0000 + this.#u32At(at + 4);
  }

  /** Reads what {@link ByteWriter.u32OrU64} wrote. */
  u32OrU64(): number {
    const short = this.u32();
    if (short < u32Max) return short;
    const value = this.u64();
    // One number has one spelling.
    if (value < u32Max) throw new MalformedBytes(`an integer in more bytes than it takes before byte ${this.#at}`);
    return value;
  }

  varint(): number {
    const first = this.#bytes[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at++;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        // One number has one spelling: a trailing zero group would be a second one, and canonical bytes are compared.
        if ((byte === 0 && count > 0) || value > integerMax) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedBytes(`not an integer of the format before byte ${this.#at}`);
  }

  /** The next `length` bytes, as a view on the bytes that are read (no copy). */
  raw(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Passes over the next `length` bytes. */
  skip(length: number): void {
    this.#advance(length);
  }

  /** A varint length, then so many bytes, as a view. */
  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  text(): string {
    const at = this.#at;
    const bytes = this.bytes();
    try {
      return decodeName(bytes);
    } catch {
      throw new MalformedBytes(`text that is not UTF-8 at byte ${at}`);
    }
  }

  /** Throws unless everything was read: what follows a record would be silently lost. */
  end(): void {
    if (this.remaining !== 0) throw new MalformedBytes(`${this.remaining} bytes follow the end at byte ${this.#at}`);
  }

  #u32At(at: number): number {
    const bytes = this.#bytes;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at)
      throw new MalformedBytes(`${length} bytes wanted at byte ${at} of ${this.#bytes.length}`);
    this.#at = at + length;
    return at;
  }
}
