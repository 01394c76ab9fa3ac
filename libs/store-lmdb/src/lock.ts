import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';

import { DataDirectoryRefused } from './refusal.ts';

const fileName = 'lock';

/** SQLITE_BUSY: somebody else holds the lock. */
const busy = 5;

/**
 * Keeps a second process, or a second thread, off a data directory.
 *
 * Node has no `flock`; the lock that it can take is SQLite's, on an empty file that nothing is ever written to. It is a
 * lock of the operating system (`fcntl` on Linux and macOS, `LockFileEx` on Windows): the kernel ends it with the process,
 * also after `kill -9`, so that no stale one is left and no pid is compared that another process may have by now; it holds
 * between containers that share the directory, where a socket's name or a pid would not be seen; and SQLite tells two threads of
 * one process apart, which `fcntl` alone does not. It lives as long as the thread that took it.
 *
 * Nobody may open the file otherwise while it is held: closing it would end the lock (fcntl(2)).
 */
export class DirectoryLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  static take(directory: string): DirectoryLock {
    const path = join(directory, fileName);
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      // A journal in memory is no second file, and nothing to roll back after a crash.
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if ((error as { errcode?: unknown }).errcode !== busy) throw error;
      const next = 'Stop the other process that has this directory, or give this one a directory of its own.';
      throw new DataDirectoryRefused('directory-locked', directory, 'another process works on it', next, error);
    }
    const lock = new DirectoryLock(database);
    held.add(lock);
    return lock;
  }

  release(): void {
    held.delete(this);
    if (this.#database.isOpen) this.#database.close();
  }
}

/** Keeps what is held from the garbage collector, which would close it, and so end the lock of a directory that is in use. */
const held = new Set<DirectoryLock>();
