import { closeSync, fdatasyncSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Tables } from '@env-cli/keyspace';
import { assert } from '@env-cli/support';

import { readCheckpoint, type StateOwner, writeCheckpoint } from './checkpoint.ts';
import { isMissing, replaceFile, syncDirectory, temporaryPrefix } from './durable-file.ts';
import { dataFileName, Environment, mapBytesDefault } from './environment.ts';
import { WriteTables } from './lmdb-tables.ts';
import { metaHeaderBytes, type MetaPages, pageBytesOf, parseMetaPages } from './meta-pages.ts';
import type { ReadPosition, StorePosition } from './position.ts';
import { DataDirectoryRefused, repairByReplacement } from './refusal.ts';
import { Store, type StoreOptions } from './store.ts';

/** Names the state directory that counts. Switched by rename, so that it names the old one or the new one, never neither. */
const currentFileName = 'CURRENT';
const stateName = /^state-(\d{6,12})$/;

/**
 * Opens the state of a data directory, or makes an empty one when there is none yet. What a crash left beside it goes.
 *
 * The caller holds the directory's lock; see {@link Store.open} for what opening does.
 */
export async function openState(dataDirectory: string, options: StoreOptions): Promise<Store> {
  const path = currentState(dataDirectory) ?? (await makeEmptyState(dataDirectory, options));
  removeOtherStates(dataDirectory);
  return Store.open(path, options);
}

/** The path of the state that counts, or null when none was made yet. */
export function currentState(dataDirectory: string): string | null {
  const pointer = join(dataDirectory, currentFileName);
  let name: string;
  try {
    name = readFileSync(pointer, 'utf8').trim();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const path = join(dataDirectory, name);
  if (stateName.test(name) && statesIn(dataDirectory).includes(name)) return path;
  const next = `If one of ${statesIn(dataDirectory).join(', ') || 'no others'} is whole, write its name there. Otherwise: ${repairByReplacement}`;
  throw new DataDirectoryRefused('current-missing', pointer, `it names ${JSON.stringify(name)}, which is not there`, next);
}

/** How {@link buildState} puts rows into a state: in transactions of any size. */
export type Fill = (transact: (work: (tables: Tables) => void) => void) => Promise<void>;

export interface BuildOptions {
  readonly owner: StateOwner;
  readonly readPosition: ReadPosition;
  readonly mapBytes?: number;
}

/**
 * Builds a state beside the one that counts: all its pages on disk, with a checkpoint. It counts once {@link switchState}
 * names it; until then a crash leaves a directory that the next start removes.
 */
export async function buildState(dataDirectory: string, options: BuildOptions, fill: Fill): Promise<string> {
  const path = join(dataDirectory, nextName(statesIn(dataDirectory)));
  mkdirSync(path, { mode: 0o700 });
  const environment = new Environment(path, { mapBytes: options.mapBytes ?? mapBytesDefault });
  let position: StorePosition;
  try {
    const tables = new WriteTables(environment.tables);
    await fill((work) => {
      tables.live = true;
      try {
        environment.root.transactionSync(() => {
          work(tables);
        });
      } finally {
        tables.live = false;
      }
    });
    tables.live = true;
    position = options.readPosition(tables);
  } finally {
    await environment.close();
  }
  await writeCheckpoint(path, options.owner, { position, ...syncedData(join(path, dataFileName)) });
  syncDirectory(path);
  syncDirectory(dataDirectory);
  return path;
}

/** Makes a built state the one that counts. Durable when it returns. */
export function switchState(path: string): void {
  replaceFile(join(path, '..', currentFileName), new TextEncoder().encode(`${basename(path)}\n`));
}

/** Removes states that do not count, and files that were never renamed. Nobody has them open. */
export function removeOtherStates(dataDirectory: string): void {
  const current = currentState(dataDirectory);
  if (current === null) return;
  for (const name of statesIn(dataDirectory)) {
    if (name !== basename(current)) rmSync(join(dataDirectory, name), { recursive: true, force: true });
  }
  for (const directory of [dataDirectory, current]) {
    for (const name of readdirSync(directory)) {
      if (name.startsWith(temporaryPrefix)) rmSync(join(directory, name), { force: true });
    }
  }
}

async function makeEmptyState(dataDirectory: string, options: StoreOptions): Promise<string> {
  for (const name of statesIn(dataDirectory)) refuseIfUsed(join(dataDirectory, name), options.owner);
  const path = await buildState(dataDirectory, options, async () => undefined);
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

function syncedData(path: string): { readonly metaPages: MetaPages; readonly dataBytes: number } {
  const file = openSync(path, 'r+');
  try {
    fdatasyncSync(file);
    const start = new Uint8Array(metaHeaderBytes);
    readSync(file, start, 0, start.length, 0);
    const bytes = new Uint8Array(2 * (pageBytesOf(start) ?? 0));
    readSync(file, bytes, 0, bytes.length, 0);
    const metaPages = parseMetaPages(bytes);
    assert(metaPages !== null, "LMDB's file begins with its meta pages, in the layout that we know");
    return { metaPages, dataBytes: fstatSync(file).size };
  } finally {
    closeSync(file);
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
