import type { Entry, Index, Term } from '@env-cli/raft';
import type { LogContents, LogStore, LogWrite } from '@env-cli/replica';
import { assert } from '@env-cli/support';

import { entryHeadBytes } from './batch.ts';
import { BatchMap } from './batch-map.ts';
import { BatchWriter, type WrittenBatch } from './batch-writer.ts';
import { readEntries } from './entry-reader.ts';
import { type FileIo, nodeFiles } from './file-io.ts';
import { LogFileError } from './log-file-error.ts';
import { openLog, type OpenedLog } from './opening.ts';
import { joinRequests, type Joined, type Request } from './request.ts';
import type { Segment, SegmentFiles } from './segment-files.ts';
import type { LogIdentity } from './segment-header.ts';
import { Terms } from './terms.ts';

export interface LogFileOptions {
  /**
   * The length of a segment file, which is written with zeros before it is used. Whole pages of 4,096 bytes, two at least.
   *
   * Two such files are there at least. A sync into a file that is there costs a third less than into one that grows.
   *
   * Defaults to 64 MiB, as etcd has it.
   */
  readonly segmentBytes?: number;
  /**
   * The most that waiting writes are joined to before they go out with one sync. One write that is larger goes alone.
   *
   * Defaults to 1 MiB.
   */
  readonly batchBytesMax?: number;
  /** Called after each sync: how long write and sync took, and of how many bytes. Defaults to nothing. */
  readonly onSync?: (milliseconds: number, bytes: number) => void;
}

export interface LogFileOpening {
  /** Where the segments are, and nothing else is. Made if it is not there and a log may be made. */
  readonly directory: string;
  readonly identity: LogIdentity;
  /** Called once, when the disk fails or is full: the member stops. Nothing is acknowledged afterwards. */
  readonly onFailure: (failure: LogFileError) => void;
  /** Whether a log may be made where there is none. False for whoever has ever been a member: its votes would be forgotten. */
  readonly createIfEmpty: boolean;
  readonly options?: LogFileOptions;
  /** Defaults to Node's file system. */
  readonly io?: FileIo;
}

const segmentBytesDefault = 64 * 2 ** 20;
const batchBytesMaxDefault = 2 ** 20;

/** The most that one read takes from the file, unless a single batch is larger. */
const readBytesMax = 4 * 2 ** 20;

interface ReadRequest {
  /** How many requests must be on disk before it: those that were made before it. */
  readonly after: number;
  readonly from: number;
  readonly to: number;
  readonly maxBytes: number;
  readonly done: (entries: Entry[]) => void;
}

/**
 * The log in files: segments that are made ahead, and batches that one fdatasync each covers (docs/ARCHITECTURE.md, "The log").
 *
 * What is asked for while a sync runs goes out with the next: one write and one sync for all of it. Files only grow at
 * their end: a write that replaces entries follows them, and counts instead.
 */
export class LogFile implements LogStore {
  readonly contents: LogContents;
  readonly #io: FileIo;
  readonly #files: SegmentFiles;
  readonly #writer: BatchWriter;
  readonly #batchBytesMax: number;
  readonly #onFailure: (failure: LogFileError) => void;
  #failed = false;
  #closed = false;

  // As of the last request.
  #terms: Terms;
  #requests: Request[] = [];
  #requestsMade = 0;
  #requestsDone = 0;
  #storing: Promise<void> | null = null;

  // As of the last batch on disk.
  #map: BatchMap;
  readonly #segments: Segment[];
  #releasedTo = 0;

  readonly #reads: ReadRequest[] = [];
  readonly #retired: Segment[] = [];
  #tending: Promise<void> | null = null;

  private constructor(opening: LogFileOpening, io: FileIo, opened: OpenedLog) {
    const { terms, map, hardState, last } = opened.recovered;
    const { previous, last: end, runs, configurations } = terms;
    this.contents = {
      hardState,
      previous,
      lastIndex: end.index,
      termRuns: [...runs],
      configurations: [...configurations],
    };
    this.#io = io;
    this.#files = opened.files;
    this.#batchBytesMax = opening.options?.batchBytesMax ?? batchBytesMaxDefault;
    this.#onFailure = opening.onFailure;
    this.#terms = terms;
    this.#map = map;
    this.#segments = opened.segments;
    this.#writer = new BatchWriter({
      io,
      files: opened.files,
      hardState,
      last: { ...last, bytes: last.bytes.length },
      next: opened.next,
      onSync: opening.options?.onSync ?? (() => undefined),
      onFailure: (error) => this.#fail(error),
    });
  }

  /**
   * Opens the log of a directory, or makes an empty one.
   *
   * A write that a crash cut short is left out: it was never acknowledged. Rejects with {@link LogFileError} when there is no
   * log and none may be made, and when it belongs to somebody else, has an unknown format or is damaged.
   */
  static async open(opening: LogFileOpening): Promise<LogFile> {
    const io = opening.io ?? nodeFiles;
    const segmentBytes = opening.options?.segmentBytes ?? segmentBytesDefault;
    return new LogFile(opening, io, await openLog({ ...opening, io, segmentBytes }));
  }

  /** Bytes of the files that hold entries, room that was made ahead in them included. */
  get bytes(): number {
    let bytes = 0;
    for (const { capacityBytes } of this.#segments) bytes += capacityBytes;
    return bytes;
  }

  append(write: LogWrite, durable: () => void): void {
    const { hardState, entries } = write;
    const first = entries[0];
    const previous = first === undefined ? this.#terms.last : this.#terms.at(first.index - 1);
    let bytes = 0;
    if (first !== undefined) {
      this.#terms.replaceBehind(previous, entries);
      for (const { data } of entries) bytes += entryHeadBytes + data.length;
    }
    this.#request({ purpose: 'append', hardState, previous, entries, bytes, done: durable });
  }

  reset(index: Index, term: Term, done: () => void): void {
    const previous = { index, term };
    this.#terms = new Terms(previous);
    this.#request({ purpose: 'reset', hardState: null, previous, entries: [], bytes: 0, done });
  }

  read(from: Index, to: Index, maxBytes: number, done: (entries: Entry[]) => void): void {
    assert(!this.#closed, 'a closed log is not used');
    if (this.#failed) return;
    this.#reads.push({ after: this.#requestsMade, from, to, maxBytes, done });
    this.#tend();
  }

  release(upTo: Index): void {
    assert(!this.#closed, 'a closed log is not used');
    this.#releasedTo = Math.max(this.#releasedTo, upTo);
    this.#retireReleased();
  }

  async close(): Promise<void> {
    assert(!this.#closed, 'a log is closed once');
    if (this.#storing !== null || !this.#writer.closed) {
      // It vouches for what was written last: damage to that is then told from a write that was cut short.
      this.#request({
        purpose: 'closing',
        hardState: null,
        previous: this.#terms.last,
        entries: [],
        bytes: 0,
        done: () => undefined,
      });
    }
    this.#closed = true;
    await this.#storing;
    while (this.#tending !== null) await this.#tending;
    await this.#writer.close();
    // The writer's own is not among the others when the first batch in it failed.
    const open = new Set([...this.#segments, ...this.#retired, this.#writer.segment]);
    for (const { file } of open) await this.#io.close(file).catch(() => undefined);
  }

  #request(request: Request): void {
    assert(!this.#closed, 'a closed log is not used');
    if (this.#failed) return;
    this.#requests.push(request);
    this.#requestsMade++;
    this.#storing ??= this.#store();
  }

  async #store(): Promise<void> {
    // In a later microtask: so what is asked for in one turn goes out together.
    await Promise.resolve();
    while (this.#requests.length > 0) {
      const joined = joinRequests(this.#requests, this.#batchBytesMax);
      const requests = this.#requests.splice(0, joined.count);
      let written: WrittenBatch;
      try {
        written = await this.#writer.write(joined);
      } catch (error) {
        this.#fail(error);
        break;
      }
      // It may have failed elsewhere while this was written; nothing is acknowledged then.
      if (this.#failed) break;
      this.#settle(joined, written);
      for (const { done } of requests) done();
      this.#tend();
    }
    this.#storing = null;
  }

  #settle({ purpose, previous, entries, count }: Joined, written: WrittenBatch): void {
    const { segment } = this.#writer;
    if (purpose === 'reset') {
      this.#retired.push(...this.#segments.splice(0));
      this.#map = new BatchMap();
    }
    if (this.#segments.at(-1) !== segment) this.#segments.push(segment);
    if (entries.length > 0) {
      this.#map.add({ ...written, firstIndex: previous.index + 1, endIndex: previous.index + 1 + entries.length });
    }
    this.#requestsDone += count;
    this.#retireReleased();
  }

  #retireReleased(): void {
    while (this.#segments.length > 1) {
      const oldest = this.#segments[0]!;
      const last = this.#map.lastIndexUpTo(oldest.id);
      if (last > this.#releasedTo) break;
      this.#segments.shift();
      this.#map.dropUpTo(oldest.id);
      if (last > this.#terms.previous.index) this.#terms.release(last as Index);
      this.#retired.push(oldest);
    }
    this.#tend();
  }

  /** Reads, and gives segments away, one after the other: so no file is closed while it is read. */
  #tend(): void {
    const due = this.#retired.length > 0 || (this.#reads[0]?.after ?? Infinity) <= this.#requestsDone;
    if (due && !this.#failed) this.#tending ??= this.#tendAll();
  }

  async #tendAll(): Promise<void> {
    await Promise.resolve();
    try {
      while (!this.#failed) {
        const segment = this.#retired[0];
        const read = this.#reads[0];
        if (segment !== undefined) {
          this.#retired.shift();
          await this.#files.retire(segment);
        } else if (read !== undefined && read.after <= this.#requestsDone) {
          this.#reads.shift();
          const entries = await this.#entriesOf(read);
          if (!this.#failed) read.done(entries);
        } else break;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#tending = null;
  }

  async #entriesOf(range: ReadRequest): Promise<Entry[]> {
    const places = this.#map.from(range.from, Math.min(range.maxBytes, readBytesMax));
    const first = places[0];
    if (first === undefined || range.from >= range.to) return [];
    const segment = this.#segments.find(({ id }) => id === first.segment);
    assert(segment !== undefined, 'the segment of an entry that is held is open');
    return readEntries(this.#io, segment, places, range);
  }

  /** The member stops. An error that is not the disk's is a bug of ours, and goes on as one. */
  #fail(error: unknown): void {
    if (!(error instanceof LogFileError)) throw error;
    if (this.#failed) return;
    this.#failed = true;
    this.#requests = [];
    this.#onFailure(error);
  }
}
