import { accessSync, constants, existsSync, mkdirSync, readdirSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { assert, equalBytes, hexOf } from '@env-cli/support';

import { isMissing, removeIfThere, syncDirectory, temporaryPrefix } from './durable-file.ts';
import { type FoundedIdentity, type Identity, identityFileName, readIdentity, writeIdentity } from './identity.ts';
import { DirectoryLock } from './lock.ts';
import { DataDirectoryRefused, repairByReplacement, repairBySnapshot } from './refusal.ts';
import { Reserve } from './reserve.ts';
import { spoolPrefix } from './spool.ts';

export interface DataDirectoryOptions {
  /** False to found a cluster with it: only then an empty directory is taken. Otherwise it may be a disk that was wiped. */
  readonly bootstrapped: boolean;
  /** Whether a directory that was founded must have its state. Defaults to true; false to give it another one. */
  readonly stateRequired?: boolean;
  /** Room kept for a full disk. Defaults to 16 MiB; 0 keeps none. */
  readonly reserveBytes?: number;
}

const reserveBytesDefault = 16 * 2 ** 20;

/** What the cluster was founded with: the data of its first entry. Made before log and state are. */
const foundingFileName = 'founding';
/** Which disk of the founder is followed. */
const promiseFileName = 'founder';
const currentFileName = 'CURRENT';
const logName = 'log';
/** How states are named to people. */
const stateNames = 'state-…';
/** How the state was restored from a backup. Made last but for the identity. */
export const restoredFileName = 'restored';
/** There from the beginning of a restore to its end. */
export const restoringFileName = 'restoring';

/**
 * The directory that holds all of a member: `identity`, `founder`, `founding`, `log/`, `state-…/` named by `CURRENT`, `seen-disks`,
 * `reserve`, `lock`.
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
      refuseUnfinishedRestore(absolute);
      const identity = usable(absolute, () => readIdentity(absolute));
      if (identity === null) refuseLostIdentity(absolute, options.bootstrapped);
      else usable(absolute, () => refuseLostParts(absolute, identity, options.stateRequired ?? true));
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

  /** Whether its state came from a backup. */
  get restored(): boolean {
    return existsSync(join(this.path, restoredFileName));
  }

  /** Writes whose directory it is, before anything else of the member is made in it. Durable when it returns. */
  claim(identity: Identity & { readonly clusterId: null }): void {
    assert(this.#identity === null, 'a data directory is claimed once');
    writeIdentity(this.path, identity);
    this.#identity = identity;
  }

  /**
   * Lets a directory that no cluster was founded with form one by another list or token than it began with. Refuses it when this member
   * has given its word in the first forming: that one may have come to its end elsewhere.
   */
  formAs(formingId: Uint8Array): void {
    const found = this.#identity;
    assert(found !== null && found.clusterId === null, 'what is founded is formed');
    if (equalBytes(found.formingId, formingId)) return;
    const there = partsOf(this.path);
    // Founded all but for the mark of it: no list is needed any more.
    if (there.includes(foundingFileName)) return;
    if (there.includes(promiseFileName)) {
      const what = 'it took part in forming a cluster with another list of members or another token';
      const next =
        'Start it with the list and the token that it was started with first. If that cluster never came to be, remove the data directories of ' +
        'all its members and start them again.';
      throw new DataDirectoryRefused('other-forming', this.path, what, next);
    }
    const identity = { ...found, formingId };
    writeIdentity(this.path, identity);
    this.#identity = identity;
  }

  /** Refuses the directory if it is not the one that the caller knows of. What is not given is not compared. */
  expect(expected: Partial<FoundedIdentity>): void {
    const found = this.#identity;
    assert(found !== null, 'a data directory is claimed before it is compared');
    const { clusterId, memberId, diskId } = expected;
    if (clusterId !== undefined && (found.clusterId === null || !equalBytes(clusterId, found.clusterId))) {
      const whose = found.clusterId === null ? 'no cluster yet' : `cluster ${hexOf(found.clusterId)}`;
      const what = `it belongs to ${whose}, this member to ${hexOf(clusterId)}`;
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

/**
 * Records that a directory is founded: from now on it must have its log, its state and its founding. So it is called when all of these
 * are durable, and before the first vote is given. Durable when it returns; nothing changes when it was done before.
 */
export function markFounded(path: string, clusterId: Uint8Array): void {
  const found = readIdentity(path);
  assert(found !== null, 'a data directory is claimed before it is founded');
  if (found.clusterId === null) writeIdentity(path, { ...found, clusterId });
  else assert(equalBytes(found.clusterId, clusterId), 'a data directory is founded once');
}

export function makeIfMissing(path: string): void {
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

export function refuseWideRights(path: string): void {
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

/** What is there of a member's data besides its identity. */
function partsOf(path: string): string[] {
  const parts = [logName, currentFileName, foundingFileName, promiseFileName];
  return readdirSync(path).filter((name) => parts.includes(name) || name.startsWith('state-'));
}

function refuseLostIdentity(path: string, bootstrapped: boolean): void {
  const rest = partsOf(path);
  if (rest.length > 0) {
    throw new DataDirectoryRefused(
      'identity-missing',
      path,
      `there are ${rest.join(', ')}, but no ${identityFileName} that says whose`,
      `Put ${identityFileName} back from a copy of this very directory. ${repairByReplacement}`,
    );
  }
  if (bootstrapped) {
    const next =
      'Is this the first start of a new cluster? Then start each of its members with --bootstrap, once, and all with the same --members ' +
      '(--members=1=HOST:PORT,2=HOST:PORT,3=HOST:PORT; a cluster of one needs none). Has this member been part of a cluster? Then its disk is lost, ' +
      `or --data-dir names another place than before: correct that, or else: ${repairByReplacement}`;
    throw new DataDirectoryRefused('directory-wiped', path, 'it is empty, and this start does not found a cluster', next);
  }
}

/** Log, state and founding are made in a directory before it is founded, and in none that has no founding. */
function refuseLostParts(path: string, { clusterId }: Identity, stateRequired: boolean): void {
  const parts = partsOf(path);
  const states = parts.filter((name) => name.startsWith('state-'));
  if (clusterId === null) {
    const made = parts.filter((name) => name === logName || name === currentFileName || states.includes(name));
    if (parts.includes(foundingFileName)) return;
    // A restored state waits for the first entry of its cluster, which makes the log.
    if (existsSync(join(path, restoredFileName))) return refuseLostRestore(path, parts, states);
    if (made.length === 0) return;
    const what = `there are ${made.join(', ')}, but ${foundingFileName} is gone and ${identityFileName} is from before the founding`;
    throw new DataDirectoryRefused('directory-incomplete', path, what, repairByCopy);
  }
  const needed = [logName, ...(stateRequired ? [currentFileName] : []), foundingFileName];
  const missing = needed.filter((name) => !parts.includes(name) || isEmptyDirectory(join(path, name)));
  if (stateRequired && states.length === 0) missing.push(stateNames);
  if (missing.length === 0) return;
  const what = `it has been part of cluster ${hexOf(clusterId)}, and lost ${missing.join(', ')}`;
  throw new DataDirectoryRefused('directory-incomplete', path, what, nextWithout(missing, states));
}

function refuseLostRestore(path: string, parts: readonly string[], states: readonly string[]): void {
  if (!parts.includes(logName) && parts.includes(currentFileName) && states.length > 0) return;
  const what = 'its state was restored from a backup, and is no longer what it was then';
  throw new DataDirectoryRefused(
    'directory-incomplete',
    path,
    what,
    'Remove the directory, and restore the backup into it again.',
  );
}

function refuseUnfinishedRestore(path: string): void {
  if (!existsSync(join(path, restoringFileName))) return;
  const what = 'a restore into it did not come to its end';
  throw new DataDirectoryRefused('restore-unfinished', path, what, 'Run env-cli-server restore again: it begins anew there.');
}

function nextWithout(missing: readonly string[], states: readonly string[]): string {
  const [only] = missing;
  // Neither of these holds a vote.
  if (missing.length === 1 && only === foundingFileName)
    return `Copy ${foundingFileName} from the data directory of another member of this cluster: it is the same on all of them.`;
  if (missing.length === 1 && only === currentFileName)
    return `If ${states.join(' or ')} is whole, write its name into ${currentFileName}. Else: ${repairBySnapshot}`;
  if (missing.every((name) => name === currentFileName || name === stateNames)) return repairBySnapshot;
  return repairByCopy;
}

function isEmptyDirectory(path: string): boolean {
  return statSync(path).isDirectory() && readdirSync(path).length === 0;
}

const repairByCopy = `If something moved them away, put back what was moved, and no older copy of it. Otherwise: ${repairByReplacement}`;

function refuseFullDisk(path: string, reserveBytes: number, reserve: Reserve): never {
  const what = `the disk has ${reserve.freeBytes()} bytes left, too few to keep a reserve of ${reserveBytes} bytes`;
  throw new DataDirectoryRefused('no-room', path, what, `Free at least ${2 * reserveBytes} bytes on it, then start again.`);
}

/** Turns what the file system says into a refusal that names the directory. */
export function usable<T>(path: string, work: () => T): T {
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
