import type { Index, Term } from '@env-cli/raft';
import { assert } from '@env-cli/support';

import { type Batch, encodeBatch } from './batch.ts';
import type { FileIo } from './file-io.ts';
import { LogFileError, systemError } from './log-file-error.ts';
import { recover, type Recovered } from './recovery.ts';
import { type Segment, SegmentFiles, type SegmentFilesOptions } from './segment-files.ts';
import { pageBytes } from './segment-header.ts';

/** A log that is read, and on disk as it was read. */
export interface OpenedLog {
  readonly recovered: Recovered;
  readonly files: SegmentFiles;
  /** The segments with batches, in order. */
  readonly segments: Segment[];
  /** The segment behind them that was made ahead. */
  readonly next: Segment | null;
}

export interface OpeningOptions extends SegmentFilesOptions {
  readonly createIfEmpty: boolean;
}

/** Opens the segments of a directory, or makes the first. Rejects with a `LogFileError`. */
export async function openLog(options: OpeningOptions): Promise<OpenedLog> {
  const { io, directory, identity, segmentBytes } = options;
  assert(segmentBytes % pageBytes === 0 && segmentBytes >= 2 * pageBytes, 'a segment has whole pages, two at least');
  assert(identity.clusterId.length === 16 && identity.diskId.length === 16, 'ids of clusters and disks have 16 bytes');
  const open: Segment[] = [];
  try {
    return await openSegments(options, open);
  } catch (error) {
    for (const { file } of open) await io.close(file).catch(() => undefined);
    throw systemError('opening the log', directory, error);
  }
}

/** Puts each segment that it opens into `open`. */
async function openSegments(options: OpeningOptions, open: Segment[]): Promise<OpenedLog> {
  const { io, directory } = options;
  const files = new SegmentFiles(options);
  open.push(...(await files.openAll()));
  const recovered = (await recover(io, open)) ?? (await makeLog(files, options, open));
  await makeSure(io, directory, recovered);
  const used = open.indexOf(recovered.last.segment) + 1;
  return { recovered, files, segments: open.slice(0, used), next: open[used] ?? null };
}

/**
 * What was read may be in the kernel's memory alone: a process that was killed had written it and not synced it, or its sync
 * had failed, after which the kernel takes the pages for clean. So the last batch is written once more; all before it is
 * vouched for.
 */
async function makeSure(io: FileIo, directory: string, { last }: Recovered): Promise<void> {
  await io.write(last.segment.file, last.bytes, last.offset);
  await io.datasync(last.segment.file);
  await io.syncDirectory(directory);
}

async function makeLog(files: SegmentFiles, options: OpeningOptions, open: Segment[]): Promise<Recovered> {
  const { io, directory, createIfEmpty } = options;
  if (!createIfEmpty) {
    throw new LogFileError('log-missing', directory, 'there is no log here, but this member has had one: its votes are in it');
  }
  if (open.length === 0) {
    await io.makeDirectory(directory);
    const made = await files.prepare(1);
    assert(made !== null, 'making the first segment is not stopped');
    open.push(made);
  }
  const segment = open[0]!;
  const first: Batch = {
    sequence: 1,
    durableUpTo: { segment: segment.id, offset: pageBytes },
    previousCrc: 0,
    purpose: 'append',
    hardState: { term: 0 as Term, votedFor: null },
    previous: { index: 0 as Index, term: 0 as Term },
    entries: [],
  };
  const page = new Uint8Array(pageBytes);
  encodeBatch(first, segment, page);
  await io.write(segment.file, page, pageBytes);
  await io.datasync(segment.file);
  const recovered = await recover(io, open);
  assert(recovered !== null, 'the batch that was just written is read');
  return recovered;
}
