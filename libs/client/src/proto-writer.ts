import { EnvCliError } from './error.ts';

const varintType = 0;
const bytesType = 2;

/** Characters of a text that is written one by one: for longer ones the call into the runtime is cheaper. */
const shortText = 48;

/** A writer whose buffer grew beyond this many bytes gives it back. */
const keptBytesMax = 256 * 1024;

/**
 * Writes protobuf by hand, for the messages that are made many thousand times a second: generated code makes an object for
 * each message in between, which costs three times as much and most of it in the garbage collector.
 *
 * Fields at their default are left out, as proto3 wants it, except where a method says otherwise.
 */
export class ProtoWriter {
  #bytes = Buffer.allocUnsafeSlow(4096);
  #length = 0;

  /** A copy of what was written; the writer is empty afterwards. */
  take(): Uint8Array {
    const taken = Buffer.allocUnsafe(this.#length);
    this.#bytes.copy(taken, 0, 0, this.#length);
    this.#length = 0;
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafeSlow(4096);
    return taken;
  }

  /** Forgets what was written: the message could not be finished. */
  clear(): void {
    this.#length = 0;
  }

  /** An integer of 0 to 2^53 - 1, or an enum. */
  uint(field: number, value: number): void {
    if (value !== 0) this.presentUint(field, value);
  }

  /** The same, written also when 0: for a field of a `oneof`, or an `optional` one. */
  presentUint(field: number, value: number): void {
    this.#tag(field, varintType);
    this.#varint(value);
  }

  bool(field: number, value: boolean): void {
    if (value) this.presentUint(field, 1);
  }

  text(field: number, value: string): void {
    if (value !== '') this.presentText(field, value);
  }

  /** The same, written also when empty. */
  presentText(field: number, value: string): void {
    this.#tag(field, bytesType);
    if (value.length > shortText || !this.#ascii(value)) {
      if (!value.isWellFormed()) {
        const message = 'a text holds half of a surrogate pair, which UTF-8 cannot carry: it would not come back as it was';
        throw new EnvCliError({ reason: 'INVALID_FIELD', message });
      }
      const bytes = Buffer.byteLength(value);
      this.#varint(bytes);
      this.#reserve(bytes);
      this.#bytes.write(value, this.#length);
      this.#length += bytes;
    }
  }

  /** Begins a message inside the message: all until {@link end} belongs to it. */
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

  /** Writes a short text of ASCII alone, with its length. False: it is none, and nothing was written. */
  #ascii(value: string): boolean {
    this.#reserve(1 + shortText);
    const bytes = this.#bytes;
    let at = this.#length + 1;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      bytes[at++] = code;
    }
    bytes[this.#length] = value.length;
    this.#length = at;
    return true;
  }

  #tag(field: number, type: number): void {
    this.#reserve(2);
    const tag = (field << 3) | type;
    if (tag > 127) {
      this.#bytes[this.#length++] = (tag & 127) | 128;
      this.#bytes[this.#length++] = tag >> 7;
    } else {
      this.#bytes[this.#length++] = tag;
    }
  }

  #varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 128;
    this.#bytes[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + bytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Bytes that an integer of 0 to 2^53 - 1 takes. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
