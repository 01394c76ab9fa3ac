import type { MessageInitShape } from '@bufbuild/protobuf';
import { list } from '@env-cli/environments';
import { type MirrorRow, type PlanAction as LibraryAction, readDeliveries } from '@env-cli/mirroring';
import { NotDelivering, type PlannedEnvironment, TargetError } from '@env-cli/outbox';
import { type MirrorsPlanRequest, PlanAction, type PlanItemSchema } from '@env-cli/wire';

import { Refused } from '../errors/refused.ts';
import type { Snapshot } from '../reads/snapshot.ts';
import { environmentName } from '../requests/names.ts';
import { mirrorOf } from './status.ts';

/** Environments of one plan. */
const environmentsMax = 100;
/** Records that are read to find them. */
const scanMax = 5_000;
const scanBytesMax = 16 * 1024 * 1024;

const actions: Readonly<Record<LibraryAction, PlanAction>> = {
  create: PlanAction.CREATE,
  update: PlanAction.UPDATE,
  unchanged: PlanAction.UNCHANGED,
  adopt: PlanAction.ADOPT,
  'foreign-changed': PlanAction.FOREIGN_CHANGED,
  foreign: PlanAction.FOREIGN,
  orphan: PlanAction.ORPHAN,
};

/** What is to be planned. */
export interface PlanScope {
  readonly mirror: MirrorRow;
  /** Sorted. */
  readonly environments: readonly string[];
  readonly truncated: boolean;
}

/** The environments of a plan: those that the mirror selects, and those of which its target still holds something. */
export function planScopeOf(snapshot: Snapshot, request: MirrorsPlanRequest): PlanScope {
  const mirror = mirrorOf(snapshot, request);
  if (request.environment !== '') {
    return { mirror, environments: [environmentName(request.environment, 'environment')], truncated: false };
  }
  const { tables } = snapshot;
  const names = new Set(readDeliveries(tables, mirror.id, '', environmentsMax + 1).map(({ environment }) => environment));
  let scanEnded = false;
  if (!mirror.deleting) {
    const selected = list(tables, {
      namespace: mirror.namespace,
      prefix: mirror.definition.prefix,
      labels: mirror.definition.labels,
      after: null,
      revision: null,
      rowsMax: environmentsMax + 1,
      bytesMax: scanBytesMax,
      scanMax,
    });
    if (selected.kind === 'refused') throw new Refused(selected.refusal);
    for (const { name } of selected.environments) names.add(name);
    scanEnded = selected.next !== null;
  }
  const sorted = [...names].toSorted();
  return { mirror, environments: sorted.slice(0, environmentsMax), truncated: scanEnded || sorted.length > environmentsMax };
}

/** Items of an answer. */
export function planItemsOf(planned: readonly PlannedEnvironment[]): MessageInitShape<typeof PlanItemSchema>[] {
  return planned.flatMap(({ environment, items, refusedBecause }) =>
    refusedBecause === null
      ? items.map(({ key, action, valueBytes, note }) => ({
          environment,
          key,
          action: actions[action],
          valueBytes: BigInt(valueBytes),
          note,
        }))
      : [{ environment, note: refusedBecause }],
  );
}

/** Why there is no plan, as a refusal. */
export function planRefusal(error: unknown, mirror: string): unknown {
  if (error instanceof TargetError) return new Refused({ code: 'mirror-target-unreadable', mirror, problem: error.message });
  if (error instanceof NotDelivering || (error instanceof Error && error.name === 'SourceUnavailable')) {
    return new Refused({ code: 'mirror-worker-away', mirror });
  }
  return error;
}
