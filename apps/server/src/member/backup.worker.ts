import { parentPort, workerData } from 'node:worker_threads';
import { readClusterIdentity } from '@env-cli/keyspace';
import { checkBackup } from '@env-cli/snapshot-file';
import { spool, StoreReader, syncFile } from '@env-cli/store-lmdb';
import { assert } from '@env-cli/support';

import type { BackupCopied, BackupOrder } from './backup-copy.ts';
import { positionOfTables } from './position-of-tables.ts';

/**
 * Copies the newest transaction of a state into a backup's file, on a thread of its own: neither reads nor writes of the member wait for it.
 * Any message ends it early.
 */
async function copy({ statePath, path, mapBytes, mark, checked }: BackupOrder): Promise<BackupCopied> {
  let end: (() => void) | null = null;
  parentPort!.on('message', () => (end === null ? process.exit() : end()));
  const reader = new StoreReader(statePath, mapBytes === null ? {} : { mapBytes });
  try {
    const pin = reader.pin();
    end = () => pin.release();
    const position = positionOfTables(pin.tables);
    const identity = readClusterIdentity(pin.tables);
    if (identity === null) throw new Error('the cluster is not founded yet');
    const { clusterId, epoch } = identity;
    const { bytes } = await spool(path, pin.tables, { clusterId, position, backup: mark });
    // The state's file grows while the pin is held: what is left to do is done without it.
    pin.release();
    const { revision, appliedIndex } = position;
    return { epoch, revision, appliedIndex, bytes };
  } finally {
    await reader.close();
    // Nothing of the state is held any more.
    end = null;
    if (checked) await syncFile(path);
  }
}

assert(parentPort !== null, "a thread's program runs in a worker");
const order = workerData as BackupOrder;
try {
  const copied = await copy(order);
  if (order.checked) await checkBackup(order.path);
  parentPort.postMessage({ copied });
} catch (error) {
  parentPort.postMessage({ problem: error instanceof Error ? error.message : String(error) });
}
parentPort.close();
