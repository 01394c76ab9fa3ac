import { type BigIntStats, constants } from 'node:fs';
import { link, lstat, mkdir, open, readdir, readlink, realpath, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** What stands at a path. A symbolic link is `other`: it is never followed. */
export interface Standing {
  readonly kind: 'file' | 'folder' | 'other';
  /** Changes whenever the file is written, replaced, or its mode changed. */
  readonly version: string;
  readonly sizeBytes: number;
}

/** The calls to the file system that the provider makes, each as small as a crash can cut. Errors are those of Node.js. */
export interface Disk {
  /** Null: nothing is there. */
  look(path: string): Promise<Standing | null>;
  /**
   * The bytes of a regular file of at most `bytesMax` and what it was when they were read; null: nothing is there. For anything
   * else, and for a larger file, `bytes` is null. Refuses to follow a link.
   */
  read(path: string, bytesMax: number): Promise<{ readonly bytes: Uint8Array | null; readonly standing: Standing } | null>;
  /** Names in a folder; none when it is not there. */
  list(path: string): Promise<string[]>;
  /** Writes a new file with mode 0600 and syncs it. Fails with `EEXIST` when something is there. */
  create(path: string, bytes: Uint8Array): Promise<void>;
  /** Makes one folder with mode 0700; answers whether it was not there before. */
  makeFolder(path: string): Promise<boolean>;
  /** Makes the target's own folder with mode 0700, and those above it that are missing. Fails with `ENOTDIR` where none can be. */
  makeRoot(path: string): Promise<void>;
  /** The path without symbolic links; of what is not there yet, the part that is. */
  realPath(path: string): Promise<string>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name. Fails with `EEXIST` when something is there. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Answers false when the folder is not empty, or not there. */
  removeFolder(path: string): Promise<boolean>;
  /** Makes names that were added, changed or removed in a folder durable. */
  syncFolder(path: string): Promise<void>;
}

/** The file system of this machine. */
export const nodeDisk: Disk = {
  look: (path) => unlessAbsent(async () => standingOf(await lstat(path, { bigint: true }))),

  read: (path, bytesMax) =>
    unlessAbsent(async () => {
      const before = standingOf(await lstat(path, { bigint: true }));
      if (before.kind !== 'file' || before.sizeBytes > bytesMax) return { bytes: null, standing: before };
      // Without O_NONBLOCK the opening of a named pipe would wait for its writer for ever.
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const standing = standingOf(await file.stat({ bigint: true }));
        const readable = standing.kind === 'file' && standing.sizeBytes <= bytesMax;
        return { bytes: readable ? await file.readFile() : null, standing };
      } finally {
        await file.close();
      }
    }),

  list: async (path) => (await unlessAbsent(() => readdir(path))) ?? [],

  async create(path, bytes) {
    const file = await open(path, 'wx', 0o600);
    try {
      // The process's umask may have taken rights away from the owner; it cannot have given any to others.
      await file.chmod(0o600);
      await file.writeFile(bytes);
      await file.sync();
    } catch (error) {
      await unlink(path).catch(() => {});
      throw error;
    } finally {
      await file.close();
    }
  },

  async makeFolder(path) {
    try {
      await mkdir(path, { mode: 0o700 });
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  },

  async makeRoot(path) {
    // Not with mkdir's own `recursive`: where a folder is there and nothing can be made in it (/proc), that never ends, and
    // keeps a processor busy (Node.js 24.21).
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
      if (code !== 'ENOENT') throw code === 'EEXIST' ? noFolder(path) : error;
      await nodeDisk.makeRoot(dirname(path));
      await mkdir(path, { mode: 0o700 }).catch((again: unknown) => {
        if (codeOf(again) === 'ENOENT') throw noFolder(path);
        // Another delivery may have made it meanwhile.
        if (codeOf(again) !== 'EEXIST') throw again;
      });
    }
  },

  async realPath(path) {
    try {
      return await realpath(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
      // A link that leads to nothing yet leads there all the same: whatever is made behind it is made there.
      const led = await readlink(path).catch(() => null);
      if (led !== null) return nodeDisk.realPath(resolve(dirname(path), led));
      return join(await nodeDisk.realPath(dirname(path)), basename(path));
    }
  },

  rename,
  link,
  unlink,

  async removeFolder(path) {
    try {
      await rmdir(path);
      return true;
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error))) return false;
      throw error;
    }
  },

  async syncFolder(path) {
    const folder = await open(path, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

function noFolder(path: string): Error {
  return Object.assign(new Error(`no folder can be made at ${path}`), { code: 'ENOTDIR' });
}

function standingOf(stats: BigIntStats): Standing {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
  const version = [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].map((part) => part.toString(36)).join('.');
  return { kind, version, sizeBytes: Number(stats.size) };
}

async function unlessAbsent<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    // A file where a folder is expected on the way is the same to who looks: nothing is there.
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return null;
    throw error;
  }
}

/** The code of an error of the file system; empty for any other. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
