import * as fs from 'node:fs';
import { mkdir, readdir, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** A number by which an open file is known. */
export type FileNumber = number;

/**
 * What the log asks of a file system. Production fills it with Node's ({@link nodeFiles}), tests with one that fails and
 * loses what was not synced.
 *
 * Everything rejects or throws with the system's error (`code`: `ENOSPC`, `EIO`, …).
 */
export interface FileIo {
  /** The names in a directory, or null when there is no such directory. */
  list(directory: string): Promise<string[] | null>;
  /** Makes a directory (mode 0700) and those above it, durably. One that exists is fine. */
  makeDirectory(path: string): Promise<void>;
  /** Opens a file for reading and writing. `create` makes a new one (mode 0600), empty if there was one. */
  open(path: string, how: 'existing' | 'create'): Promise<FileNumber>;
  close(file: FileNumber): Promise<void>;
  sizeOf(file: FileNumber): Promise<number>;
  /** Fills `into` from `position` on. Answers the bytes read: fewer than asked for only at the file's end. */
  read(file: FileNumber, into: Uint8Array, position: number): Promise<number>;
  /** Writes all of it on the caller's thread. Only for a few pages that exist: then it is a copy in memory. */
  writeNow(file: FileNumber, bytes: Uint8Array, position: number): void;
  /** Writes all of it off the thread. */
  write(file: FileNumber, bytes: Uint8Array, position: number): Promise<void>;
  /** Resolves once what was written to the file before, and the size that it needs, are on disk. Off the thread. */
  datasync(file: FileNumber): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes the names in a directory durable: creations, renames, removals. */
  syncDirectory(path: string): Promise<void>;
}

const openFile = promisify(fs.open);
const closeFile = promisify(fs.close);
const statFile = promisify(fs.fstat);
const syncFile = promisify(fs.fsync);
const readFile = promisify(fs.read);
const writeFile = promisify(fs.write);

/** The file system that Node has. */
export const nodeFiles: FileIo = {
  async list(directory) {
    try {
      return await readdir(directory);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return null;
      throw error;
    }
  },

  async makeDirectory(path) {
    // Answers the first of the directories that it made: each of them is a new name in the one above.
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) await nodeFiles.syncDirectory(dirname(made));
  },

  open: (path, how) => openFile(path, how === 'create' ? 'w+' : 'r+', 0o600),

  close: (file) => closeFile(file),

  async sizeOf(file) {
    return (await statFile(file)).size;
  },

  async read(file, into, position) {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await readFile(file, into, done, into.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  },

  writeNow(file, bytes, position) {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(file, bytes, done, bytes.length - done, position + done);
  },

  async write(file, bytes, position) {
    for (let done = 0; done < bytes.length;) {
      done += (await writeFile(file, bytes, done, bytes.length - done, position + done)).bytesWritten;
    }
  },

  datasync(file) {
    // By hand and not through `promisify`: once a batch, it is the hottest call of a member.
    return new Promise((resolve, reject) => {
      fs.fdatasync(file, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  },

  rename,

  remove: unlink,

  async syncDirectory(path) {
    // Windows cannot open a directory; NTFS journals the names by itself.
    if (process.platform === 'win32') return;
    const directory = await openFile(path, 'r');
    try {
      await syncFile(directory);
    } finally {
      await closeFile(directory);
    }
  },
};
