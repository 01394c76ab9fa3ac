import { assert } from '@env-cli/support';

/**
 * LMDB's two meta pages: the first two pages of its file, each naming a root and the transaction that wrote it.
 *
 * Transaction n writes page n mod 2; the newer one is the state. The layout is that of the LMDB that lmdb 3.5.6 builds
 * (`MDB_meta` in dependencies/lmdb/libraries/liblmdb/mdb.c, data version 2, 64 bit, little-endian): a page header of
 * 24 bytes {page number u64, transaction u64, flags}, then {magic u32, version u32, address u64, map size u64, free-page
 * tree of 48 bytes that begins with the page size u32, main tree of 48 bytes, last page u64, transaction u64, boot id u64}.
 */
export interface MetaPages {
  /** Both pages as they stood in the file. */
  readonly bytes: Uint8Array;
  readonly pageBytes: number;
  /** The newest transaction. */
  readonly transaction: number;
  /** The pages that the newest transaction's file may have. */
  readonly pageCount: number;
}

/** The smallest page; the page size stands within it. */
export const metaHeaderBytes = 176;

const headerBytes = 24;
const magic = 0xbe_ef_c0_de;
const dataVersion = 2;
const flagsAt = 18;
const metaFlag = 0x08;

const magicAt = headerBytes;
const versionAt = headerBytes + 4;
const pageSizeAt = headerBytes + 24;
const lastPageAt = headerBytes + 120;
const transactionAt = headerBytes + 128;

/** The page size that a file's first bytes name, or null if they are no meta page of LMDB. */
export function pageBytesOf(start: Uint8Array): number | null {
  if (start.length < metaHeaderBytes) return null;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (view.getUint32(magicAt, true) !== magic || (view.getUint32(versionAt, true) & 0xff_ff) !== dataVersion) return null;
  if ((view.getUint16(flagsAt, true) & metaFlag) === 0) return null;
  const pageBytes = view.getUint32(pageSizeAt, true);
  return pageBytes >= 512 && pageBytes <= 0x1_00_00 && (pageBytes & (pageBytes - 1)) === 0 ? pageBytes : null;
}

/** Reads both meta pages, or null if the bytes are not two meta pages of one LMDB file. */
export function parseMetaPages(bytes: Uint8Array): MetaPages | null {
  const pageBytes = pageBytesOf(bytes);
  if (pageBytes === null || bytes.length !== 2 * pageBytes) return null;
  if (pageBytesOf(bytes.subarray(pageBytes)) !== pageBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = Number(view.getBigUint64(transactionAt, true));
  const second = Number(view.getBigUint64(pageBytes + transactionAt, true));
  const newest = first >= second ? 0 : pageBytes;
  const pageCount = Number(view.getBigUint64(newest + lastPageAt, true)) + 1;
  const transaction = Math.max(first, second);
  assert(Number.isSafeInteger(transaction) && Number.isSafeInteger(pageCount), 'LMDB counts transactions and pages below 2^53');
  return { bytes, pageBytes, transaction, pageCount };
}
