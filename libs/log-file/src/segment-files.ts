import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import type { FileIo, FileNumber } from './file-io.ts';
import { LogFileError, systemError } from './log-file-error.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type LogIdentity,
  pageBytes,
  saltBytes,
  segmentFileName,
  type SegmentHeader,
  segmentIdOf,
} from './segment-header.ts';

/** An open segment file. */
export interface Segment extends SegmentHeader {
  readonly path: string;
  readonly file: FileNumber;
  /** The file's length. One batch that is larger than that makes its file longer. */
  capacityBytes: number;
}

export interface SegmentFilesOptions {
  readonly io: FileIo;
  readonly directory: string;
  readonly identity: LogIdentity;
  readonly segmentBytes: number;
}

// A file becomes a segment by its name, and has these until its head is on disk.
const freshName = 'fresh';
const spareName = 'spare';

/** How much of a new segment is written and synced at a time: so no sync of a batch waits behind 64 MiB of zeros. */
const fillBytes = 2 ** 20;

/** The files of a log: makes segments ahead of their use, and keeps one that is done with for the next. */
export class SegmentFiles {
  readonly #options: SegmentFilesOptions;
  /** `taken`: the name is in use by a segment that is being prepared from it. */
  #spare: 'none' | 'there' | 'taken' = 'none';
  #stopped = false;

  constructor(options: SegmentFilesOptions) {
    this.#options = options;
  }

  /** Opens the segments that are there, in order. Refuses a gap, damage, and what belongs to somebody else. */
  async openAll(): Promise<Segment[]> {
    const { io, directory } = this.#options;
    const names = (await io.list(directory)) ?? [];
    const ids = names.map(segmentIdOf).filter((id) => id !== null);
    ids.sort((a, b) => a - b);
    const segments: Segment[] = [];
    try {
      for (const id of ids) {
        const before = segments.at(-1);
        if (before !== undefined && before.id !== id - 1) {
          const what = `the segments ${segmentFileName(before.id)} and ${segmentFileName(id)} are there, and none between them`;
          throw new LogFileError('log-damaged', directory, what);
        }
        segments.push(await this.#open(id));
      }
      if (names.includes(freshName)) await io.remove(join(directory, freshName));
      if (names.includes(spareName) && (await this.#isUsableSpare())) this.#spare = 'there';
    } catch (error) {
      for (const { file } of segments) await io.close(file);
      throw error;
    }
    return segments;
  }

  async #open(id: number): Promise<Segment> {
    const { io, directory, identity } = this.#options;
    const path = join(directory, segmentFileName(id));
    const file = await io.open(path, 'existing');
    try {
      const head = new Uint8Array(pageBytes);
      const length = await io.read(file, head, 0);
      const header = decodeSegmentHeader(head.subarray(0, length), path, identity);
      if (header.id !== id) throw new LogFileError('log-damaged', path, `the file holds segment ${header.id}`);
      return { ...header, path, file, capacityBytes: await io.sizeOf(file) };
    } catch (error) {
      await io.close(file);
      throw error;
    }
  }

  /**
   * Makes a segment that waits for its first batch: all of its pages written, its head, then its name on disk. Takes the
   * spare file if there is one, whose old bytes the new salt makes void. Null when {@link stop} came meanwhile.
   */
  async prepare(id: number): Promise<Segment | null> {
    const { io, directory, identity, segmentBytes } = this.#options;
    const path = join(directory, segmentFileName(id));
    const spare = this.#spare === 'there';
    if (spare) this.#spare = 'taken';
    const temporary = join(directory, spare ? spareName : freshName);
    let file: FileNumber | null = null;
    try {
      file = await io.open(temporary, spare ? 'existing' : 'create');
      if (!spare) await this.#fill(file);
      if (!this.#stopped) {
        const header: SegmentHeader = { id, salt: randomBytes(saltBytes) };
        await io.write(file, encodeSegmentHeader(header, identity), 0);
        await io.datasync(file);
        await io.rename(temporary, path);
        if (spare) this.#spare = 'none';
        await io.syncDirectory(directory);
        return { ...header, path, file, capacityBytes: segmentBytes };
      }
    } catch (error) {
      if (file !== null) await io.close(file).catch(() => undefined);
      throw systemError(`making room for ${segmentBytes} bytes of log`, path, error);
    }
    await io.close(file);
    return null;
  }

  async #fill(file: FileNumber): Promise<void> {
    const { io, segmentBytes } = this.#options;
    const zeros = new Uint8Array(Math.min(fillBytes, segmentBytes));
    for (let at = 0; at < segmentBytes && !this.#stopped; at += zeros.length) {
      await io.write(file, zeros.subarray(0, Math.min(zeros.length, segmentBytes - at)), at);
      await io.datasync(file);
    }
  }

  /**
   * Closes a segment that holds nothing any more, and gives its file away. Durable when it resolves: called for the oldest
   * first, one after the other, it can leave no gap.
   */
  async retire(segment: Segment): Promise<void> {
    const { io, directory, segmentBytes } = this.#options;
    try {
      await io.close(segment.file);
      const reuse = this.#spare === 'none' && segment.capacityBytes === segmentBytes;
      if (reuse) await io.rename(segment.path, join(directory, spareName));
      else await io.remove(segment.path);
      // Before the file is used for anything else: under its old name it must hold what it held.
      await io.syncDirectory(directory);
      if (reuse) this.#spare = 'there';
    } catch (error) {
      throw systemError('removing a segment', segment.path, error);
    }
  }

  /** Makes a {@link prepare} that runs end soon. */
  stop(): void {
    this.#stopped = true;
  }

  async #isUsableSpare(): Promise<boolean> {
    const { io, directory, segmentBytes } = this.#options;
    const path = join(directory, spareName);
    const file = await io.open(path, 'existing');
    const size = await io.sizeOf(file);
    await io.close(file);
    if (size !== segmentBytes) await io.remove(path);
    return size === segmentBytes;
  }
}
