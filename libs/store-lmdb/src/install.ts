import { rmSync } from 'node:fs';
import { positionText, samePosition, SnapshotDamaged, SnapshotSource, type StorePosition } from '@env-cli/snapshot-file';
import { equalBytes } from '@env-cli/support';

import { DataDirectoryRefused } from './refusal.ts';
import { type BuildOptions, buildState, switchState } from './state-directory.ts';

/**
 * Makes a snapshot's file the state that counts: builds a state beside the old one from blocks that are all checked, with a
 * checkpoint, durable, and then switches `CURRENT`. A crash at any moment leaves either the old state or the new one.
 *
 * Afterwards the caller resets its log to begin behind the position, closes the old store and its readers, and opens anew
 * (`openState`, which removes the old state). Throws {@link DataDirectoryRefused} (`snapshot-damaged`, `other-cluster`), after which
 * the old state counts as before.
 */
export async function installSnapshot(
  dataDirectory: string,
  snapshotPath: string,
  options: BuildOptions,
): Promise<StorePosition> {
  const source = await whole(snapshotPath, () => SnapshotSource.open(snapshotPath));
  try {
    const { header } = source;
    if (header.backup !== null) throw damaged(snapshotPath, 'it is a backup');
    if (!equalBytes(header.clusterId, options.owner.clusterId)) {
      const next = 'Ask a member of this cluster for one.';
      throw new DataDirectoryRefused('other-cluster', snapshotPath, 'the snapshot is of another cluster', next);
    }
    const built = await buildState(dataDirectory, options, (transact) =>
      whole(snapshotPath, async () => {
        for await (const rows of source.blocks()) {
          transact((tables) => {
            for (const { table, key, value } of rows) tables.append(table, key, value);
          });
        }
      }),
    );
    if (!samePosition(built.position, header.position)) {
      rmSync(built.path, { recursive: true, force: true });
      const what = `its rows stand at ${positionText(built.position)}, its header says ${positionText(header.position)}`;
      throw damaged(snapshotPath, what);
    }
    switchState(built.path);
    return built.position;
  } finally {
    await source.close();
  }
}

async function whole<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof SnapshotDamaged ? damaged(path, error.message, error) : error;
  }
}

function damaged(path: string, what: string, cause?: unknown): DataDirectoryRefused {
  return new DataDirectoryRefused(
    'snapshot-damaged',
    path,
    what,
    'It is thrown away; a member of the cluster sends it again.',
    cause,
  );
}
