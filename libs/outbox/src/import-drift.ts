import { type DeliveryStatus, type PlanItem, statusOfAll } from '@env-cli/mirroring';
import { unreachable } from '@env-cli/support';

import type { ImportSink, MirrorInForce } from './ports.ts';
import type { CloudProvider, ImportedVariable, ReadCalls } from './provider.ts';

/** The wait before what was imported is compared again, in milliseconds: long enough for it to be applied. */
const afterImportMs = 100;

/**
 * What follows a look for things to import. `again`: something was written to the cluster, or meanwhile: compare once more.
 * `overwrite`: what is there says the same in another spelling. `go-on`: with these items; what could not be imported is held.
 */
export type ImportOutcome =
  | { readonly kind: 'again'; readonly afterMs: number; readonly status: DeliveryStatus }
  | { readonly kind: 'overwrite' }
  | { readonly kind: 'go-on'; readonly items: readonly PlanItem[] };

/** Takes what somebody else changed at the target over into the cluster. Rejects as calls to the target do. */
export async function importDrift(
  {
    mirror,
    provider,
    imports,
  }: { readonly mirror: MirrorInForce; readonly provider: CloudProvider; readonly imports: ImportSink },
  delivery: {
    readonly environment: string;
    readonly modifyRevision: number;
    readonly items: readonly PlanItem[];
    /** Variables that their key cannot hold. What it holds in their place may be an older value of ours: it is not imported. */
    readonly lacking: ReadonlySet<string>;
    readonly calls: ReadCalls;
  },
): Promise<ImportOutcome> {
  const { environment, modifyRevision, items, lacking, calls } = delivery;
  const changed = items.filter((item) => item.action === 'foreign-changed' && item.hold !== null && item.variables.length > 0);
  if (changed.length === 0) return { kind: 'go-on', items };
  if (provider.imported === undefined) return held(items, changed, 'this kind of target cannot be imported from');
  const variables: ImportedVariable[] = [];
  for (const item of changed) {
    const found = await provider.imported(item.key, item.found!, item.variables, calls);
    if (found === null) return held(items, [item], 'what is there is nothing that variables could hold');
    variables.push(...found.filter(({ name }) => !lacking.has(name)));
  }
  const result = await imports.import({ mirror: mirror.id, environment, modifyRevision, variables });
  switch (result.kind) {
    case 'written':
    case 'conflict': {
      const status = statusOfAll('PENDING', 'what somebody else changed at the target is being imported');
      return { kind: 'again', afterMs: afterImportMs, status };
    }
    case 'unchanged':
      return { kind: 'overwrite' };
    case 'refused':
      return held(items, changed, `it cannot be imported: ${result.reason}`);
    default:
      return unreachable(result);
  }
}

function held(items: readonly PlanItem[], which: readonly PlanItem[], reason: string): ImportOutcome {
  const hold = {
    state: 'UNSYNCED',
    reason: `somebody else changed it at the target: ${reason}`,
    refusals: [],
    skipped: false,
  } as const;
  return { kind: 'go-on', items: items.map((item) => (which.includes(item) ? { ...item, hold } : item)) };
}
