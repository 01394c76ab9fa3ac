import { rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { TableName } from '@env-cli/keyspace';
import { compareBytes, equalBytes, MalformedBytes } from '@env-cli/support';

import { positionText, samePosition, type StorePosition } from './position.ts';
import { DataDirectoryRefused } from './refusal.ts';
import { blockHeadBytes, payloadLength, readBlock, type SnapshotBlock, type SnapshotHeader } from './snapshot-block.ts';
import { type BuildOptions, buildState, switchState } from './state-directory.ts';

/**
 * Makes a snapshot's file the state that counts: builds a state beside the old one from blocks that are all checked, with a
 * checkpoint, durable, and then switches `CURRENT`. A crash at any moment leaves either the old state or the new one.
 *
 * Afterwards the caller resets its log to begin behind the position, closes the old store and its readers, and opens anew
 * (`openState`, which removes the old state). Throws {@link DataDirectoryRefused} (`snapshot-damaged`, `other-cluster`), after which
 * the old state counts as before.
 */
export async function installSnapshot(
  dataDirectory: string,
  snapshotPath: string,
  options: BuildOptions,
): Promise<StorePosition> {
  const file = await open(snapshotPath, 'r');
  try {
    const source = new SnapshotSource(file);
    const header = await readHeader(source, snapshotPath, options);
    const built = await buildState(dataDirectory, options, async (transact) => {
      const order = new KeyOrder();
      for (;;) {
        const block = await readNext(source, snapshotPath);
        if (block.kind !== 'rows') {
          checkEnd(source, block, snapshotPath);
          return;
        }
        transact((tables) => {
          for (const { table, key, value } of block.rows) {
            if (!order.next(table, key)) throw damaged(snapshotPath, 'its rows are not in order');
            tables.append(table, key, value);
          }
        });
      }
    });
    if (!samePosition(built.position, header.position)) {
      rmSync(built.path, { recursive: true, force: true });
      const what = `its rows stand at ${positionText(built.position)}, its header says ${positionText(header.position)}`;
      throw damaged(snapshotPath, what);
    }
    switchState(built.path);
    return built.position;
  } finally {
    await file.close();
  }
}

/** The blocks of a file, one after another. */
class SnapshotSource {
  readonly #file: FileHandle;
  #offset = 0;
  rows = 0;
  /** CRC-32 of the blocks before the newest, and of all. */
  sumBefore = 0;
  #sum = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async next(): Promise<SnapshotBlock> {
    const head = await this.#read(blockHeadBytes);
    const payload = await this.#read(payloadLength(head));
    const block = readBlock(head, payload);
    this.sumBefore = this.#sum;
    this.#sum = crc32(payload, crc32(head, this.#sum));
    if (block.kind === 'rows') this.rows += block.rows.length;
    return block;
  }

  async #read(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const { bytesRead } = await this.#file.read(bytes, at, length - at, this.#offset + at);
      if (bytesRead === 0) throw new MalformedBytes(`an end at byte ${this.#offset + at}, within a block`);
      at += bytesRead;
    }
    this.#offset += length;
    return bytes;
  }
}

/** Keys ascend within a table, and tables do not come back. */
class KeyOrder {
  readonly #done = new Set<TableName>();
  #table: TableName | null = null;
  #key: Uint8Array = new Uint8Array();

  next(table: TableName, key: Uint8Array): boolean {
    const ordered = table === this.#table ? compareBytes(this.#key, key) < 0 : !this.#done.has(table);
    this.#done.add(table);
    this.#table = table;
    this.#key = key;
    return ordered;
  }
}

async function readHeader(source: SnapshotSource, path: string, options: BuildOptions): Promise<SnapshotHeader> {
  const block = await readNext(source, path);
  if (block.kind !== 'header') throw damaged(path, 'it does not begin with a header');
  if (!equalBytes(block.header.clusterId, options.owner.clusterId)) {
    throw new DataDirectoryRefused(
      'other-cluster',
      path,
      'the snapshot is of another cluster',
      'Ask a member of this cluster for one.',
    );
  }
  return block.header;
}

async function readNext(source: SnapshotSource, path: string): Promise<SnapshotBlock> {
  try {
    return await source.next();
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw damaged(path, `it holds ${error.message}`, error);
  }
}

function checkEnd(source: SnapshotSource, block: SnapshotBlock, path: string): void {
  if (block.kind !== 'trailer') throw damaged(path, 'it has a second header');
  if (block.trailer.rows !== source.rows)
    throw damaged(path, `it has ${source.rows} rows, its trailer says ${block.trailer.rows}`);
  if (block.trailer.sum !== source.sumBefore) throw damaged(path, 'the checksum of the whole is wrong');
}

function damaged(path: string, what: string, cause?: unknown): DataDirectoryRefused {
  return new DataDirectoryRefused(
    'snapshot-damaged',
    path,
    what,
    'It is thrown away; a member of the cluster sends it again.',
    cause,
  );
}
