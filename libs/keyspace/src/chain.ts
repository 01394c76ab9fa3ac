import type { ByteReader, ByteWriter } from '@env-cli/support';

import type { ChangePosition } from './keys.ts';
import type { Revision } from './revision.ts';

/**
 * Where the changes of one name stand in the log of changes, as far as the next change needs to know.
 *
 * The changes of a name (of all its incarnations, until its tombstone is compacted) are a list with jump pointers
 * (E. W. Myers, "An applicative random-access stack", 1983): each change points to the one before and, further back, to
 * one more, so that any change is found in O(log n) steps. Which one is a matter of the change's depth alone: the depth is
 * written as a sum of numbers 2^k − 1, smallest first and only the smallest perhaps twice, as runs of changes; the pointer
 * leads from the head of a run to the head of the next. `heads` are the positions of these heads, newest first.
 */
export interface Chain {
  /** Changes of the name so far. */
  readonly depth: number;
  readonly heads: readonly ChangePosition[];
  /** The newest change from which a state can be rebuilt without reading any newer one. */
  readonly keyframe: ChangePosition;
  /** Changes behind the keyframe, and the bytes that they changed. */
  readonly changesSince: number;
  readonly bytesSince: number;
}

export const noPosition: ChangePosition = { revision: 0 as Revision, ordinal: 0 };

/** The chain of a name that has no change yet. */
export const emptyChain: Chain = { depth: 0, heads: [], keyframe: noPosition, changesSince: 0, bytesSince: 0 };

/** The heads of the runs once a change at `position` was added. The second of them is what that change's jump pointer names. */
function headsWith(chain: Chain, position: ChangePosition): readonly ChangePosition[] {
  const [first, second] = smallestRuns(chain.depth);
  // Two equal runs and the new change make one run of twice the length and one.
  return first !== 0 && first === second ? [position, ...chain.heads.slice(2)] : [position, ...chain.heads];
}

/** The lengths of the first two runs of a chain; 0 for a run that is not there. */
function smallestRuns(depth: number): readonly [number, number] {
  let rest = depth;
  let smallest = 0;
  let second = 0;
  while (rest > 0) {
    second = smallest;
    smallest = longestRunIn(rest);
    rest -= smallest;
  }
  return [smallest, second];
}

/** The greatest 2^k − 1 that is at most `changes` (1 … 2^31 − 1). */
function longestRunIn(changes: number): number {
  return 2 ** (31 - Math.clz32(changes + 1)) - 1;
}

/** Depth, number of heads, heads (the first revision, then the differences down to each next), keyframe, changes and bytes since. */
export function writeChain(writer: ByteWriter, chain: Chain): void {
  writer.varint(chain.depth).varint(chain.heads.length);
  let above = 0;
  for (const head of chain.heads) {
    writer.varint(above === 0 ? head.revision : above - head.revision).varint(head.ordinal);
    above = head.revision;
  }
  writer.varint(chain.keyframe.revision).varint(chain.keyframe.ordinal).varint(chain.changesSince).varint(chain.bytesSince);
}

/** Reads what {@link writeChain} wrote. */
export function readChain(reader: ByteReader): Chain {
  const depth = reader.varint();
  const heads: ChangePosition[] = [];
  let above = 0;
  for (let left = reader.varint(); left > 0; left--) {
    const difference = reader.varint();
    above = above === 0 ? difference : above - difference;
    heads.push({ revision: above as Revision, ordinal: reader.varint() });
  }
  return {
    depth,
    heads,
    keyframe: { revision: reader.varint() as Revision, ordinal: reader.varint() },
    changesSince: reader.varint(),
    bytesSince: reader.varint(),
  };
}

/** The most changes of a name between two keyframes: as many rows are read, beside O(log n), to rebuild any state. */
const keyframeChangesMax = 64;
/** Changed bytes that never ask for a keyframe, however small the environment is. */
const keyframeBytesFree = 4096;

/**
 * The chain with one more change at `position`, which changed `changedBytes`.
 *
 * `contentBytes` is the environment's size after an update, and null for a change that is a keyframe by nature: a creation
 * and a deletion say all of a state by themselves. A keyframe is due when what lies behind the last one is many rows or
 * outweighs the environment: so a state is rebuilt in bounded work, and keyframes at most double what the log takes.
 */
export function extendChain(chain: Chain, position: ChangePosition, changedBytes: number, contentBytes: number | null): Chain {
  const changesSince = chain.changesSince + 1;
  const bytesSince = chain.bytesSince + changedBytes;
  const isKeyframe =
    contentBytes === null || changesSince >= keyframeChangesMax || bytesSince >= 2 * contentBytes + keyframeBytesFree;
  return {
    depth: chain.depth + 1,
    heads: headsWith(chain, position),
    keyframe: isKeyframe ? position : chain.keyframe,
    changesSince: isKeyframe ? 0 : changesSince,
    bytesSince: isKeyframe ? 0 : bytesSince,
  };
}
