import { assert, ByteReader, type ByteWriter } from '@env-cli/support';

import type { Revision } from './revision.ts';

const format = 1;

/** The most that one entry's delta adds to the cluster's time: a longer silence does not make sessions expire. */
export const deltaMsMax = 5000;

/**
 * How far the state machine has come: the row `progress` of `meta`. It is the same on all members that applied as much.
 *
 * Two clocks: `peopleTimeMs` is what people see, the greatest stamp of any entry so far, and may jump; `clusterTimeMs`, by
 * which sessions expire, is the sum of the leaders' monotonic deltas.
 */
export interface Progress {
  appliedIndex: number;
  appliedTerm: number;
  revision: Revision;
  /** The oldest revision that can be read. */
  floor: Revision;
  /** Changes up to here are deleted from the tables. */
  sweptRevision: Revision;
  peopleTimeMs: number;
  clusterTimeMs: number;
  sessionCount: number;
  /** The cluster time from which the next look at sessions that may have expired is due, and the key behind which it begins. */
  sessionSweepDueMs: number;
  sessionSweepAfter: Uint8Array;
  /** The number that was given to the last mirror. Never given again. */
  mirrorIdLast: number;
  /** Rises with each change of a row of `mirrors`: who caches them compares it. */
  mirrorsVersion: number;
  /** The chain over all entries, two lanes of 32 bits. */
  chainLow: number;
  chainHigh: number;
}

/** Before the first entry. */
export function initialProgress(): Progress {
  return {
    appliedIndex: 0,
    appliedTerm: 0,
    revision: 0 as Revision,
    floor: 0 as Revision,
    sweptRevision: 0 as Revision,
    peopleTimeMs: 0,
    clusterTimeMs: 0,
    sessionCount: 0,
    sessionSweepDueMs: 0,
    sessionSweepAfter: new Uint8Array(0),
    mirrorIdLast: 0,
    mirrorsVersion: 0,
    chainLow: 0,
    chainHigh: 0,
  };
}

/** Moves both clocks by an entry. */
export function passTime(progress: Progress, stampMs: number, deltaMs: number): void {
  progress.peopleTimeMs = Math.max(progress.peopleTimeMs, stampMs);
  progress.clusterTimeMs += Math.min(deltaMs, deltaMsMax);
}

export function encodeProgress(writer: ByteWriter, progress: Progress): Uint8Array {
  assert(progress.floor <= progress.revision, 'the floor is at most the newest revision');
  return writer
    .u8(format)
    .varint(progress.appliedIndex)
    .varint(progress.appliedTerm)
    .varint(progress.revision)
    .varint(progress.floor)
    .varint(progress.sweptRevision)
    .varint(progress.peopleTimeMs)
    .varint(progress.clusterTimeMs)
    .varint(progress.sessionCount)
    .varint(progress.sessionSweepDueMs)
    .bytes(progress.sessionSweepAfter)
    .varint(progress.mirrorIdLast)
    .varint(progress.mirrorsVersion)
    .u32(progress.chainLow >>> 0)
    .u32(progress.chainHigh >>> 0)
    .take();
}

export function decodeProgress(bytes: Uint8Array): Progress {
  const reader = new ByteReader(bytes);
  assert(reader.u8() === format, 'the progress of the state is of a format that this version knows');
  const progress = {
    appliedIndex: reader.varint(),
    appliedTerm: reader.varint(),
    revision: reader.varint() as Revision,
    floor: reader.varint() as Revision,
    sweptRevision: reader.varint() as Revision,
    peopleTimeMs: reader.varint(),
    clusterTimeMs: reader.varint(),
    sessionCount: reader.varint(),
    sessionSweepDueMs: reader.varint(),
    sessionSweepAfter: reader.bytes(),
    mirrorIdLast: reader.varint(),
    mirrorsVersion: reader.varint(),
    chainLow: reader.u32() | 0,
    chainHigh: reader.u32() | 0,
  };
  reader.end();
  return progress;
}
