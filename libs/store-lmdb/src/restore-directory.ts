import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ReadPosition } from '@env-cli/snapshot-file';

import type { StateOwner } from './checkpoint.ts';
import { makeIfMissing, refuseWideRights, restoredFileName, restoringFileName, usable } from './data-directory.ts';
import { replaceFile, syncDirectory, temporaryPrefix } from './durable-file.ts';
import { type Identity, identityFileName, writeIdentity } from './identity.ts';
import { DirectoryLock } from './lock.ts';
import { DataDirectoryRefused } from './refusal.ts';
import { buildState, type Fill, switchState } from './state-directory.ts';

export interface RestoreOptions {
  readonly owner: StateOwner;
  readonly readPosition: ReadPosition;
  readonly mapBytes?: number;
  /** Writes the rows. Nothing is left of the restore when it throws. */
  readonly fill: Fill;
  /** Whose directory it becomes, and what is to be known of the restore: asked once all rows are there. */
  readonly claim: () => { readonly identity: Identity & { readonly clusterId: null }; readonly restored: Uint8Array };
}

/** What is there in a directory that nobody has used. */
const unused = ['lock', 'lost+found'];

/** What a restore makes. */
const made = new RegExp(`^(state-\\d+|CURRENT|reserve|${restoredFileName}|${identityFileName}|\\${temporaryPrefix}.*)$`);

/**
 * Makes the data directory of a member that begins with a state instead of an empty one. The directory is new, empty, or one in which
 * an earlier restore was cut off.
 *
 * Until all of it is durable a file says that a restore is under way, and no member starts there: a crash at any moment leaves a directory that
 * is refused, and that a further restore begins anew. Throws {@link DataDirectoryRefused}, `StoreFailed` when the disk fails or is full, and
 * what `fill` throws; then the directory is as it was before.
 */
export async function restoreDirectory(path: string, options: RestoreOptions): Promise<void> {
  const absolute = resolve(path);
  const existed = existsSync(absolute);
  const lock = usable(absolute, () => {
    makeIfMissing(absolute);
    refuseWideRights(absolute);
    return DirectoryLock.take(absolute);
  });
  let mine = false;
  try {
    usable(absolute, () => begin(absolute));
    mine = true;
    const { path: state } = await buildState(absolute, options, options.fill);
    switchState(state);
    const { identity, restored } = options.claim();
    usable(absolute, () => {
      replaceFile(join(absolute, restoredFileName), restored);
      writeIdentity(absolute, identity);
      rmSync(join(absolute, restoringFileName));
      syncDirectory(absolute);
    });
  } catch (error) {
    if (mine) clear(absolute);
    throw error;
  } finally {
    lock.release();
    if (!existed && readdirSync(absolute).every((name) => name === 'lock')) rmSync(absolute, { recursive: true });
  }
}

function begin(path: string): void {
  // A crash may come before the mark of it has its name.
  const there = readdirSync(path).filter((name) => !unused.includes(name) && !name.startsWith(temporaryPrefix));
  if (there.includes(restoringFileName)) clear(path);
  else if (there.length > 0) {
    const what = `it holds ${there.slice(0, 5).join(', ')}${there.length > 5 ? ', …' : ''}, and a backup is restored into a new directory`;
    throw new DataDirectoryRefused(
      'directory-used',
      path,
      what,
      'Nothing was changed. Name a path that is free, or an empty directory.',
    );
  }
  replaceFile(join(path, restoringFileName), new Uint8Array());
}

/** Removes what a restore made; at last the mark that one is under way. */
function clear(path: string): void {
  for (const name of readdirSync(path)) if (made.test(name)) rmSync(join(path, name), { recursive: true, force: true });
  syncDirectory(path);
  rmSync(join(path, restoringFileName), { force: true });
  syncDirectory(path);
}
