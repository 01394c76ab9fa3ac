import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

/** What a small file begins with: eight characters that name its kind, and the version of its format. */
export interface SealedKind {
  readonly magic: string;
  readonly format: number;
}

/** It is of this kind and whole, and of a format that this program does not read. */
export class OtherFormat extends MalformedBytes {
  readonly format: number;

  constructor(format: number, readable: number) {
    super(`its format is ${format}, this program reads ${readable}`);
    this.format = format;
  }
}

/** Frames a small file: kind, format, what `write` adds, CRC-32 of it all. */
export function seal(kind: SealedKind, write: (writer: ByteWriter) => void): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().text(kind.magic).u16(kind.format);
  write(writer);
  const body = writer.take();
  return writer.raw(body).u32(crc32(body)).take();
}

/** Opens what {@link seal} framed. Throws `MalformedBytes` on another kind or a wrong checksum, {@link OtherFormat} on another format. */
export function unseal<T>(kind: SealedKind, bytes: Uint8Array, read: (reader: ByteReader) => T): T {
  const bodyBytes = bytes.length - 4;
  if (bodyBytes < 0) throw new MalformedBytes('it is cut off');
  if (new ByteReader(bytes.subarray(bodyBytes)).u32() !== crc32(bytes.subarray(0, bodyBytes))) {
    throw new MalformedBytes('its checksum is wrong');
  }
  const reader = new ByteReader(bytes.subarray(0, bodyBytes));
  if (reader.text() !== kind.magic) throw new MalformedBytes('it is of another kind');
  const format = reader.u16();
  if (format !== kind.format) throw new OtherFormat(format, kind.format);
  const value = read(reader);
  reader.end();
  return value;
}
