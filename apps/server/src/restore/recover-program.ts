import { NotUnderstood } from '@env-cli/environments';
import { LogFileError } from '@env-cli/log-file';
import { BackupRefused } from '@env-cli/snapshot-file';
import { DataDirectoryRefused, StoreFailed } from '@env-cli/store-lmdb';

import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import { recoverBackup, RecoveryRefused } from './recover-backup.ts';
import type { RestoreSink } from './restore-program.ts';

/** `env-cli-server recover --from-data-dir DIR --to FILE`. Throws {@link StartRefused}, after which no backup is left. */
export async function runRecover(dataDir: string, to: string, options: OptionValues, sink: RestoreSink): Promise<void> {
  try {
    const { backup, memberId, last, replayed } = await recoverBackup({ dataDir, to, mapBytes: options['storage.map_size'] });
    sink.write(
      `${to} holds what member ${memberId} had of cluster ${backup.clusterId}: ${backup.environments} environment${backup.environments === 1 ? '' : 's'}, revision ${backup.revision}, ` +
        `all of its log up to index ${last.index} of term ${last.term} (${replayed} entries behind its checkpoint). ` +
        'If other members are left, recover those too, and go on with the one of the highest term, and among those of the highest index. ' +
        `Then make a new cluster of it: 'env-cli-server restore --from ${to}' on each of its machines, with new data directories.\n`,
    );
  } catch (error) {
    if (error instanceof StoreFailed)
      throw new StartRefused(
        'data',
        `${dataDir}: it could not be recovered: ${error.path}: ${reasons[error.code]}. No backup was made`,
      );
    if (
      error instanceof RecoveryRefused ||
      error instanceof DataDirectoryRefused ||
      error instanceof LogFileError ||
      error instanceof BackupRefused ||
      error instanceof NotUnderstood
    )
      throw new StartRefused('data', `${error.message.replace(/\.$/, '')}. No backup was made`);
    throw error;
  }
}

/** What the disk did, and what helps. What `StoreFailed` itself says is for a member that runs. */
const reasons: Readonly<Record<StoreFailed['code'], string>> = {
  'disk-full': 'the disk is full. Make room on it, or name a file on another one, and recover again',
  'map-full': 'the state is larger than storage.map_size. Raise that, and recover again',
  'io-error': 'it could not be read or written. Check the disk and its file system, or name a file on another one',
};
