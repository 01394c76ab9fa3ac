import type { HardState } from '@env-cli/raft';

import { type Batch, decodeBatch, type FoundBatch, isBefore, type Position } from './batch.ts';
import { BatchMap } from './batch-map.ts';
import type { FileIo } from './file-io.ts';
import { LogFileError, systemError } from './log-file-error.ts';
import type { Segment } from './segment-files.ts';
import { pageBytes } from './segment-header.ts';
import { Terms } from './terms.ts';

/** A log as its segments tell it. */
export interface Recovered {
  readonly hardState: HardState;
  readonly terms: Terms;
  readonly map: BatchMap;
  readonly last: LastBatch;
}

/** The last batch: the only one of which nothing says that it reached the disk. */
export interface LastBatch {
  /** One behind it, if there is one, was made ahead and is not used yet. */
  readonly segment: Segment;
  readonly offset: number;
  /** The batch as it stands in the file. */
  readonly bytes: Uint8Array;
  readonly crc: number;
  readonly sequence: number;
  readonly purpose: Batch['purpose'];
}

/**
 * Reads the batches of segments in order, up to the first that is missing or not whole.
 *
 * The pages of one write reach the disk in any order, so such a place is where a write was cut short; unless something
 * later says that the log was durable beyond it: then what was durable is damaged, and the log is refused.
 *
 * Null when there is no batch and never was one: making the log was cut short.
 */
export async function recover(io: FileIo, segments: readonly Segment[]): Promise<Recovered | null> {
  const replay = new Replay();
  let buffer = new Uint8Array(0);
  for (const segment of segments) {
    if (buffer.length < segment.capacityBytes) buffer = new Uint8Array(segment.capacityBytes);
    replay.segment(segment, await readWhole(io, segment, buffer));
  }
  return replay.result;
}

async function readWhole(io: FileIo, segment: Segment, buffer: Uint8Array): Promise<Uint8Array> {
  try {
    return buffer.subarray(0, await io.read(segment.file, buffer.subarray(0, segment.capacityBytes), 0));
  } catch (error) {
    throw systemError('reading the log', segment.path, error);
  }
}

class Replay {
  #recovered: Recovered | null = null;
  #first = true;
  /** Where the chain ends so far, and in which file. */
  #end: Position = { segment: 0, offset: 0 };
  #endPath = '';

  /** Takes a further segment. The bytes are not used after the call. */
  segment(segment: Segment, bytes: Uint8Array): void {
    const lastId = this.#recovered?.last.segment.id;
    if (!this.#first && (lastId ?? 0) < segment.id - 1) {
      // A segment is made ahead only when the one before it has a batch on disk.
      throw this.#damaged(`segment ${segment.id} is there`);
    }
    let at = pageBytes;
    for (let found = this.#next(bytes, at, segment); found !== null; found = this.#next(bytes, at, segment)) {
      this.#take(found, segment, at, bytes.slice(at, at + found.bytes));
      at += found.bytes;
    }
    if (this.#first || at > pageBytes) {
      this.#end = { segment: segment.id, offset: at };
      this.#endPath = segment.path;
    }
    this.#first = false;
    this.#refuseIfPromised(bytes, at, segment);
  }

  get result(): Recovered | null {
    return this.#recovered;
  }

  /** The batch at `at`, if it is the next of the chain. What the first segment begins with is the chain's beginning. */
  #next(bytes: Uint8Array, at: number, segment: Segment): FoundBatch | null {
    const found = decodeBatch(bytes, at, segment);
    const last = this.#recovered?.last;
    if (found === null || (last === undefined && !this.#first)) return null;
    const { sequence, previousCrc } = found.batch;
    return last === undefined || (sequence === last.sequence + 1 && previousCrc === last.crc) ? found : null;
  }

  #take({ batch, crc, bytes }: FoundBatch, segment: Segment, offset: number, image: Uint8Array): void {
    const { hardState, previous, entries, purpose, sequence } = batch;
    const anew = this.#recovered === null || purpose === 'reset';
    const terms = anew ? new Terms(previous) : this.#recovered!.terms;
    const map = anew ? new BatchMap() : this.#recovered!.map;
    terms.replaceBehind(previous, entries);
    if (entries.length > 0) {
      map.add({ segment: segment.id, offset, bytes, firstIndex: previous.index + 1, endIndex: terms.last.index + 1 });
    }
    this.#recovered = { hardState, terms, map, last: { segment, offset, bytes: image, crc, sequence, purpose } };
  }

  /** Looks behind the end of the chain for a batch that was written when the log was durable beyond that end. */
  #refuseIfPromised(bytes: Uint8Array, from: number, segment: Segment): void {
    for (let at = from; at < bytes.length; at += pageBytes) {
      const found = decodeBatch(bytes, at, segment);
      if (found !== null && isBefore(this.#end, found.batch.durableUpTo)) {
        throw this.#damaged(`a batch at byte ${at} of segment ${segment.id} says that what stood there was on disk`);
      }
    }
  }

  #damaged(proof: string): LogFileError {
    const what = `the log breaks off at byte ${this.#end.offset} of this file, but ${proof}`;
    return new LogFileError('log-damaged', this.#endPath, what);
  }
}
