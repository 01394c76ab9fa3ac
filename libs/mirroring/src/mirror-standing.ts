import type { ReadTables, Revision } from '@env-cli/keyspace';

import { readDelivery } from './delivery-rows.ts';
import type { MirrorRow } from './mirror-row.ts';
import { readOutbox, readOutboxRow } from './outbox-rows.ts';

/** How a mirror stands to a revision. `unknown`: more rows wait than were looked at. */
export type MirrorStanding = 'holds' | 'behind' | 'unknown';

/** Whether a mirror's target holds one environment as of a revision: nothing of it up to there waits or has failed. */
export function standingOfEnvironment(
  tables: ReadTables,
  mirror: MirrorRow,
  environment: string,
  revision: Revision,
): Exclude<MirrorStanding, 'unknown'> {
  const row = readOutboxRow(tables, mirror.id, environment);
  if (row !== null && row.firstRevision <= revision) return 'behind';
  // Whoever waits in a phase has no row yet.
  if (mirror.phases.length > 0 && mirror.phases[0] !== 'retry') return 'behind';
  const delivery = readDelivery(tables, mirror.id, environment);
  // What failed may have been due since before its revision.
  return delivery === null || delivery.failed === null || (delivery.delivered?.revision ?? 0) >= revision ? 'holds' : 'behind';
}

/** Whether a mirror's target holds all of its environments as of a revision: nothing failed, and nothing up to there waits. At most `scanMax` rows are looked at. */
export function standingOf(tables: ReadTables, mirror: MirrorRow, revision: Revision, scanMax: number): MirrorStanding {
  if (mirror.phases.length > 0 || mirror.failedCount > 0) return 'behind';
  if (mirror.pendingCount === 0) return 'holds';
  const waiting = readOutbox(tables, mirror.id, '', scanMax);
  if (waiting.some(({ firstRevision }) => firstRevision <= revision)) return 'behind';
  return waiting.length < mirror.pendingCount ? 'unknown' : 'holds';
}
