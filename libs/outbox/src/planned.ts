import { noteOf, type Plan, type PlanAction, type PlanItem, problemOf } from '@env-cli/mirroring';

/** What a delivery of one environment would do now. */
export interface PlannedEnvironment {
  readonly environment: string;
  /** Sorted by key. Empty when nothing is to be done, or may be. */
  readonly items: readonly PlannedItem[];
  /** Why nothing may be done at all; null: it may. */
  readonly refusedBecause: string | null;
}

/** What it would do with one key. */
export interface PlannedItem {
  readonly key: string;
  readonly action: PlanAction;
  /** The call that would be made; null: none. */
  readonly step: 'write' | 'mark' | 'delete' | null;
  /** The length of the wanted value. */
  readonly valueBytes: number;
  /** Why it would be left or refused; empty otherwise. */
  readonly note: string;
}

/** A plan as it may be shown: without the values that its steps carry. */
export function plannedOf(environment: string, plan: Plan): PlannedEnvironment {
  if (plan.kind !== 'plan') return { environment, items: [], refusedBecause: problemOf(plan) };
  return { environment, items: plan.items.map(plannedItem), refusedBecause: null };
}

function plannedItem(item: PlanItem): PlannedItem {
  const { key, action, step, valueBytes } = item;
  return { key, action, step: step?.kind ?? null, valueBytes, note: noteOf(item) };
}
