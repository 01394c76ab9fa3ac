import type { PlanItem } from './plan.ts';

/** What is about to vanish from a target, against what a mirror has there. Counted in keys. */
export interface BrakeReading {
  /** Keys with this mirror's stamp in the whole target. */
  readonly ownedKeys: number;
  /** Keys that other withdrawals, which wait for their turn, are about to delete. */
  readonly waitingKeys: number;
  /** Keys that this mirror deleted within the last {@link brakeWindowMs}. */
  readonly deletedLatelyKeys: number;
  /** `deleteShareMaxPercent` of the mirror. 100 turns the brake off, 0 lets nothing be deleted. */
  readonly shareMaxPercent: number;
}

/** How far back deletions count as done "at once": 1 hour. A mistake in a selector arrives as many small deliveries. */
export const brakeWindowMs = 3_600_000;

/** A target's last key would always be all of it: so many keys may go within the window, whatever their share. */
const freeKeys = 1;

/** How many keys a plan deletes. */
export function deletesOf(items: readonly PlanItem[]): number {
  return items.reduce((count, item) => count + (item.step?.kind === 'delete' ? 1 : 0), 0);
}

/**
 * Holds the deletions of a plan back when they, with what goes beside them, are more of the target than a mirror may delete
 * without a word from a person. Writes go on.
 */
export function brake(items: readonly PlanItem[], reading: BrakeReading): readonly PlanItem[] {
  const reason = brakeReason(deletesOf(items), reading);
  if (reason === null) return items;
  const hold = { state: 'BLOCKED_BY_POLICY', reason, refusals: [], skipped: false } as const;
  return items.map((item) => (item.step?.kind === 'delete' ? { ...item, step: null, hold } : item));
}

function brakeReason(deletingKeys: number, reading: BrakeReading): string | null {
  const { ownedKeys, waitingKeys, deletedLatelyKeys, shareMaxPercent } = reading;
  if (deletingKeys === 0 || shareMaxPercent >= 100) return null;
  const going = deletingKeys + waitingKeys + deletedLatelyKeys;
  const all = Math.max(ownedKeys + deletedLatelyKeys, going);
  if (shareMaxPercent > 0 && (going <= freeKeys || going * 100 <= all * shareMaxPercent)) return null;
  return (
    `the delete brake holds: ${going} of ${all} keys of the mirror would go within an hour, and it may delete ` +
    `${shareMaxPercent} % without being told. If that is meant, raise the mirror's delete brake`
  );
}
