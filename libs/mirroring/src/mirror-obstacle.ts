import type { ReadTables } from '@env-cli/keyspace';

import { type Failed, readDeliveries, readDelivery } from './delivery-rows.ts';
import type { MirrorRow } from './mirror-row.ts';
import { readOutbox, readOutboxRow } from './outbox-rows.ts';

/**
 * What a mirror that does not hold a revision waits for a person with:
 *
 * - `dead-letter`: an environment failed for good, and nothing of it is due. `found` is the first such by name; null when there is
 *   none among the rows that were looked at.
 * - `paused`: nothing is delivered until somebody resumes it.
 */
export type MirrorObstacle =
  | { readonly kind: 'dead-letter'; readonly found: { readonly environment: string; readonly failed: Failed } | null }
  | { readonly kind: 'paused' };

/** What keeps a mirror from holding one environment until a person acts; null: nothing that the cluster knows of. */
export function obstacleOfEnvironment(tables: ReadTables, mirror: MirrorRow, environment: string): MirrorObstacle | null {
  // A phase may be about to make it due again.
  if (mirror.phases.length === 0 && readOutboxRow(tables, mirror.id, environment) === null) {
    const failed = readDelivery(tables, mirror.id, environment)?.failed ?? null;
    if (failed !== null) return { kind: 'dead-letter', found: { environment, failed } };
  }
  return mirror.definition.paused ? { kind: 'paused' } : null;
}

/** What keeps a mirror from holding all of its environments until a person acts; null: nothing that is known. Looks at `scanMax` rows of a table. */
export function obstacleOf(tables: ReadTables, mirror: MirrorRow, scanMax: number): MirrorObstacle | null {
  if (mirror.phases.length === 0 && hasDeadLetter(tables, mirror, scanMax)) {
    const dead = readDeliveries(tables, mirror.id, '', scanMax).find(
      ({ environment, failed }) => failed !== null && readOutboxRow(tables, mirror.id, environment) === null,
    );
    const found = dead === undefined ? null : { environment: dead.environment, failed: dead.failed! };
    return { kind: 'dead-letter', found };
  }
  return mirror.definition.paused ? { kind: 'paused' } : null;
}

/** Whether something failed and is not due again. False also where more is due than was looked at: that is worked off first. */
function hasDeadLetter(tables: ReadTables, mirror: MirrorRow, scanMax: number): boolean {
  const { failedCount, pendingCount } = mirror;
  if (failedCount > pendingCount) return true;
  if (failedCount === 0 || pendingCount > scanMax) return false;
  const dueAgain = readOutbox(tables, mirror.id, '', scanMax).filter(
    ({ environment }) => readDelivery(tables, mirror.id, environment)?.failed != null,
  );
  return failedCount > dueAgain.length;
}
