import { assert, ByteReader, type ByteWriter } from '@env-cli/support';

import type { Revision } from './revision.ts';

const format = 2;

/**
 * Revisions that nobody may read, both ends excluded: a restore leaves them between the newest revision of the backup and the one
 * that the restored cluster begins with. The cluster that the backup was taken of may have given them to other changes.
 */
export interface RevisionGap {
  readonly below: Revision;
  readonly above: Revision;
}

/** The most gaps that a state keeps. A restore that would leave more forgets the history behind the oldest. */
export const revisionGapsMax = 64;

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
  /** What the rows of the state take, as `state-size.ts` counts it. {@link sizeUnknown} in a row of format 1, until apply has counted. */
  stateBytes: number;
  /** The chain over all entries, two lanes of 32 bits. */
  chainLow: number;
  chainHigh: number;
  /** In their order; none overlaps another. At most {@link revisionGapsMax}. */
  gaps: readonly RevisionGap[];
}

/** The size of a state whose version did not keep it. */
export const sizeUnknown = -1;

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
    stateBytes: 0,
    chainLow: 0,
    chainHigh: 0,
    gaps: [],
  };
}

/** Moves both clocks by an entry. */
export function passTime(progress: Progress, stampMs: number, deltaMs: number): void {
  progress.peopleTimeMs = Math.max(progress.peopleTimeMs, stampMs);
  progress.clusterTimeMs += Math.min(deltaMs, deltaMsMax);
}

export function encodeProgress(writer: ByteWriter, progress: Progress): Uint8Array {
  assert(progress.floor <= progress.revision, 'the floor is at most the newest revision');
  assert(progress.gaps.length <= revisionGapsMax, 'a state keeps few gaps');
  assert(progress.stateBytes >= 0, 'a state is written with its size');
  writer
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
    .varint(progress.stateBytes)
    .u32(progress.chainLow >>> 0)
    .u32(progress.chainHigh >>> 0);
  // A state that was never restored ends here.
  for (const { below, above } of progress.gaps) writer.varint(below).varint(above);
  return writer.take();
}

export function decodeProgress(bytes: Uint8Array): Progress {
  const reader = new ByteReader(bytes);
  const found = reader.u8();
  assert(found === 1 || found === format, 'the progress of the state is of a format that this version knows');
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
    stateBytes: found === 1 ? sizeUnknown : reader.varint(),
    chainLow: reader.u32() | 0,
    chainHigh: reader.u32() | 0,
    gaps: reader.remaining === 0 ? noGaps : readGaps(reader),
  };
  reader.end();
  return progress;
}

const noGaps: readonly RevisionGap[] = [];

function readGaps(reader: ByteReader): RevisionGap[] {
  const gaps: RevisionGap[] = [];
  while (reader.remaining > 0) gaps.push({ below: reader.varint() as Revision, above: reader.varint() as Revision });
  return gaps;
}
