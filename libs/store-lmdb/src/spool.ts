import { randomBytes } from 'node:crypto';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type ReadTables, type TableName, tableNames } from '@env-cli/keyspace';
import { blockBytesTarget, frame, headerPayload, RowsPayload, type SnapshotHeader, trailerPayload } from '@env-cli/snapshot-file';
import { assert } from '@env-cli/support';

import { isDiskError, StoreFailed } from './failure.ts';

/** Spool files begin with this; what a crash left of them goes when the data directory is opened. */
export const spoolPrefix = 'spool-';

/** A name for a spool that nothing else has, in a member's data directory. */
export function newSpoolPath(dataDirectory: string): string {
  return join(dataDirectory, `${spoolPrefix}${randomBytes(6).toString('hex')}`);
}

/** Bytes that are written between two looks at what is left of the disk. */
const lookBytes = 2 ** 20;

/** Rows that are read at once, before their size is known and at most. */
const rowsFirst = 16;
const rowsMax = 1_024;

/**
 * Copies all tables, as a pin holds them, into a snapshot's file: a block a turn of the event loop, at the speed of the
 * disk. The pin is then released by who took it; while it is held the state's file grows by what is written.
 *
 * `leaveBytes`: what stays free on the disk, for the log and the state that are on it too: a copy that filled it would stop the member by them. Defaults to 0.
 *
 * Answers the rows and bytes of the file. Throws {@link StoreFailed} when the disk fails, and `NoRoomForSpool`; the file is then worth nothing.
 */
export async function spool(
  path: string,
  tables: ReadTables,
  header: SnapshotHeader,
  leaveBytes = 0,
): Promise<{ readonly rows: number; readonly bytes: number }> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      return await new SpoolWriter(file, dirname(path), leaveBytes).write(tables, header);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw isDiskError(error) ? new StoreFailed('Writing a snapshot', path, error) : error;
  }
}

/** The copy would have taken what has to stay free. */
class NoRoomForSpool extends Error {
  override readonly name = 'NoRoomForSpool';
}

class SpoolWriter {
  readonly #file: FileHandle;
  readonly #directory: string;
  readonly #leaveBytes: number;
  #lookAtBytes = 0;
  #bytes = 0;
  #rows = 0;
  #sum = 0;

  constructor(file: FileHandle, directory: string, leaveBytes: number) {
    this.#file = file;
    this.#directory = directory;
    this.#leaveBytes = leaveBytes;
  }

  async write(tables: ReadTables, header: SnapshotHeader): Promise<{ readonly rows: number; readonly bytes: number }> {
    await this.#append(headerPayload(header));
    const payload = new RowsPayload();
    const empty = payload.length;
    for (const table of tableNames) {
      for (const rows of chunksOf(tables, table)) {
        for (const { key, value } of rows) {
          if (payload.length > empty && payload.length + key.length + value.length > blockBytesTarget)
            await this.#append(payload.take());
          payload.add(table, key, value);
          this.#rows++;
        }
      }
    }
    if (payload.length > empty) await this.#append(payload.take());
    await this.#append(trailerPayload({ rows: this.#rows, sum: this.#sum }));
    return { rows: this.#rows, bytes: this.#bytes };
  }

  async #append(payload: Uint8Array): Promise<void> {
    const block = frame(payload);
    if (this.#bytes >= this.#lookAtBytes) await this.#look();
    for (let at = 0; at < block.length;) {
      const { bytesWritten } = await this.#file.write(block, at, block.length - at, this.#bytes + at);
      at += bytesWritten;
    }
    this.#bytes += block.length;
    this.#sum = crc32(block, this.#sum);
  }

  async #look(): Promise<void> {
    this.#lookAtBytes = this.#bytes + lookBytes;
    if (this.#leaveBytes === 0) return;
    const { bavail, bsize } = await statfs(this.#directory);
    if (bavail * bsize >= this.#leaveBytes + lookBytes) return;
    const what = `a copy of the state leaves ${this.#leaveBytes} bytes of the disk free, and after ${this.#bytes} bytes of it there were only ${bavail * bsize}`;
    throw new NoRoomForSpool(`${what}. Make room in ${this.#directory}`);
  }
}

/** A table's rows in order, as many at a time as make about a block. */
function* chunksOf(
  tables: ReadTables,
  table: TableName,
): Iterable<readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]> {
  let limit = rowsFirst;
  let from: Uint8Array | undefined;
  for (;;) {
    const rows = tables.range(table, from === undefined ? { limit } : { from, limit });
    if (rows.length > 0) yield rows;
    if (rows.length < limit) return;
    let bytes = 0;
    for (const { key, value } of rows) bytes += key.length + value.length;
    const last = rows.at(-1)!.key;
    // The lowest key above the last one: itself and a zero.
    from = new Uint8Array(last.length + 1);
    from.set(last);
    limit = Math.max(1, Math.min(rowsMax, Math.floor(blockBytesTarget / (bytes / rows.length))));
  }
}

/** Reads a finished spool for a stream to another member, by offset: a stream that broke goes on where it was. */
export class SpoolReader {
  readonly size: number;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  static async open(path: string): Promise<SpoolReader> {
    const file = await open(path, 'r');
    return new SpoolReader(file, (await file.stat()).size);
  }

  /** The bytes from `offset` on, at most `maxBytes`; none at the end. */
  async readAt(offset: number, maxBytes: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(Math.max(0, Math.min(maxBytes, this.size - offset)));
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await this.#file.read(buffer, length, buffer.length - length, offset + length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Takes in what a stream brings of another member's spool. */
export class SpoolReceiver {
  readonly path: string;
  readonly #file: FileHandle;
  #receivedBytes = 0;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<SpoolReceiver> {
    return new SpoolReceiver(path, await open(path, 'wx', 0o600));
  }

  /** Where the stream goes on. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Appends the next bytes. Throws {@link StoreFailed} when the disk fails or is full. */
  async append(bytes: Uint8Array): Promise<void> {
    const offset = this.#receivedBytes;
    try {
      for (let at = 0; at < bytes.length;) {
        const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, offset + at);
        at += bytesWritten;
      }
    } catch (error) {
      throw new StoreFailed('Receiving a snapshot', this.path, error);
    }
    assert(this.#receivedBytes === offset, 'the chunks of a snapshot are appended one after another');
    this.#receivedBytes = offset + bytes.length;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
