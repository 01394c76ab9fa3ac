import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';

/** What a member's disk did to it. `disk-full` passes once there is room; the others are the disk's or ours. */
export type StoreFailureCode = 'disk-full' | 'map-full' | 'io-error';

/**
 * The state can no longer be written: the member stops.
 *
 * Nothing of the transaction that failed was applied, and the store answers every later call with the same failure: after
 * a failed fsync the kernel may have thrown the pages away, so neither a retry nor a later success would mean anything.
 */
export class StoreFailed extends Error {
  override readonly name = 'StoreFailed';
  readonly code: StoreFailureCode;
  /** The file that could not be written. */
  readonly path: string;

  constructor(doing: string, path: string, cause: unknown) {
    const { code, reason } = describe(path, cause);
    super(`${doing} failed at ${path}: ${reason}. The member stops; nothing of it was applied. ${advice[code]}`, { cause });
    this.code = code;
    this.path = path;
  }
}

const advice: Record<StoreFailureCode, string> = {
  'disk-full': 'Make room on this disk, then start the member again.',
  'map-full': 'Raise the map size of the store, then start the member again.',
  'io-error': 'Check the disk and its file system, then start the member again.',
};

/** LMDB's own code for a map that cannot grow (lmdb.h). */
const mapFull = -30_792;

/** A disk with less than this left is called full when LMDB says EIO. */
const fullBelowBytes = 2 ** 20;

/** lmdb-js numbers its errors: an errno, or one of LMDB's own below −30,700. Node and we name ours. */
export function isLmdbError(error: unknown): boolean {
  return typeof fieldsOf(error).code === 'number';
}

/** Whether an error is the disk's: one of Node's file system or of LMDB. Everything else is ours, and goes on as it is. */
export function isDiskError(error: unknown): boolean {
  return isLmdbError(error) || typeof fieldsOf(error).errno === 'number';
}

function describe(path: string, cause: unknown): { readonly code: StoreFailureCode; readonly reason: string } {
  const { code, errno, message } = fieldsOf(cause);
  const text = String(message ?? cause);
  if (code === mapFull) return { code: 'map-full', reason: text };
  // Node negates what LMDB says as it is.
  const number = typeof code === 'number' ? code : -Number(errno);
  const { ENOSPC, EDQUOT, EIO } = constants.errno;
  if (number === ENOSPC) return { code: 'disk-full', reason: named('ENOSPC', text) };
  if (number === EDQUOT) return { code: 'disk-full', reason: named('EDQUOT', text) };
  // A full disk takes a part of a commit's pages first, and LMDB calls such a short write EIO (mdb_page_flush).
  if (code === EIO && freeBytes(path) < fullBelowBytes)
    return { code: 'disk-full', reason: `the disk is full (LMDB says: ${text})` };
  return { code: 'io-error', reason: text };
}

/** LMDB's texts leave out the name of the error by which people look for it. */
function named(name: string, text: string): string {
  return text.startsWith(name) ? text : `${name}: ${text}`;
}

function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize;
  } catch {
    // A disk that does not even tell its room has another fault.
    return Infinity;
  }
}

function fieldsOf(error: unknown): { readonly code?: unknown; readonly errno?: unknown; readonly message?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}
