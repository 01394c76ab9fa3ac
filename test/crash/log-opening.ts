import { join } from 'node:path';
import type { LogFileOpening } from '@env-cli/log-file';

/** How all processes of these tests open their log: with small segments, so that a crash often falls on a change of them. */
export function logOpening(directory: string): Omit<LogFileOpening, 'onFailure'> {
  return {
    directory: join(directory, 'log'),
    identity: { clusterId: new Uint8Array(16).fill(0xc1), memberId: 1, diskId: new Uint8Array(16).fill(0xd1) },
    createIfEmpty: true,
    options: { segmentBytes: 64 * 1024 },
  };
}
