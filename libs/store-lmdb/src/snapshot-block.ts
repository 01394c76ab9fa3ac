import { crc32 } from 'node:zlib';
import { type TableName, tableNames } from '@env-cli/keyspace';
import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

import { keyBytesMax, valueBytesMax } from './environment.ts';
import { idBytes } from './identity.ts';
import { readPositionBytes, type StorePosition, writePosition } from './position.ts';

/**
 * A snapshot is a file of blocks: a header, rows in the order of the tables and their keys, a trailer.
 *
 * Each block is {length of the payload u32, CRC-32 of the payload u32, payload}; the payload's first byte is its kind.
 */
export const blockHeadBytes = 8;

/** Rows are gathered up to this size. One larger row rides alone. */
export const blockBytesTarget = 2 ** 20;

/** The largest payload: one row of the largest key and value, with their lengths. */
export const blockBytesMax = keyBytesMax + valueBytesMax + 64;

/** Whose state it is, and where it stands. */
export interface SnapshotHeader {
  readonly clusterId: Uint8Array;
  readonly position: StorePosition;
}

export interface SnapshotTrailer {
  /** Rows of all tables. */
  readonly rows: number;
  /** CRC-32 of every byte before the trailer's block. */
  readonly sum: number;
}

export interface SnapshotRow {
  readonly table: TableName;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export type SnapshotBlock =
  | { readonly kind: 'header'; readonly header: SnapshotHeader }
  | { readonly kind: 'rows'; readonly rows: readonly SnapshotRow[] }
  | { readonly kind: 'trailer'; readonly trailer: SnapshotTrailer };

const magic = 'envcliSN';
const format = 1;
const kinds = { header: 1, rows: 2, trailer: 3 } as const;

export function headerPayload({ clusterId, position }: SnapshotHeader): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(kinds.header).text(magic).u16(format).raw(clusterId);
  writePosition(writer, position).varint(tableNames.length);
  for (const name of tableNames) writer.text(name);
  return writer.take();
}

export function trailerPayload({ rows, sum }: SnapshotTrailer): Uint8Array<ArrayBuffer> {
  return new ByteWriter().u8(kinds.trailer).u64(rows).u32(sum).take();
}

/** Gathers rows into the payload of a block. */
export class RowsPayload {
  readonly #writer = new ByteWriter(blockBytesTarget + 65_536);

  constructor() {
    this.#writer.u8(kinds.rows);
  }

  get length(): number {
    return this.#writer.length;
  }

  add(table: TableName, key: Uint8Array, value: Uint8Array): void {
    this.#writer.u8(tableNames.indexOf(table)).bytes(key).bytes(value);
  }

  /** The payload; the next one begins empty. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#writer.take();
    this.#writer.u8(kinds.rows);
    return taken;
  }
}

/** A payload as it stands in the file, with its length and checksum. */
export function frame(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(blockHeadBytes + payload.length);
  const view = new DataView(framed.buffer);
  view.setUint32(0, payload.length);
  view.setUint32(4, crc32(payload));
  framed.set(payload, blockHeadBytes);
  return framed;
}

/** The payload's length that a block's head states. Throws `MalformedBytes` on one that no block has. */
export function payloadLength(head: Uint8Array): number {
  const length = new ByteReader(head).u32();
  if (length === 0 || length > blockBytesMax) throw new MalformedBytes(`a block of ${length} bytes`);
  return length;
}

/** Reads a payload after its checksum. Throws `MalformedBytes`. */
export function readBlock(head: Uint8Array, payload: Uint8Array): SnapshotBlock {
  if (new ByteReader(head.subarray(4)).u32() !== crc32(payload)) throw new MalformedBytes('a block whose checksum is wrong');
  const reader = new ByteReader(payload);
  const kind = reader.u8();
  if (kind === kinds.rows) return { kind: 'rows', rows: readRows(reader) };
  if (kind === kinds.header) return { kind: 'header', header: readHeader(reader) };
  if (kind !== kinds.trailer) throw new MalformedBytes(`a block of the unknown kind ${kind}`);
  const trailer = { rows: reader.u64(), sum: reader.u32() };
  reader.end();
  return { kind: 'trailer', trailer };
}

function readHeader(reader: ByteReader): SnapshotHeader {
  if (reader.text() !== magic) throw new MalformedBytes('no snapshot of this program');
  const found = reader.u16();
  if (found !== format) throw new MalformedBytes(`a snapshot of format ${found}, this program reads ${format}`);
  const clusterId = reader.raw(idBytes).slice();
  const position = readPositionBytes(reader);
  const names = Array.from({ length: reader.varint() }, () => reader.text());
  // Rows name their table by its place in this list.
  if (names.join(' ') !== tableNames.join(' '))
    throw new MalformedBytes(`tables that this program does not have: ${names.join(', ')}`);
  reader.end();
  return { clusterId, position };
}

function readRows(reader: ByteReader): SnapshotRow[] {
  const rows: SnapshotRow[] = [];
  while (reader.remaining > 0) {
    const table = tableNames[reader.u8()];
    if (table === undefined) throw new MalformedBytes('a row of an unknown table');
    const key = reader.bytes();
    if (key.length === 0 || key.length > keyBytesMax) throw new MalformedBytes(`a key of ${key.length} bytes`);
    rows.push({ table, key, value: reader.bytes() });
  }
  return rows;
}
