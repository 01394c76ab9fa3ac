import { randomBytes } from 'node:crypto';
import { featureLevelMax, RestoredState } from '@env-cli/environments';
import type { Row } from '@env-cli/keyspace';
import { type BackupFacts, BackupReader, BackupRefused } from '@env-cli/snapshot-file';
import { restoreDirectory } from '@env-cli/store-lmdb';
import { assert } from '@env-cli/support';

import { positionOfTables } from '../member/position-of-tables.ts';
import { encodeRestored, restoringIdOf } from '../member/restored-file.ts';

export interface RestoreMemberOptions {
  /** The backup's file. */
  readonly from: string;
  /** New, empty, or what an earlier restore that was cut off has left. */
  readonly dataDir: string;
  readonly memberId: number;
  /** All members of the restored cluster, this one among them: the same list on all of them. */
  readonly members: readonly { readonly memberId: number; readonly address: string }[];
  readonly mapBytes?: number;
  readonly progress?: (readBytes: number, sizeBytes: number) => void;
}

export interface Restored {
  /** What the backup was found to be. */
  readonly backup: BackupFacts;
  /** The revision with which the restored cluster begins. */
  readonly revision: number;
}

/**
 * Makes the data directory of one member of a cluster that begins with what a backup holds. The backup is checked in full on the way; nothing is
 * left of a restore that was refused or failed.
 *
 * The member waits, when it is started, until all members that were restored from the same file with the same list are there, and together
 * they found the cluster (docs/decisions/0020-backup-and-restore.md). Throws `BackupRefused`, `DataDirectoryRefused`, `StoreFailed`.
 */
export async function restoreMember(options: RestoreMemberOptions): Promise<Restored> {
  const { from, dataDir, memberId, members, mapBytes, progress } = options;
  assert(
    members.some((member) => member.memberId === memberId),
    'a member that is restored is one of the members',
  );
  const reader = await BackupReader.open(from);
  try {
    const state = new RestoredState();
    let restored: Restored | null = null;
    await restoreDirectory(dataDir, {
      owner: { clusterId: reader.clusterId, memberId },
      readPosition: positionOfTables,
      ...(mapBytes === undefined ? {} : { mapBytes }),
      fill: async (transact) => {
        for await (const rows of reader.rows()) {
          transact((tables) =>
            reader.understand(() => {
              for (const { table, key, value } of rows) {
                const after = state.row(table, key, value);
                if (after !== null) tables.append(table, key, after);
              }
            }),
          );
          progress?.(reader.readBytes, reader.sizeBytes);
        }
        progress?.(reader.readBytes, reader.sizeBytes);
        const { found, meta, revision } = reader.understand(() => state.end());
        const backup = reader.factsOf(found);
        refuseNewer(from, backup);
        restored = { backup, revision };
        transact((tables) => meta.forEach(({ key, value }: Row) => tables.append('meta', key, value)));
      },
      claim: () => {
        const { backup } = restored!;
        const backupDigest = new Uint8Array(Buffer.from(backup.digest, 'hex'));
        const identity = {
          formingId: restoringIdOf({ backupDigest, members }),
          clusterId: null,
          memberId,
          diskId: new Uint8Array(randomBytes(16)),
        };
        const mark = { clusterId: reader.clusterId, epoch: backup.epoch, backupDigest, members };
        return { identity, restored: encodeRestored(mark) };
      },
    });
    return restored!;
  } finally {
    await reader.close();
  }
}

function refuseNewer(path: string, { featureLevel, version }: BackupFacts): void {
  if (featureLevel <= featureLevelMax) return;
  const what = `its cluster was at feature level ${featureLevel}, and this program understands ${featureLevelMax}`;
  throw new BackupRefused('backup-foreign', path, what, `Nothing was changed. Use version ${version} or a newer one.`);
}
