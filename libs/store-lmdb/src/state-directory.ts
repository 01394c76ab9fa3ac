import { closeSync, fsyncSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ReadPosition, StorePosition } from '@env-cli/snapshot-file';
import { assert } from '@env-cli/support';

import { readCheckpoint, type StateOwner, writeCheckpoint } from './checkpoint.ts';
import { isMissing, replaceFile, syncDirectory, temporaryPrefix } from './durable-file.ts';
import { dataFileName, Environment, lockFileName, mapBytesDefault } from './environment.ts';
import { isDiskError, StoreFailed } from './failure.ts';
import { WriteTables } from './lmdb-tables.ts';
import { metaHeaderBytes, type MetaPages, pageBytesOf, parseMetaPages } from './meta-pages.ts';
import { DataDirectoryRefused, repairBySnapshot } from './refusal.ts';
import { Store, type StoreOptions } from './store.ts';

/** Names the state directory that counts. Switched by rename, so that it names the old one or the new one, never neither. */
const currentFileName = 'CURRENT';
const stateName = /^state-(\d{6,12})$/;

/**
 * Opens the state of a data directory, or makes an empty one when there is none yet. What a crash or an installed snapshot
 * left beside it goes, so nobody reads an older state any more.
 *
 * The caller holds the directory's lock; see {@link Store.open} for what opening does. Throws
 * {@link DataDirectoryRefused}, or {@link StoreFailed} when the disk fails.
 */
export async function openState(dataDirectory: string, options: StoreOptions): Promise<Store> {
  try {
    const path = currentState(dataDirectory) ?? (await makeEmptyState(dataDirectory, options));
    removeLeftovers(dataDirectory, path);
    return await Store.open(path, options);
  } catch (error) {
    throw isDiskError(error) ? new StoreFailed('Opening the state', dataDirectory, error) : error;
  }
}

/** Where the state that counts stands by its checkpoint, without it being opened; null when that cannot be told. */
export function checkpointedPosition(dataDirectory: string, owner: StateOwner): StorePosition | null {
  try {
    const path = currentState(dataDirectory);
    return path === null ? null : readCheckpoint(path, owner).position;
  } catch (error) {
    if (error instanceof DataDirectoryRefused) return null;
    throw error;
  }
}

/** The path of the state that counts, or null when none was made yet. */
function currentState(dataDirectory: string): string | null {
  const pointer = join(dataDirectory, currentFileName);
  let name: string;
  try {
    name = readFileSync(pointer, 'utf8').trim();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const names = statesIn(dataDirectory);
  if (names.includes(name)) return join(dataDirectory, name);
  const next = names.length === 0 ? repairBySnapshot : `If one of ${names.join(', ')} is whole, write its name there.`;
  throw new DataDirectoryRefused('current-missing', pointer, 'it names no state that is there', next);
}

/** How {@link buildState} puts rows into a state: transactions of any size, one after another. */
export type Fill = (transact: (work: (tables: WriteTables) => void) => void) => Promise<void>;

export interface BuildOptions {
  readonly owner: StateOwner;
  readonly readPosition: ReadPosition;
  readonly mapBytes?: number;
}

/**
 * Builds a state beside the one that counts: all its pages on disk, with a checkpoint. It counts once {@link switchState}
 * names it; until then a crash leaves a directory that the next start removes. Nothing is left when `fill` throws.
 */
export async function buildState(
  dataDirectory: string,
  options: BuildOptions,
  fill: Fill,
): Promise<{ readonly path: string; readonly position: StorePosition }> {
  const path = join(dataDirectory, nextName(statesIn(dataDirectory)));
  try {
    mkdirSync(path, { mode: 0o700 });
    const position = await fillState(path, options, fill);
    allocateLockFile(join(path, lockFileName));
    await writeCheckpoint(path, options.owner, { position, ...(await syncedData(join(path, dataFileName))) });
    // The rename of the checkpoint has synced `path`; this syncs its own name.
    syncDirectory(dataDirectory);
    return { path, position };
  } catch (error) {
    // Before the room is free again: that the disk is full is seen from what it has left.
    const failure = isDiskError(error) ? new StoreFailed('Building a state', path, error) : error;
    rmSync(path, { recursive: true, force: true });
    throw failure;
  }
}

/** Makes a built state the one that counts. Durable when it returns. */
export function switchState(path: string): void {
  replaceFile(join(path, '..', currentFileName), new TextEncoder().encode(`${basename(path)}\n`));
}

async function fillState(path: string, options: BuildOptions, fill: Fill): Promise<StorePosition> {
  const environment = new Environment(path, { mapBytes: options.mapBytes ?? mapBytesDefault });
  try {
    const tables = new WriteTables(environment.tables);
    tables.live = true;
    await fill((work) => {
      environment.root.transactionSync(() => {
        work(tables);
      });
    });
    return options.readPosition(tables);
  } finally {
    await environment.close();
  }
}

async function makeEmptyState(dataDirectory: string, options: StoreOptions): Promise<string> {
  for (const name of statesIn(dataDirectory)) refuseIfUsed(join(dataDirectory, name), options.owner);
  const { path } = await buildState(dataDirectory, options, async () => undefined);
  switchState(path);
  return path;
}

/** A crash while the first state was made leaves one that holds nothing. Any other without `CURRENT` has lost its pointer. */
function refuseIfUsed(path: string, owner: StateOwner): void {
  let applied = 0;
  try {
    applied = readCheckpoint(path, owner).position.appliedIndex;
  } catch (error) {
    if (error instanceof DataDirectoryRefused && error.code === 'checkpoint-missing') return;
    throw error;
  }
  if (applied === 0) return;
  const what = `the state has applied index ${applied}, but ${currentFileName} is missing`;
  throw new DataDirectoryRefused('current-missing', path, what, `Write ${basename(path)} into ${currentFileName} beside it.`);
}

/** Removes states that do not count, and a checkpoint that was never renamed. */
function removeLeftovers(dataDirectory: string, current: string): void {
  for (const name of statesIn(dataDirectory)) {
    if (name !== basename(current)) rmSync(join(dataDirectory, name), { recursive: true, force: true });
  }
  for (const name of readdirSync(current)) {
    if (name.startsWith(temporaryPrefix)) rmSync(join(current, name), { force: true });
  }
}

/**
 * Gives LMDB's lock file its blocks. LMDB makes it sparse and writes it through a map: on a full disk the first touch of
 * a page of it would be a SIGBUS instead of an error. What is in it counts for nothing once it is closed.
 */
function allocateLockFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    const zeros = new Uint8Array(fstatSync(file).size);
    for (let at = 0; at < zeros.length;) at += writeSync(file, zeros, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Syncs a closed state's file, off the thread: there may be gigabytes of it. */
async function syncedData(path: string): Promise<{ readonly metaPages: MetaPages; readonly dataBytes: number }> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
    const start = new Uint8Array(metaHeaderBytes);
    await file.read(start, 0, start.length, 0);
    const bytes = new Uint8Array(2 * (pageBytesOf(start) ?? 0));
    await file.read(bytes, 0, bytes.length, 0);
    const metaPages = parseMetaPages(bytes);
    assert(metaPages !== null, "LMDB's file begins with its meta pages, in the layout that we know");
    return { metaPages, dataBytes: (await file.stat()).size };
  } finally {
    await file.close();
  }
}

function statesIn(dataDirectory: string): string[] {
  return readdirSync(dataDirectory)
    .filter((name) => stateName.test(name))
    .toSorted();
}

function nextName(names: readonly string[]): string {
  const last = names.at(-1);
  const number = last === undefined ? 0 : Number(stateName.exec(last)?.[1]);
  return `state-${String(number + 1).padStart(6, '0')}`;
}
