import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Files that a crash left behind between their creation and their rename begin with this. */
export const temporaryPrefix = '.new-';

/**
 * Replaces a small file so that a crash at any moment leaves either the old bytes or the new ones.
 *
 * When it returns, the new bytes are durable: the file is synced before the rename, the directory after it.
 */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const temporary = temporaryBeside(path);
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeIfThere(temporary);
    throw error;
  }
  syncDirectory(dirname(path));
}

/** {@link replaceFile} off the thread: the event loop goes on while the disk works. */
export async function replaceFileAsync(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Makes the bytes of a file durable, off the thread. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the names in a directory durable: creations, renames and removals. */
export function syncDirectory(path: string): void {
  // Windows cannot open a directory; NTFS journals the names by itself.
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Removes a file; a missing one is fine. */
export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Whether an error of Node's file system says that the file does not exist. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ENOENT';
}

function temporaryBeside(path: string): string {
  return join(dirname(path), `${temporaryPrefix}${randomBytes(6).toString('hex')}`);
}
