import type { HardState } from '@env-cli/raft';
import { assert } from '@env-cli/support';

import { batchBytes, encodeBatch, type Position } from './batch.ts';
import type { FileIo } from './file-io.ts';
import { systemError } from './log-file-error.ts';
import type { LastBatch } from './recovery.ts';
import type { Joined } from './request.ts';
import type { Segment, SegmentFiles } from './segment-files.ts';
import { pageBytes } from './segment-header.ts';

/**
 * Up to this, a batch is written on the calling thread: into pages that exist it is a copy in memory (5 µs; 3 ms at worst
 * while another thread kept the disk busy), where a trip through libuv's pool costs 25 µs. The sync never is.
 */
const inlineBytesMax = 64 * 1024;

/** A buffer that has grown beyond this for one large batch is let go afterwards. */
const bufferBytesMax = 4 * 2 ** 20;

/** Where a batch went. */
export interface WrittenBatch extends Position {
  readonly bytes: number;
}

export interface BatchWriterOptions {
  readonly io: FileIo;
  readonly files: SegmentFiles;
  readonly hardState: HardState;
  /** What the log ends with, which is on disk. */
  readonly last: Omit<LastBatch, 'bytes'> & { readonly bytes: number };
  /** The segment that was made ahead, if there is one. */
  readonly next: Segment | null;
  readonly onSync: (milliseconds: number, bytes: number) => void;
  /** Called when no segment could be made ahead. */
  readonly onFailure: (error: unknown) => void;
}

/** Puts batches behind one another, one at a time, into the segment that is in use, and sees to it that the next one is there. */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  #segment: Segment;
  /** Where the next batch begins, in `#segment`. All before it is on disk. */
  #offset: number;
  #sequence: number;
  #crc: number;
  #purpose: LastBatch['purpose'];
  #hardState: HardState;
  #next: Promise<Segment | null>;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(inlineBytesMax);

  constructor(options: BatchWriterOptions) {
    const { last, hardState, next } = options;
    this.#options = options;
    this.#segment = last.segment;
    this.#offset = last.offset + last.bytes;
    this.#sequence = last.sequence;
    this.#crc = last.crc;
    this.#purpose = last.purpose;
    this.#hardState = hardState;
    this.#next = next === null ? this.#prepare() : Promise.resolve(next);
  }

  /** The segment that the last batch went to. */
  get segment(): Segment {
    return this.#segment;
  }

  /** Whether the last batch says that the member stopped in order. */
  get closed(): boolean {
    return this.#purpose === 'closing';
  }

  /** Puts a batch on disk. Rejects with a `LogFileError`; nothing must be written afterwards. Not called while a call runs. */
  async write(joined: Joined): Promise<WrittenBatch> {
    const bytes = batchBytes(joined.entries);
    const durableUpTo = { segment: this.#segment.id, offset: this.#offset };
    const fits = this.#offset + bytes <= this.#segment.capacityBytes;
    // A log that begins anew begins with a segment, so that all before it can go.
    const begins = !fits || joined.purpose === 'reset';
    if (begins) await this.#begin(bytes);
    const { io, onSync } = this.#options;
    const { file, path } = this.#segment;
    if (this.#buffer.length < bytes || this.#buffer.length > bufferBytesMax)
      this.#buffer = new Uint8Array(Math.max(bytes, inlineBytesMax));
    this.#hardState = joined.hardState ?? this.#hardState;
    const { purpose, previous, entries } = joined;
    const sequence = this.#sequence + 1;
    const batch = { sequence, durableUpTo, previousCrc: this.#crc, purpose, hardState: this.#hardState, previous, entries };
    const { crc } = encodeBatch(batch, this.#segment, this.#buffer);

    const beganMs = performance.now();
    const image = this.#buffer.subarray(0, bytes);
    try {
      if (bytes <= inlineBytesMax) io.writeNow(file, image, this.#offset);
      else await io.write(file, image, this.#offset);
    } catch (error) {
      throw systemError(`writing ${bytes} bytes at byte ${this.#offset}`, path, error);
    }
    try {
      await io.datasync(file);
    } catch (error) {
      throw systemError('fdatasync', path, error);
    }
    onSync(performance.now() - beganMs, bytes);

    const written = { segment: this.#segment.id, offset: this.#offset, bytes };
    this.#offset += bytes;
    this.#sequence = sequence;
    this.#crc = crc;
    this.#purpose = purpose;
    // Not before the segment has a batch on disk: that the next one is there is the proof of it.
    if (begins) this.#next = this.#prepare();
    return written;
  }

  /** Lets a segment that is being made ahead end, and closes it. */
  async close(): Promise<void> {
    const { files, io } = this.#options;
    files.stop();
    const next = await this.#next.catch(() => null);
    if (next !== null) await io.close(next.file);
  }

  async #begin(bytes: number): Promise<void> {
    const next = await this.#next;
    assert(next !== null, 'no segment is needed once the log is closed');
    this.#segment = next;
    this.#offset = pageBytes;
    this.#next = Promise.resolve(null);
    next.capacityBytes = Math.max(next.capacityBytes, pageBytes + bytes);
  }

  #prepare(): Promise<Segment | null> {
    const prepared = this.#options.files.prepare(this.#segment.id + 1);
    prepared.catch(this.#options.onFailure);
    return prepared;
  }
}
