import { decodeMirror, encodeMirror, withPhases } from './mirror-row.ts';
import { namespaceOfKey } from './mirror-rows.ts';

/**
 * What becomes of a row of `mirrors` when the cluster is restored from a backup. Its target may hold what the cluster wrote after the
 * backup was taken, and nothing in the backup says so: everything that it selects is due again, and what had failed for good too.
 */
export function mirrorRowAfterRestore(key: Uint8Array, value: Uint8Array): Uint8Array {
  const mirror = decodeMirror(namespaceOfKey(key), value);
  return mirror.deleting ? value : encodeMirror(withPhases(mirror, ['redeliver', 'retry']));
}
