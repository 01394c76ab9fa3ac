import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeRepaired } from '@env-cli/store-lmdb';

import { RepairUnfinished } from './repair-refused.ts';

/**
 * Puts a new state in the place of the one before, and notes that it was. `index`: what the new state has applied; `install` switches `CURRENT` to it. Throws
 * what goes wrong while the state before still counts, and {@link RepairUnfinished} from then on.
 */
export async function putInPlace(dataDir: string, index: number, install: () => Promise<unknown>): Promise<void> {
  const before = currentIn(dataDir);
  try {
    await install();
    writeRepaired(dataDir, index);
  } catch (error) {
    if (currentIn(dataDir) === before) throw error;
    const what = `the new state has taken its place, and that could not be made sure and written down (${(error as Error).message})`;
    throw new RepairUnfinished(`${dataDir}: ${what}`, { cause: error });
  }
}

/** Which state counts; null: none, or that cannot be read. */
function currentIn(dataDir: string): string | null {
  const path = join(dataDir, 'CURRENT');
  return existsSync(path) ? readFileSync(path, 'hex') : null;
}
