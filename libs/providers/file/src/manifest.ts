import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';

import type { Stamp } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';
import { decodeUtf8, encodeUtf8 } from '@env-cli/support';

import type { Disk } from './disk.ts';
import { fileOfStamp, stampName } from './names.ts';
import type { Tree } from './tree.ts';

/** What the manifest says of one file. */
export interface ManifestEntry {
  /** False: the first writing of the file, or its removal, was begun and not finished. Only a stamped value is ours then. */
  readonly landed: boolean;
  /** Oldest first. Those of writes that were begun stand here before the file itself is touched. */
  readonly stamps: readonly Stamp[];
}

const format = 1;

/** Bytes of an entry; a larger one is not of our making. */
const entryBytesMax = 64 * 1024;

/**
 * Stamps of a file that are kept. More than one is needed only while a write is under way or a deposed leader may land a late one;
 * as many as leaders may follow each other within one time limit of a call.
 */
const stampsMax = 8;

/** Whose the files of a target are: one small file for each, beside them in a folder of its own. */
export class Manifest {
  readonly #tree: Tree;
  readonly #disk: Disk;
  /** Tells temporary files of this life from those that a crash left. */
  readonly #life = randomBytes(6).toString('hex');
  #temporaries = 0;

  constructor(tree: Tree, disk: Disk) {
    this.#tree = tree;
    this.#disk = disk;
  }

  /** Null: nothing is known of the file, so it is not ours. */
  async read(file: string): Promise<ManifestEntry | null> {
    const path = this.#tree.manifestPathOf(stampName(file));
    const found = await this.#disk.read(path, entryBytesMax);
    if (found === null) return null;
    const entry = found.bytes === null ? null : parseEntry(found.bytes, path);
    return entry?.file === file ? entry : null;
  }

  /** Replaces the entry of a file, durably. */
  async write(file: string, { landed, stamps }: ManifestEntry): Promise<void> {
    const entry = { format, file, landed, stamps: stamps.slice(-stampsMax) };
    const path = this.#tree.manifestPathOf(stampName(file));
    const temporary = await this.temporary(encodeUtf8(`${JSON.stringify(entry, null, 2)}\n`));
    await this.#disk.rename(temporary, path);
    await this.#disk.syncFolder(dirname(path));
  }

  async remove(file: string): Promise<void> {
    const path = this.#tree.manifestPathOf(stampName(file));
    if ((await this.#disk.look(path)) === null) return;
    await this.#disk.unlink(path);
    await this.#disk.syncFolder(dirname(path));
  }

  /** The files that have an entry, sorted. */
  async files(): Promise<string[]> {
    const names = await this.#disk.list(this.#tree.manifestPathOf(''));
    return names.flatMap((name) => fileOfStamp(name) ?? []).toSorted();
  }

  /** Writes bytes to a new file of a name that nobody looks at, durably; it is renamed into its place. */
  async temporary(bytes: Uint8Array): Promise<string> {
    const path = this.#tree.manifestPathOf(`${this.#life}-${this.#temporaries++}.tmp`);
    await this.#disk.create(path, bytes);
    return path;
  }

  /** Removes what a crash left half written: it may hold values. */
  async removeTemporaries(): Promise<void> {
    // Behind a link they would be somebody else's.
    if (!(await this.#tree.hasManifest())) return;
    for (const name of await this.#disk.list(this.#tree.manifestPathOf(''))) {
      if (name.endsWith('.tmp') && !name.startsWith(`${this.#life}-`)) await this.#disk.unlink(this.#tree.manifestPathOf(name));
    }
  }
}

/** Null: what stands there is no entry. */
function parseEntry(bytes: Uint8Array, path: string): (ManifestEntry & { readonly file: string }) | null {
  let entry: unknown;
  try {
    entry = JSON.parse(decodeUtf8(bytes));
  } catch {
    return null;
  }
  if (!isRecord(entry)) return null;
  if (typeof entry['format'] === 'number' && entry['format'] > format) {
    throw new TargetError('refused', `${path} was written by a later version of env-cli: upgrade this member`);
  }
  const { file, landed, stamps } = entry;
  if (typeof file !== 'string' || typeof landed !== 'boolean' || !Array.isArray(stamps) || !stamps.every(isStamp)) return null;
  return { file, landed, stamps };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

const stampTexts = ['clusterId', 'mirror', 'environment', 'valueHash'] as const;

function isStamp(value: unknown): value is Stamp {
  if (!isRecord(value)) return false;
  return (
    stampTexts.every((name) => typeof value[name] === 'string') &&
    Number.isSafeInteger(value['epoch']) &&
    Number.isSafeInteger(value['revision'])
  );
}
