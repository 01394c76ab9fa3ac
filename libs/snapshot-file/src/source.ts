import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { TableName } from '@env-cli/keyspace';
import { compareBytes, MalformedBytes } from '@env-cli/support';

import { blockHeadBytes, payloadLength, readBlock, type SnapshotBlock, type SnapshotHeader, type SnapshotRow } from './block.ts';

/** A file is no whole snapshot. `message` is a phrase that goes on behind the file's name. */
export class SnapshotDamaged extends Error {
  override readonly name = 'SnapshotDamaged';
  /** It does not even begin like one: it is something else, or of another version. */
  readonly foreign: boolean;

  constructor(what: string, options: { readonly foreign?: boolean; readonly cause?: unknown } = {}) {
    super(what, { cause: options.cause });
    this.foreign = options.foreign ?? false;
  }
}

/**
 * Reads a snapshot's file from its beginning to its end, a block at a time, and lets nothing through that is not as it was written: every
 * block has its checksum, keys ascend, the trailer counts the rows and sums up all bytes, and nothing stands behind it.
 *
 * All methods reject with {@link SnapshotDamaged}, or with what the file system says.
 */
export class SnapshotSource {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  readonly #digest = createHash('sha256');
  readonly #order = new KeyOrder();
  #opened: { readonly header: SnapshotHeader; readonly tables: readonly TableName[] } | null = null;
  #offset = 0;
  #rows = 0;
  #sum = 0;
  #sumBefore = 0;

  private constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  /** Opens a file and reads its header. */
  static async open(path: string): Promise<SnapshotSource> {
    const file = await open(path, 'r');
    try {
      const source = new SnapshotSource(file, (await file.stat()).size);
      await source.#readHeader();
      return source;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get header(): SnapshotHeader {
    return this.#opened!.header;
  }

  /** Bytes that were read so far. */
  get readBytes(): number {
    return this.#offset;
  }

  /** Rows that were read so far. */
  get rows(): number {
    return this.#rows;
  }

  /** All rows, some at a time. Ends only when the file was found whole. Read once. */
  async *blocks(): AsyncGenerator<readonly SnapshotRow[], void, void> {
    for (;;) {
      const block = await this.#next();
      if (block.kind !== 'rows') return this.#checkEnd(block);
      for (const { table, key } of block.rows)
        if (!this.#order.next(table, key)) throw new SnapshotDamaged('its rows are not in order');
      yield block.rows;
    }
  }

  /** SHA-256 of the file, once all of it was read. */
  digest(): Uint8Array {
    return new Uint8Array(this.#digest.digest());
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #readHeader(): Promise<void> {
    let block: SnapshotBlock;
    try {
      block = await this.#next();
    } catch (error) {
      if (!(error instanceof SnapshotDamaged)) throw error;
      throw new SnapshotDamaged(error.message, { foreign: true, cause: error });
    }
    if (block.kind !== 'header') throw new SnapshotDamaged('it does not begin with a header', { foreign: true });
    this.#opened = block;
  }

  async #next(): Promise<SnapshotBlock> {
    try {
      const head = await this.#read(blockHeadBytes);
      const payload = await this.#read(payloadLength(head));
      const block = readBlock(head, payload, this.#opened?.tables ?? []);
      this.#sumBefore = this.#sum;
      this.#sum = crc32(payload, crc32(head, this.#sum));
      this.#digest.update(head).update(payload);
      if (block.kind === 'rows') this.#rows += block.rows.length;
      return block;
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      throw new SnapshotDamaged(`it holds ${error.message}`, { cause: error });
    }
  }

  #checkEnd(block: Exclude<SnapshotBlock, { readonly kind: 'rows' }>): void {
    if (block.kind !== 'trailer') throw new SnapshotDamaged('it has a second header');
    const { rows, sum } = block.trailer;
    if (rows !== this.#rows) throw new SnapshotDamaged(`it has ${this.#rows} rows, its trailer says ${rows}`);
    if (sum !== this.#sumBefore) throw new SnapshotDamaged('the checksum of the whole is wrong');
    const behindBytes = this.sizeBytes - this.#offset;
    if (behindBytes > 0) throw new SnapshotDamaged(`${behindBytes} bytes stand behind its end`);
  }

  async #read(length: number): Promise<Uint8Array> {
    // Not more than there is: a length that is wrong must not cost memory.
    const restBytes = this.sizeBytes - this.#offset;
    if (length > restBytes) throw new MalformedBytes(`an end at byte ${this.sizeBytes}, within a block`);
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
