import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { refusedError } from './cli-error.ts';

/**
 * Makes a file that only its owner can read, from what `write` appends: it appears under its name when all of it is on the disk, or not at
 * all. Refuses to replace one unless `replace` is set.
 */
export async function makeFile(
  path: string,
  { replace }: { readonly replace: boolean },
  write: (append: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  if (!replace && existsSync(path)) throw taken(path);
  const temporary = join(dirname(path), `.new-${basename(path)}-${randomBytes(6).toString('hex')}`);
  const file = await onDisk(path, () => open(temporary, 'wx', 0o600));
  try {
    try {
      await write((bytes) => onDisk(path, () => appendAll(file, bytes)));
      await onDisk(path, () => file.sync());
    } finally {
      await file.close();
    }
    await onDisk(path, () => name(temporary, path, replace));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

async function appendAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
}

async function name(temporary: string, path: string, replace: boolean): Promise<void> {
  if (replace) {
    await rename(temporary, path);
  } else {
    try {
      // Unlike a rename, a link never takes the place of a file that came meanwhile.
      await link(temporary, path);
      await unlink(temporary);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw taken(path);
      // File systems without links.
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
      await rename(temporary, path);
    }
  }
  if (process.platform === 'win32') return;
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function taken(path: string): Error {
  return refusedError(`${path} exists already, and was left as it is. Name another file, or replace it with --force.`);
}

async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    throw refusedError(
      `${path} cannot be written (${String(code)}), and nothing is left of it. Check the folder, its rights and its free space.`,
    );
  }
}
