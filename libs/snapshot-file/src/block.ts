import { crc32 } from 'node:zlib';
import { idBytes, type TableName, tableNames } from '@env-cli/keyspace';
import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

import { readPositionBytes, type StorePosition, writePosition } from './position.ts';
import { keyBytesMax, valueBytesMax } from './row-limits.ts';

/**
 * A snapshot is a file of blocks: a header, rows in the order of the tables and their keys, a trailer. A backup is a snapshot whose header
 * says so, and how it was taken: neither is taken for the other.
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
  /** Null in a snapshot that one member sends to another. */
  readonly backup: BackupMark | null;
}

/** How a backup was taken. */
export interface BackupMark {
  /** Milliseconds since 1970, by the clock of the member that took it. */
  readonly takenAtMs: number;
  /** The member that took it. */
  readonly memberId: number;
  /** Its software version. */
  readonly version: string;
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
  | { readonly kind: 'header'; readonly header: SnapshotHeader; readonly tables: readonly TableName[] }
  | { readonly kind: 'rows'; readonly rows: readonly SnapshotRow[] }
  | { readonly kind: 'trailer'; readonly trailer: SnapshotTrailer };

const magics = { snapshot: 'envcliSN', backup: 'envcliBK' } as const;
const format = 1;
const kinds = { header: 1, rows: 2, trailer: 3 } as const;

export function headerPayload({ clusterId, position, backup }: SnapshotHeader): Uint8Array<ArrayBuffer> {
  const magic = backup === null ? magics.snapshot : magics.backup;
  const writer = new ByteWriter().u8(kinds.header).text(magic).u16(format).raw(clusterId);
  writePosition(writer, position);
  if (backup !== null) writer.u64(backup.takenAtMs).u32(backup.memberId).text(backup.version);
  writer.varint(tableNames.length);
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

/** Reads a payload after its checksum. `tables` are those that the file's header names, in its order. Throws `MalformedBytes`. */
export function readBlock(head: Uint8Array, payload: Uint8Array, tables: readonly TableName[]): SnapshotBlock {
  if (new ByteReader(head.subarray(4)).u32() !== crc32(payload)) throw new MalformedBytes('a block whose checksum is wrong');
  const reader = new ByteReader(payload);
  const kind = reader.u8();
  if (kind === kinds.rows) return { kind: 'rows', rows: readRows(reader, tables) };
  if (kind === kinds.header) return { kind: 'header', ...readHeader(reader) };
  if (kind !== kinds.trailer) throw new MalformedBytes(`a block of the unknown kind ${kind}`);
  const trailer = { rows: reader.u64(), sum: reader.u32() };
  reader.end();
  return { kind: 'trailer', trailer };
}

function readHeader(reader: ByteReader): { readonly header: SnapshotHeader; readonly tables: readonly TableName[] } {
  const magic = reader.text();
  if (magic !== magics.snapshot && magic !== magics.backup) throw new MalformedBytes('no snapshot of this program');
  const found = reader.u16();
  if (found !== format) throw new MalformedBytes(`a snapshot of format ${found}, this program reads ${format}`);
  const clusterId = reader.raw(idBytes).slice();
  const position = readPositionBytes(reader);
  const backup = magic === magics.backup ? { takenAtMs: reader.u64(), memberId: reader.u32(), version: reader.text() } : null;
  // Rows name their table by its place in this list: an older version may have had fewer.
  const tables: TableName[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const name = reader.text();
    const table = tableNames.find((known) => known === name);
    if (table === undefined) throw new MalformedBytes(`a table that this program does not have: ${name}`);
    tables.push(table);
  }
  reader.end();
  return { header: { clusterId, position, backup }, tables };
}

function readRows(reader: ByteReader, tables: readonly TableName[]): SnapshotRow[] {
  const rows: SnapshotRow[] = [];
  while (reader.remaining > 0) {
    const table = tables[reader.u8()];
    if (table === undefined) throw new MalformedBytes('a row of an unknown table');
    const key = reader.bytes();
    if (key.length === 0 || key.length > keyBytesMax) throw new MalformedBytes(`a key of ${key.length} bytes`);
    rows.push({ table, key, value: reader.bytes() });
  }
  return rows;
}
