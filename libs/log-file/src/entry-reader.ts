import type { Entry } from '@env-cli/raft';

import { decodeBatch } from './batch.ts';
import type { Place } from './batch-map.ts';
import type { FileIo } from './file-io.ts';
import { LogFileError, systemError } from './log-file-error.ts';
import type { Segment } from './segment-files.ts';

/** Which entries are wanted: from `from` (inclusive) to `to` (exclusive), at most `maxBytes` of data but at least one. */
export interface EntryRange {
  readonly from: number;
  readonly to: number;
  readonly maxBytes: number;
}

/**
 * Reads entries from consecutive batches of one segment with one read, and checks what it read: a disk that has rotted since
 * the start must not send what nobody wrote to other members. The data are views on one buffer, that of this read.
 */
export async function readEntries(io: FileIo, segment: Segment, places: readonly Place[], range: EntryRange): Promise<Entry[]> {
  const begin = places[0]!.offset;
  const bytes = new Uint8Array(places.at(-1)!.offset + places.at(-1)!.bytes - begin);
  try {
    await io.read(segment.file, bytes, begin);
  } catch (error) {
    throw systemError('reading the log', segment.path, error);
  }
  const entries: Entry[] = [];
  let dataBytes = 0;
  for (const place of places) {
    const found = decodeBatch(bytes, place.offset - begin, segment);
    if (found === null) {
      throw new LogFileError(
        'log-damaged',
        segment.path,
        `what was written at byte ${place.offset} of this file is no longer what is read there`,
      );
    }
    for (const entry of found.batch.entries) {
      if (entry.index < range.from) continue;
      if (entry.index >= Math.min(range.to, place.endIndex)) break;
      dataBytes += entry.data.length;
      if (dataBytes > range.maxBytes && entries.length > 0) return entries;
      entries.push(entry);
    }
  }
  return entries;
}
