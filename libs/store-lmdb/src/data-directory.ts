import { accessSync, constants, mkdirSync, readdirSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { assert, equalBytes, hexOf } from '@env-cli/support';

import { isMissing, removeIfThere, syncDirectory, temporaryPrefix } from './durable-file.ts';
import { type Identity, readIdentity, writeIdentity } from './identity.ts';
import { DirectoryLock } from './lock.ts';
import { DataDirectoryRefused, repairByReplacement } from './refusal.ts';
import { Reserve } from './reserve.ts';
import { spoolPrefix } from './spool.ts';

export interface DataDirectoryOptions {
  /**
   * Whether the configuration says that this member has been part of its cluster before. Then an empty directory is a
   * wiped disk, and refused.
   */
  readonly bootstrapped: boolean;
  /** Room kept for a full disk. Defaults to 16 MiB; 0 keeps none. */
  readonly reserveBytes?: number;
}

const reserveBytesDefault = 16 * 2 ** 20;

/**
 * The directory that holds all of a member: `identity`, `log/`, `state-…/` named by `CURRENT`, `reserve`, `lock`.
 *
 * It is the member's own: mode 0700, one process at a time, and never another member's, another cluster's or another day's.
 * The thread that opens it holds its lock; it outlives the threads that use what is inside.
 */
export class DataDirectory {
  readonly path: string;
  readonly reserve: Reserve;
  readonly #lock: DirectoryLock;
  #identity: Identity | null;

  private constructor(path: string, lock: DirectoryLock, reserve: Reserve, identity: Identity | null) {
    this.path = path;
    this.#lock = lock;
    this.reserve = reserve;
    this.#identity = identity;
  }

  /** Opens a directory, or makes it. Throws {@link DataDirectoryRefused}. */
  static open(path: string, options: DataDirectoryOptions): DataDirectory {
    const absolute = resolve(path);
    const lock = usable(absolute, () => {
      makeIfMissing(absolute);
      refuseWideRights(absolute);
      return DirectoryLock.take(absolute);
    });
    try {
      const identity = usable(absolute, () => readIdentity(absolute));
      if (identity === null) refuseLostIdentity(absolute, options.bootstrapped);
      usable(absolute, () => removeLeftovers(absolute));
      const reserve = new Reserve(absolute, options.reserveBytes ?? reserveBytesDefault);
      if (!usable(absolute, () => reserve.ensure()))
        refuseFullDisk(absolute, options.reserveBytes ?? reserveBytesDefault, reserve);
      return new DataDirectory(absolute, lock, reserve, identity);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Whose directory it is, or null before {@link claim}. */
  get identity(): Identity | null {
    return this.#identity;
  }

  /** Writes whose directory it is: once, before a log or a state is made in it. Durable when it returns. */
  claim(identity: Identity): void {
    assert(this.#identity === null, 'a data directory is claimed once');
    writeIdentity(this.path, identity);
    this.#identity = identity;
  }

  /** Refuses the directory if it is not the one that the caller knows of. What is not given is not compared. */
  expect(expected: Partial<Identity>): void {
    const found = this.#identity;
    assert(found !== null, 'a data directory is claimed before it is compared');
    const { clusterId, memberId, diskId } = expected;
    if (clusterId !== undefined && !equalBytes(clusterId, found.clusterId)) {
      const what = `it belongs to cluster ${hexOf(found.clusterId)}, this member to ${hexOf(clusterId)}`;
      throw new DataDirectoryRefused('other-cluster', this.path, what, 'Start it with the directory of its own cluster.');
    }
    if (memberId !== undefined && memberId !== found.memberId) {
      const what = `it belongs to member ${found.memberId}, this is member ${memberId}`;
      throw new DataDirectoryRefused('other-member', this.path, what, 'Start each member with its own directory.');
    }
    if (diskId !== undefined && !equalBytes(diskId, found.diskId)) {
      const what = `its disk id is ${hexOf(found.diskId)}, the cluster knows this member with ${hexOf(diskId)}`;
      throw new DataDirectoryRefused('other-disk', this.path, what, repairByReplacement);
    }
  }

  /**
   * Refuses a log that begins after what the state holds: entries between the two are missing, so one of them was copied
   * back or lost. `firstIndex` is the first index that the log holds (its last plus one if it holds none).
   */
  expectLogFrom(firstIndex: number, appliedIndex: number): void {
    if (appliedIndex >= firstIndex - 1) return;
    const what = `its log begins at index ${firstIndex}, its state ends at ${appliedIndex}: what lies between is lost`;
    throw new DataDirectoryRefused('log-starts-later', this.path, what, repairByReplacement);
  }

  /** Lets another process have the directory. All that is inside was closed before. */
  close(): void {
    this.#lock.release();
  }
}

function makeIfMissing(path: string): void {
  if (statOf(path) !== null) return;
  // Not with mkdir's own `recursive`: where a directory is there and nothing can be made in it (/proc), that never ends.
  makeIfMissing(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Members that start at the same time on one machine make the folder above theirs together.
    if ((error as { readonly code?: unknown }).code !== 'EEXIST') throw error;
  }
  // The new name itself must survive a crash.
  syncDirectory(dirname(path));
}

function refuseWideRights(path: string): void {
  const stats = statOf(path);
  if (stats === null || !stats.isDirectory()) {
    throw new DataDirectoryRefused(
      'directory-unusable',
      path,
      'it is not a directory',
      'Name a directory, or a path that is free.',
    );
  }
  // Windows has no such bits.
  const rights = stats.mode & 0o777;
  if (process.platform !== 'win32' && (rights & 0o077) !== 0) {
    const what = `its rights are 0${rights.toString(8)}, so others than its owner can reach the secrets in it`;
    throw new DataDirectoryRefused('directory-rights', path, what, `Run: chmod 700 ${path}`);
  }
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
}

/** Removes what a crash left of files that were never renamed, and of spools: nobody reads or writes them any more. */
function removeLeftovers(path: string): void {
  for (const name of readdirSync(path)) {
    if (name.startsWith(temporaryPrefix) || name.startsWith(spoolPrefix)) removeIfThere(join(path, name));
  }
}

function refuseLostIdentity(path: string, bootstrapped: boolean): void {
  const rest = readdirSync(path).filter((name) => name === 'log' || name === 'CURRENT' || name.startsWith('state-'));
  if (rest.length > 0) {
    const what = `there are ${rest.join(', ')}, but no identity that says whose`;
    throw new DataDirectoryRefused(
      'identity-missing',
      path,
      what,
      `Put identity back from a copy of this very directory. ${repairByReplacement}`,
    );
  }
  if (bootstrapped) {
    throw new DataDirectoryRefused(
      'directory-wiped',
      path,
      'it is empty, but this member has been part of a cluster',
      repairByReplacement,
    );
  }
}

function refuseFullDisk(path: string, reserveBytes: number, reserve: Reserve): never {
  const what = `the disk has ${reserve.freeBytes()} bytes left, too few to keep a reserve of ${reserveBytes} bytes`;
  throw new DataDirectoryRefused('no-room', path, what, `Free at least ${2 * reserveBytes} bytes on it, then start again.`);
}

/** Turns what the file system says into a refusal that names the directory. */
function usable<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DataDirectoryRefused) throw error;
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    const next = 'Give the member a directory that its user can create, read and write.';
    throw new DataDirectoryRefused(
      'directory-unusable',
      path,
      `it cannot be used (${String(code)}: ${String(message)})`,
      next,
      error,
    );
  }
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
