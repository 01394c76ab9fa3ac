import type { StateTransaction } from '@env-cli/keyspace';

import type { CommandBody } from './command.ts';
import { encodeIntegrity } from './integrity-row.ts';
import { readIntegrity } from './integrity.ts';
import { type Limits, spaceLowPercent } from './limits.ts';
import type { MachineCaches } from './machine-caches.ts';
import type { Refusal } from './refusal.ts';

/**
 * Why a command is not let in for the size of the state; null when it is.
 *
 * Decided where the entry is applied and not where it is proposed: a write that is sent again has to find its result, full or not, and
 * all members come to the same. What is let in last may leave the state above the quota by its own size.
 */
export function refusalOfFullState(body: CommandBody, stateBytes: number, { quotaBytes }: Limits): Refusal | null {
  return stateBytes >= quotaBytes && grows(body) ? { code: 'no-space', stateBytes, quotaBytes } : null;
}

/** Whether a command is one that makes the state grow, and that the cluster can do without. */
function grows(body: CommandBody): boolean {
  // What removes leaves a change in the history, which a compaction then takes away together with what was removed.
  if (body.kind === 'write') return body.operations.some(({ kind }) => kind !== 'delete' && kind !== 'unset');
  return body.kind === 'create-mirror';
}

/**
 * Raises the alarm `space-low` once the state has grown to its share of the quota, at the end of each entry. A person who clears it while
 * that is so gets it again with the next entry.
 */
export class SpaceWatch {
  readonly #transaction: StateTransaction;
  readonly #caches: MachineCaches;

  constructor(transaction: StateTransaction, caches: MachineCaches) {
    this.#transaction = transaction;
    this.#caches = caches;
  }

  endEntry(): void {
    const { limits, spaceLow } = this.#caches;
    const { stateBytes, appliedIndex, peopleTimeMs } = this.#transaction.progress;
    if (spaceLow || stateBytes < (limits.quotaBytes / 100) * spaceLowPercent) return;
    const integrity = readIntegrity(this.#transaction.tables);
    const alarm = { kind: 'space-low', member: 0, index: appliedIndex + 1, raisedAtMs: peopleTimeMs } as const;
    this.#transaction.putMeta('integrity', encodeIntegrity({ ...integrity, alarms: [...integrity.alarms, alarm] }));
    this.#caches.spaceLow = true;
  }
}
