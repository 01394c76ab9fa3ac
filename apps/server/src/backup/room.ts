import { statfsSync } from 'node:fs';

/** Bytes that a copy of the state leaves to the log and to the next checkpoints. */
export const roomMarginBytes = 64 * 2 ** 20;

/** The bytes that a folder's disk must have free before the state is copied there, and that it has; null when it has enough. */
export function lackOfRoom(
  folder: string,
  stateBytes: number,
): { readonly neededBytes: number; readonly freeBytes: number } | null {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  // A copy is smaller than the state's file, which has free pages.
  const neededBytes = stateBytes + roomMarginBytes;
  return freeBytes < neededBytes ? { neededBytes, freeBytes } : null;
}
