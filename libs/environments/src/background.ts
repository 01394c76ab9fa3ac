import type { StateTransaction } from '@env-cli/keyspace';
import type { MirrorState } from '@env-cli/mirroring';

import { entryLimits, type Limits } from './limits.ts';

/** Rows of an entry's background work that the end of sessions may take. */
const sessionRowsMax = 32;

/**
 * Does a little of the work that was begun by a command and is too much for one entry: sessions that expired, changes below
 * the floor, mirrors over many environments. It follows the log, so all members do the same of it.
 */
export function sweepBackground(transaction: StateTransaction, mirrors: MirrorState, limits: Limits): void {
  let left = entryLimits.backgroundRowsMax;
  left -= transaction.sessions.sweep(sessionRowsMax, limits);
  const { sweptRevision, floor } = transaction.progress;
  // Where both have work, neither waits for the end of the other.
  const share = mirrors.phasesLeft ? Math.floor(left / 2) : left;
  if (sweptRevision < floor) left -= transaction.sweepChanges(share);
  if (mirrors.phasesLeft) mirrors.step(left);
}
