/** How a field's value is written (protobuf.dev/programming-guides/encoding). */
const varintType = 0;
const bytesType = 2;

const hexDigits = Buffer.from('0123456789abcdef');

/**
 * Writes protobuf by hand: what goes from a record to an answer is copied, not made into objects and texts in between.
 *
 * Fields at their default are left out, as proto3 wants it, except where a method says otherwise. `take` hands out a copy.
 */
export class ProtoWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacityBytes = 4_096) {
    this.#bytes = Buffer.allocUnsafeSlow(capacityBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Forgets everything behind `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** A copy of what was written; the writer is empty afterwards. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  /** A copy of what was written from `start` on, which stays. */
  copyFrom(start: number): Buffer {
    return Buffer.from(this.#bytes.subarray(start, this.#length));
  }

  /** An integer of 0 … 2^53 − 1, or an enum. */
  uint(field: number, value: number): void {
    if (value === 0) return;
    this.#tag(field, varintType);
    this.#varint(value);
  }

  /** A bigint of an id that a client chose: any int64. */
  int64(field: number, value: bigint): void {
    if (value === 0n) return;
    this.#tag(field, varintType);
    let rest = BigInt.asUintN(64, value);
    this.#reserve(10);
    while (rest > 0x7fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  bool(field: number, value: boolean): void {
    if (value) this.uint(field, 1);
  }

  /** A text that is ASCII or little: for larger ones there are bytes already. */
  text(field: number, value: string): void {
    if (value === '') return;
    this.#tag(field, bytesType);
    const length = Buffer.byteLength(value);
    this.#varint(length);
    this.#reserve(length);
    this.#bytes.write(value, this.#length);
    this.#length += length;
  }

  /** Bytes, or a text that is given as UTF-8. */
  bytes(field: number, value: Uint8Array): void {
    if (value.length > 0) this.presentBytes(field, value);
  }

  /** The same, written also when empty: for an `optional` field, or a message. */
  presentBytes(field: number, value: Uint8Array): void {
    this.#tag(field, bytesType);
    this.#varint(value.length);
    this.raw(value);
  }

  /** Bytes as lower-case hexadecimal digits. */
  hex(field: number, value: Uint8Array): void {
    this.#tag(field, bytesType);
    this.#varint(value.length * 2);
    this.#reserve(value.length * 2);
    for (const byte of value) {
      this.#bytes[this.#length++] = hexDigits[byte >> 4]!;
      this.#bytes[this.#length++] = hexDigits[byte & 15]!;
    }
  }

  /** Fields that were written before. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** Begins a message inside the message. What is written until {@link end} belongs to it. */
  begin(field: number): number {
    this.#tag(field, bytesType);
    this.#reserve(1);
    // One byte for the length, which holds up to 127; `end` makes room where it is more.
    return ++this.#length;
  }

  /** Ends the message that began at `start`. */
  end(start: number): void {
    const length = this.#length - start;
    const extra = varintBytes(length) - 1;
    if (extra > 0) {
      this.#reserve(extra);
      this.#bytes.copyWithin(start + extra, start, this.#length);
    }
    this.#length = start - 1;
    this.#varint(length);
    this.#length += length;
  }

  #tag(field: number, type: number): void {
    this.#varint(field * 8 + type);
  }

  #varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    // All of it: `end` writes a length in front of what stands there already.
    this.#bytes.copy(grown);
    this.#bytes = grown;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
