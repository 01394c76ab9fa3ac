import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NotUnderstood } from '@env-cli/environments';
import { HashScrub, type ScrubStep } from '@env-cli/keyspace';
import { openState, type StoreOptions } from '@env-cli/store-lmdb';
import { BrokenInvariant } from '@env-cli/support';

import { isOfTheMachine } from './machine-error.ts';

/** Rows that are read at once. */
const rowsMax = 512;

/**
 * What is wrong with the state of a directory, as far as it tells itself: it is lost, cannot be opened, ends before its log begins, or its rows do not have the
 * hashes that were kept of them. A phrase for people; null: nothing is. Reads all of it.
 *
 * Opening it is what a start does: it goes back to its checkpoint, and states beside it that `CURRENT` does not name are removed, such as the one that a repair that was cut
 * off had half built. Rejects with what the system says where that is about the machine and not about the state.
 */
export async function problemOfOwnState(dataDir: string, previousIndex: number, options: StoreOptions): Promise<string | null> {
  if (!existsSync(join(dataDir, 'CURRENT'))) return 'its state is lost';
  try {
    const store = await openState(dataDir, options);
    try {
      const { appliedIndex } = store.opened;
      if (appliedIndex < previousIndex)
        return `its state ends at log index ${appliedIndex}, and its log begins behind ${previousIndex}`;
      const scrub = new HashScrub();
      let step: ScrubStep = { kind: 'more' };
      while (step.kind === 'more') step = store.snapshot((tables) => scrub.step(tables, rowsMax));
      return step.broken.length === 0
        ? null
        : `its rows of ${step.broken.join(', ')} do not have the hashes that it kept of them`;
    } finally {
      await store.abandon();
    }
  } catch (error) {
    if (error instanceof BrokenInvariant || error instanceof NotUnderstood || isOfTheMachine(error)) throw error;
    return `its state cannot be read (${(error as Error).message})`;
  }
}
