import { getSystemErrorName } from 'node:util';

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
    const { code, reason } = describe(cause);
    super(`${doing} failed at ${path}: ${reason}. ${advice[code]}`, { cause });
    this.code = code;
    this.path = path;
  }
}

const advice: Record<StoreFailureCode, string> = {
  'disk-full': 'The member stops; nothing of it was applied. Make room on this disk, then start the member again.',
  'map-full': 'The member stops; nothing of it was applied. Raise the map size of the store, then start the member again.',
  'io-error': 'The member stops; nothing of it was applied. Check the disk and its file system, then start the member again.',
};

/** LMDB's own code for a map that cannot grow (lmdb.h). */
const MDB_MAP_FULL = -30_792;

/** lmdb-js numbers its errors: an errno, or one of LMDB's own below −30,700. Node and we name ours. */
export function isLmdbError(error: unknown): boolean {
  return typeof (error as { code?: unknown } | null)?.code === 'number';
}

/** Whether an error is the disk's: one of Node's file system or of LMDB. Everything else is ours, and goes on as it is. */
export function isDiskError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return isLmdbError(error) || (typeof code === 'string' && /^E[A-Z]+$/.test(code));
}

function describe(cause: unknown): { code: StoreFailureCode; reason: string } {
  const code = (cause as { code?: unknown } | null)?.code;
  const text = cause instanceof Error ? cause.message : String((cause as { message?: unknown } | null)?.message ?? cause);
  // Node names an error ('ENOSPC'); lmdb-js numbers it (28, or one of LMDB's own below −30,700).
  const name = typeof code === 'number' && code > 0 ? getSystemErrorName(-code) : code;
  const reason = typeof name === 'string' && !text.startsWith(name) ? `${name}: ${text}` : text;
  if (name === 'ENOSPC' || name === 'EDQUOT') return { code: 'disk-full', reason };
  if (code === MDB_MAP_FULL) return { code: 'map-full', reason };
  return { code: 'io-error', reason };
}
