import { crc32 } from 'node:zlib';
import type { Entry, EntryKind, HardState, Index, MemberId, Term } from '@env-cli/raft';
import { assert, unreachable } from '@env-cli/support';

import { pageBytes, saltBytes, type SegmentHeader } from './segment-header.ts';

/** A place in the log: a byte of a segment. */
export interface Position {
  readonly segment: number;
  readonly offset: number;
}

/** Whether `a` stands before `b`. */
export function isBefore(a: Position, b: Position): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);
}

/** The index and term of an entry. */
export interface EntryId {
  readonly index: Index;
  readonly term: Term;
}

/**
 * What one fdatasync covers: a change of the log that is there as a whole or not at all.
 *
 * Term and vote stand in every batch, so that they stand at the head of every segment too.
 */
export interface Batch {
  /** Ascends by 1 over all segments. */
  readonly sequence: number;
  /** Up to where the log was durable when this was written: damage before it is rot, and not a write that was cut short. */
  readonly durableUpTo: Position;
  /** The checksum of the batch before, in whatever segment: the chain. */
  readonly previousCrc: number;
  /** `reset`: the log forgets all entries and begins behind `previous`. `closing`: the member stopped in order. */
  readonly purpose: 'append' | 'reset' | 'closing';
  readonly hardState: HardState;
  /** The entry that `entries` follow: what the log held behind it is replaced. The log's last one when there are none. */
  readonly previous: EntryId;
  readonly entries: readonly Entry[];
}

// The layout, numbers big-endian. The checksum covers all from `segmentAt` to the end of the padding.
const magic = 0x45564c42; // EVLB
const crcAt = 4;
const segmentAt = 8;
const saltAt = 16;
const sequenceAt = 24;
const durableSegmentAt = 32;
const durableOffsetAt = 40;
const previousCrcAt = 48;
const payloadBytesAt = 52;
const purposeAt = 56;
const votedForAt = 60;
const termAt = 64;
const previousIndexAt = 72;
const previousTermAt = 80;
const countAt = 88;
/** Where entries begin: each a term (8 bytes), a kind (1), a length (4), its data. */
export const entriesAt = 96;
export const entryHeadBytes = 13;

const purposes = ['append', 'reset', 'closing'] as const;

/** The bytes that a batch of these entries takes, padded to whole pages. */
export function batchBytes(entries: readonly Entry[]): number {
  let bytes = entriesAt;
  for (const entry of entries) bytes += entryHeadBytes + entry.data.length;
  return wholePages(bytes);
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / pageBytes) * pageBytes;
}

/** Writes a batch to the start of `into`, which has room for it. Answers its length, whole pages, and its checksum. */
export function encodeBatch(
  batch: Batch,
  segment: SegmentHeader,
  into: Uint8Array,
): { readonly bytes: number; readonly crc: number } {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  view.setUint32(0, magic);
  setInteger(view, segmentAt, segment.id);
  into.set(segment.salt, saltAt);
  setInteger(view, sequenceAt, batch.sequence);
  setInteger(view, durableSegmentAt, batch.durableUpTo.segment);
  setInteger(view, durableOffsetAt, batch.durableUpTo.offset);
  view.setUint32(previousCrcAt, batch.previousCrc);
  view.setUint32(purposeAt, purposes.indexOf(batch.purpose));
  view.setUint32(votedForAt, batch.hardState.votedFor ?? 0);
  setInteger(view, termAt, batch.hardState.term);
  setInteger(view, previousIndexAt, batch.previous.index);
  setInteger(view, previousTermAt, batch.previous.term);
  view.setUint32(countAt, batch.entries.length);
  view.setUint32(countAt + 4, 0);
  let at = entriesAt;
  for (const { term, kind, data } of batch.entries) {
    setInteger(view, at, term);
    view.setUint8(at + 8, byteOfKind(kind));
    view.setUint32(at + 9, data.length);
    into.set(data, at + entryHeadBytes);
    at += entryHeadBytes + data.length;
  }
  view.setUint32(payloadBytesAt, at - entriesAt);
  const end = wholePages(at);
  into.fill(0, at, end);
  const crc = crc32(into.subarray(segmentAt, end));
  view.setUint32(crcAt, crc);
  return { bytes: end, crc };
}

/** A batch that was found in a segment, and is whole. */
export interface FoundBatch {
  readonly batch: Batch;
  /** Its length in the file, whole pages. */
  readonly bytes: number;
  readonly crc: number;
}

/**
 * The batch of this very segment that begins at `at`, or null when there is none or it is not whole.
 *
 * A batch that is whole by its checksum and has a layout that we do not write is a bug, not damage: that throws. The data of
 * the entries are views on `bytes`.
 */
export function decodeBatch(bytes: Uint8Array, at: number, segment: SegmentHeader): FoundBatch | null {
  const length = claimedBytes(bytes, at, segment);
  if (length === null || at + length > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
  const crc = crc32(bytes.subarray(at + segmentAt, at + length));
  if (view.getUint32(crcAt) !== crc) return null;
  const purpose = purposes[view.getUint32(purposeAt)];
  assert(purpose !== undefined, 'a batch has a purpose that this format knows');
  const votedFor = view.getUint32(votedForAt);
  const previous = { index: getInteger(view, previousIndexAt) as Index, term: getInteger(view, previousTermAt) as Term };
  const data = bytes.subarray(at, at + length);
  const batch: Batch = {
    sequence: getInteger(view, sequenceAt),
    durableUpTo: { segment: getInteger(view, durableSegmentAt), offset: getInteger(view, durableOffsetAt) },
    previousCrc: view.getUint32(previousCrcAt),
    purpose,
    hardState: { term: getInteger(view, termAt) as Term, votedFor: votedFor === 0 ? null : (votedFor as MemberId) },
    previous,
    entries: decodeEntries(data, view, previous.index + 1),
  };
  return { batch, bytes: length, crc };
}

/** The length that a batch of this segment says it has at `at`, or null when none begins there. */
export function claimedBytes(bytes: Uint8Array, at: number, segment: SegmentHeader): number | null {
  if (at + entriesAt > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, entriesAt);
  if (view.getUint32(0) !== magic || getInteger(view, segmentAt) !== segment.id) return null;
  for (let i = 0; i < saltBytes; i++) if (bytes[at + saltAt + i] !== segment.salt[i]) return null;
  return wholePages(entriesAt + view.getUint32(payloadBytesAt));
}

function decodeEntries(bytes: Uint8Array, view: DataView, firstIndex: number): Entry[] {
  const entries: Entry[] = [];
  const count = view.getUint32(countAt);
  const end = entriesAt + view.getUint32(payloadBytesAt);
  let at = entriesAt;
  for (let i = 0; i < count; i++) {
    const dataAt = at + entryHeadBytes;
    assert(dataAt <= end, 'the entries of a batch lie within it');
    const term = getInteger(view, at) as Term;
    const kind = kindOfByte(view.getUint8(at + 8));
    at = dataAt + view.getUint32(at + 9);
    assert(at <= end, 'the entries of a batch lie within it');
    entries.push({ index: (firstIndex + i) as Index, term, kind, data: bytes.subarray(dataAt, at) });
  }
  assert(at === end, 'a batch holds its entries and nothing else');
  return entries;
}

function byteOfKind(kind: EntryKind): number {
  switch (kind) {
    case 'noop':
      return 0;
    case 'command':
      return 1;
    case 'configuration':
      return 2;
    default:
      return unreachable(kind);
  }
}

function kindOfByte(byte: number): EntryKind {
  const kind = (['noop', 'command', 'configuration'] as const)[byte];
  assert(kind !== undefined, 'an entry has a kind that this format knows');
  return kind;
}

// Two halves and not a bigint, which would be an allocation for each number of each entry.
function setInteger(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  view.setUint32(at + 4, value >>> 0);
}

function getInteger(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}
