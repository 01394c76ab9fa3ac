import { assert, ByteReader, type ByteWriter, decodeUtf8, equalBytes, MalformedBytes } from '@env-cli/support';

import type { Revision } from './revision.ts';
import { type Variable, type VariableType, variableTypes, type VariableValue } from './variable.ts';

/** Bytes of the keyed hash of a secret. */
export const secretHashBytes = 16;
/** Bytes of the nonce of a sealed value. */
export const nonceBytes = 12;

const secretFlag = 0x01;
const sealedFlag = 0x02;
const commentFlag = 0x04;
const typeShift = 3;

/**
 * Appends one variable as records and changes hold it:
 * length of the rest, name, flags (1 secret, 2 sealed, 4 comment, type × 8), revision that last changed it, [hash of a
 * secret, 16 bytes], [comment], then the value up to the end: text, or key id u32, nonce (12 bytes), length of the text, ciphertext.
 */
export function writeVariable(writer: ByteWriter, variable: Variable): void {
  const { name, value, comment } = variable;
  const type = variable.type === null ? 0 : variableTypes.indexOf(variable.type) + 1;
  const flags =
    (variable.secret ? secretFlag : 0) |
    (value.kind === 'sealed' ? sealedFlag : 0) |
    (comment.length > 0 ? commentFlag : 0) |
    (type << typeShift);
  writer.varint(encodedLength(variable)).text(name).u8(flags).varint(variable.changedRevision);
  if (variable.secret) {
    assert(variable.hash?.length === secretHashBytes, 'a secret has a keyed hash of 16 bytes');
    writer.raw(variable.hash);
  }
  if (comment.length > 0) writer.bytes(comment);
  if (value.kind === 'sealed') {
    assert(value.nonce.length === nonceBytes, 'a nonce has 12 bytes');
    writer.u32(value.keyId).raw(value.nonce).varint(value.plainLengthBytes);
  }
  writer.raw(value.bytes);
}

/** The length that a variable's bytes begin with: of all behind it. Names are ASCII, so their characters are bytes. */
function encodedLength({ name, value, secret, comment, changedRevision }: Variable): number {
  let length = varintLength(name.length) + name.length + 1 + varintLength(changedRevision) + value.bytes.length;
  if (secret) length += secretHashBytes;
  if (comment.length > 0) length += varintLength(comment.length) + comment.length;
  if (value.kind === 'sealed') length += 4 + nonceBytes + varintLength(value.plainLengthBytes);
  return length;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/**
 * Walks over variables in their bytes, one at a time, without making an object of each.
 *
 * Its fields are those of the variable that the last `next` came to; the byte arrays are views on the record.
 */
export class VariableCursor {
  readonly #bytes: Uint8Array;
  readonly #reader: ByteReader;
  #left: number;
  #start = 0;
  #end = 0;
  #nameStart = 0;
  #nameEnd = 0;
  #flags = 0;
  #hashStart = 0;
  #commentStart = 0;
  #commentEnd = 0;
  #valueStart = 0;
  #keyId = 0;
  #plainLength = 0;
  #changed = 0;

  /** `count` variables stand in `bytes` from `at` on. */
  constructor(bytes: Uint8Array, at: number, count: number) {
    this.#bytes = bytes;
    this.#reader = new ByteReader(bytes);
    this.#reader.skip(at);
    this.#left = count;
  }

  /** Goes on to the next variable; false when there is none. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const reader = this.#reader;
    this.#start = reader.position;
    const length = reader.varint();
    this.#end = reader.position + length;
    const nameLength = reader.varint();
    this.#nameStart = reader.position;
    this.#nameEnd = this.#nameStart + nameLength;
    reader.skip(nameLength);
    this.#flags = reader.u8();
    this.#changed = reader.varint();
    this.#hashStart = reader.position;
    if (this.secret) reader.skip(secretHashBytes);
    const commentLength = (this.#flags & commentFlag) === 0 ? 0 : reader.varint();
    this.#commentStart = reader.position;
    this.#commentEnd = this.#commentStart + commentLength;
    reader.skip(commentLength);
    if (this.sealed) {
      this.#keyId = reader.u32();
      reader.skip(nonceBytes);
      this.#plainLength = reader.varint();
    }
    this.#valueStart = reader.position;
    if (this.#valueStart > this.#end)
      throw new MalformedBytes(`a variable that is longer than its length at byte ${this.#start}`);
    reader.skip(this.#end - this.#valueStart);
    return true;
  }

  get name(): string {
    return asciiText(this.#bytes, this.#nameStart, this.#nameEnd);
  }

  /** Negative, 0 or positive, as the variable's name stands before, at or behind an ASCII name. */
  compareName(name: string): number {
    const length = this.#nameEnd - this.#nameStart;
    const shared = Math.min(length, name.length);
    for (let i = 0; i < shared; i++) {
      const difference = this.#bytes[this.#nameStart + i]! - name.charCodeAt(i);
      if (difference !== 0) return difference;
    }
    return length - name.length;
  }

  get nameBytes(): Uint8Array {
    return this.#bytes.subarray(this.#nameStart, this.#nameEnd);
  }

  get secret(): boolean {
    return (this.#flags & secretFlag) !== 0;
  }

  get sealed(): boolean {
    return (this.#flags & sealedFlag) !== 0;
  }

  get type(): VariableType | null {
    return variableTypes[(this.#flags >> typeShift) - 1] ?? null;
  }

  get changedRevision(): Revision {
    return this.#changed as Revision;
  }

  /** The keyed hash of a secret; null for any other. */
  get hash(): Uint8Array | null {
    return this.secret ? this.#bytes.subarray(this.#hashStart, this.#hashStart + secretHashBytes) : null;
  }

  get comment(): Uint8Array {
    return this.#bytes.subarray(this.#commentStart, this.#commentEnd);
  }

  /** The text in UTF-8 when it is not sealed, else the ciphertext. */
  get valueBytes(): Uint8Array {
    return this.#bytes.subarray(this.#valueStart, this.#end);
  }

  /** The length of the text in bytes, sealed or not. */
  get plainLengthBytes(): number {
    return this.sealed ? this.#plainLength : this.#end - this.#valueStart;
  }

  get value(): VariableValue {
    if (!this.sealed) return { kind: 'plain', bytes: this.valueBytes };
    const nonceStart = this.#commentEnd + 4;
    return {
      kind: 'sealed',
      keyId: this.#keyId,
      nonce: this.#bytes.subarray(nonceStart, nonceStart + nonceBytes),
      bytes: this.valueBytes,
      plainLengthBytes: this.#plainLength,
    };
  }

  /** All of the variable's bytes with their length, as {@link writeVariable} wrote them. */
  get encoded(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Where in the bytes the variable begins. */
  get start(): number {
    return this.#start;
  }

  /** Where in the bytes it ends. */
  get end(): number {
    return this.#end;
  }

  /** A cursor of its own on the variable that this one stands on. */
  standing(): VariableCursor {
    return cursorOn(this.#bytes, this.#start);
  }

  /** The variable as an object, whose byte arrays are views on the record. */
  variable(): Variable {
    return {
      name: this.name,
      value: this.value,
      secret: this.secret,
      hash: this.hash,
      type: this.type,
      comment: this.comment,
      changedRevision: this.changedRevision,
    };
  }

  /** Whether another variable of this name says the same, whenever it was changed. A secret is compared by its keyed hash. */
  saysTheSame(other: VariableCursor): boolean {
    // Sealing the same text twice gives different bytes: only the hash can tell that nothing changed.
    if ((this.#flags & ~sealedFlag) !== (other.#flags & ~sealedFlag) || !equalBytes(this.comment, other.comment)) return false;
    if (this.secret) return equalBytes(this.hash!, other.hash!);
    return this.#flags === other.#flags && equalBytes(this.valueBytes, other.valueBytes);
  }
}

/** A cursor that stands on the one variable that begins at `at`. */
export function cursorOn(bytes: Uint8Array, at = 0): VariableCursor {
  const cursor = new VariableCursor(bytes, at, 1);
  cursor.next();
  return cursor;
}

/** The text of ASCII bytes. Names are ASCII by rule; anything else in a record is decoded as UTF-8. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte > 0x7f) return decodeUtf8(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}
