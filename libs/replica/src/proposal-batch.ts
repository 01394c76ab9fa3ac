import { assert } from '@env-cli/support';

/**
 * Commands that go together, flat: five arrays that cross a thread without a copy. All but `bytes` have one element a command.
 */
export interface ProposalBatch {
  /** The number by which the origin waits for the result (`RequestId.counter`). */
  readonly counters: Float64Array;
  /** When it is no longer to be proposed, by the monotonic clock of whoever holds the batch. */
  readonly deadlinesMs: Float64Array;
  /** Rows of work that the command may cost, so that an entry is not overfilled (`entryLimits.commandRowsMax`). */
  readonly rows: Uint32Array;
  /** Where each command ends in `bytes`; it begins where the one before ends. */
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

/** How many commands a batch holds. */
export function sizeOf(batch: ProposalBatch): number {
  return batch.counters.length;
}

/** The encoded command at a place, as a view. */
export function commandAt(batch: ProposalBatch, place: number): Uint8Array {
  return batch.bytes.subarray(startOf(batch, place), batch.ends[place]);
}

/** The bytes of the command at a place. */
export function commandBytesAt(batch: ProposalBatch, place: number): number {
  return batch.ends[place]! - startOf(batch, place);
}

/** The batch without the commands before `place`, as views. */
export function tailOf(batch: ProposalBatch, place: number): ProposalBatch {
  if (place === 0) return batch;
  const start = startOf(batch, place);
  return {
    counters: batch.counters.subarray(place),
    deadlinesMs: batch.deadlinesMs.subarray(place),
    rows: batch.rows.subarray(place),
    ends: batch.ends.subarray(place).map((end) => end - start),
    bytes: batch.bytes.subarray(start),
  };
}

function startOf(batch: ProposalBatch, place: number): number {
  return place === 0 ? 0 : batch.ends[place - 1]!;
}

/** Asserts that the arrays of a batch fit together. Whoever takes one from outside the process has checked it before. */
export function assertBatch(batch: ProposalBatch): void {
  const { counters, deadlinesMs, rows, ends, bytes } = batch;
  const size = counters.length;
  assert(
    deadlinesMs.length === size && rows.length === size && ends.length === size,
    'a batch has one deadline, cost and end a command',
  );
  assert(
    size === 0 ? bytes.length === 0 : ends[size - 1] === bytes.length,
    'the last command of a batch ends where its bytes end',
  );
}
