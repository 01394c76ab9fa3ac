import type { DriftPolicy } from './definition.ts';
import type { ObservedKey, ObservedTarget } from './observed.ts';
import { compareStamps, isOwn, type Stamp } from './stamp.ts';
import type { Source, VariableRefusal, WantedKey } from './wanted.ts';

/**
 * What a key is, to a delivery:
 *
 * - `create`: it is not there and is written.
 * - `update`: ours, as we left it, and out of date: it is written.
 * - `unchanged`: ours and as it should be: no call is made.
 * - `adopt`: it has the wanted value, and the stamp on it is missing or was not finished: it is stamped, and not written.
 * - `foreign-changed`: ours, and somebody else changed or removed it: the mirror's drift policy says what is done.
 * - `foreign`: somebody else's: it is left.
 * - `orphan`: ours and no longer wanted: it is deleted, or left when the mirror says so.
 */
export type PlanAction = 'create' | 'update' | 'unchanged' | 'adopt' | 'foreign-changed' | 'foreign' | 'orphan';

/** One change at the target. `found` is what the change replaces: if the target holds something else by then, it is refused. */
export type Step =
  | {
      readonly kind: 'write';
      readonly key: string;
      readonly bytes: Uint8Array;
      /** How the target is to keep it; as in the wanted content. */
      readonly attributes: string;
      readonly stamp: Stamp;
      /** Null: nothing may be there. */
      readonly found: ObservedKey | null;
    }
  | { readonly kind: 'mark'; readonly key: string; readonly stamp: Stamp; readonly found: ObservedKey }
  | { readonly kind: 'delete'; readonly key: string; readonly found: ObservedKey };

/** Why a key is not as it is wanted, and stays so until somebody acts; or, while it is `PENDING`, until some time has passed. */
export interface Hold {
  readonly state: 'PENDING' | 'UNSYNCED' | 'BLOCKED_BY_POLICY';
  /** What is wrong and what to do, without any value. */
  readonly reason: string;
  /** The variables that are the cause, where not the key as a whole is. */
  readonly refusals: readonly VariableRefusal[];
  /** The key is as it is wanted but for the variables of `refusals`, once the step is done (if there is one). Absent: it is not. */
  readonly partly?: true;
  /** The mirror's policy is to go without it: nothing waits for it. */
  readonly skipped: boolean;
}

/** What a delivery does with one key. It can be shown: it holds no value, except in the step's own bytes. */
export interface PlanItem {
  readonly key: string;
  readonly action: PlanAction;
  /** The variables that the key carries; none for an orphan. */
  readonly variables: readonly string[];
  /** The length of the wanted value; 0 for an orphan and for one that is refused. */
  readonly valueBytes: number;
  /** What is there now; null: nothing. */
  readonly found: ObservedKey | null;
  /** Null: nothing is done. */
  readonly step: Step | null;
  /** Null: once the step is done (if there is one), the key is as it is wanted. With a step only where it is partly so. */
  readonly hold: Hold | null;
}

/** What a delivery does, sorted by key; or why it may not begin. */
export type Plan =
  | { readonly kind: 'plan'; readonly items: readonly PlanItem[] }
  /** Nothing is known of what is wanted. */
  | { readonly kind: 'source-failed'; readonly problem: string; readonly refusals: readonly VariableRefusal[] }
  /** The target was written by a later life of this cluster: whoever plans here must stop for good and say so. */
  | { readonly kind: 'higher-epoch'; readonly key: string; readonly epoch: number }
  /** The target holds a newer revision than the one that was to be delivered: look at the source again. */
  | { readonly kind: 'newer-revision'; readonly key: string; readonly revision: number };

/** Everything that a plan follows from. */
export interface PlanRequest {
  /** The stamp of what is written, but for the hash. */
  readonly writer: Omit<Stamp, 'valueHash'>;
  readonly source: Source;
  readonly observed: ObservedTarget;
  /**
   * What is done about a key that somebody else changed. `import` leaves it, for the import to come; what was removed is written again,
   * for there is nothing to import.
   */
  readonly drift: DriftPolicy;
  /** What is done about the keys of an environment that left the mirror. Keys of variables that were unset are always deleted. */
  readonly onLeave: 'delete' | 'leave';
}

/** Compares what is wanted with what is there. Makes no call and decides everything that a delivery does. */
export function plan(request: PlanRequest): Plan {
  const { writer, source, observed } = request;
  if (source.kind === 'failed') return { kind: 'source-failed', problem: source.problem, refusals: source.refusals };
  for (const { key, stamps } of observed.keys) {
    for (const stamp of stamps) {
      if (!isOwn(stamp, writer)) continue;
      if (stamp.epoch > writer.epoch) return { kind: 'higher-epoch', key, epoch: stamp.epoch };
      if (stamp.environment === writer.environment && compareStamps(stamp, writer) > 0) {
        return { kind: 'newer-revision', key, revision: stamp.revision };
      }
    }
  }

  const found = new Map(observed.keys.map((key) => [key.key, key]));
  const wanted = source.kind === 'wanted' ? withoutCollisions(source.keys) : [];
  const items = wanted.map((key) => planWanted(request, key, found.get(key.key) ?? null));
  const complete = items.every((item) => item.hold === null || item.hold.skipped);
  const wantedKeys = new Set(wanted.map((key) => key.key));
  for (const key of observed.keys) {
    if (wantedKeys.has(key.key) || !isMarkedFor(key, writer)) continue;
    items.push(planOrphan(request, key, source.kind === 'left', complete));
  }
  return { kind: 'plan', items: items.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)) };
}

/** Two variables whose names the target cannot tell apart: to write both is to lose one, so neither is written. */
function withoutCollisions(keys: readonly WantedKey[]): WantedKey[] {
  const byKey = new Map<string, WantedKey[]>();
  for (const key of keys) byKey.set(key.key, [...(byKey.get(key.key) ?? []), key]);
  return [...byKey.values()].map((same) => {
    if (same.length === 1) return same[0]!;
    const variables = same.flatMap((key) => key.variables).toSorted();
    const reason = `${variables.join(' and ')} have the same name at the target: rename all but one`;
    return {
      key: same[0]!.key,
      variables,
      content: { kind: 'refused', reason, refusals: variables.map((variable) => ({ variable, reason })), skipped: false },
    };
  });
}

/** Whether the newest stamp on a key says that this mirror wrote it for this environment. */
function isMarkedFor(key: ObservedKey, writer: PlanRequest['writer']): boolean {
  const newest = key.stamps.at(-1);
  return newest !== undefined && isOwn(newest, writer) && newest.environment === writer.environment;
}

/** Whose a key is. */
type Standing =
  /** Nothing is there. */
  | 'absent'
  /** Ours, as we left it: the value of any stamp of ours, the one of a write that was cut short included. */
  | 'ours'
  /** Ours, and somebody else changed or removed it. */
  | 'changed'
  /** Nobody marked it. */
  | 'unmarked'
  /** The stamp of another mirror, or of another environment of this one. */
  | 'others';

function standingOf(found: ObservedKey | null, writer: PlanRequest['writer']): Standing {
  const newest = found?.stamps.at(-1);
  if (found === null || newest === undefined) return found === null || found.valueHash === null ? 'absent' : 'unmarked';
  if (!isMarkedFor(found, writer)) return 'others';
  if (found.stamps.some((stamp) => isOwn(stamp, writer) && stamp.valueHash === found.valueHash)) return 'ours';
  if (found.landed) return 'changed';
  // A write was begun, and what is there now is not what it was to write.
  return found.valueHash === null ? 'absent' : 'unmarked';
}

function planWanted(request: PlanRequest, wanted: WantedKey, found: ObservedKey | null): PlanItem {
  const { writer, drift } = request;
  const { key, variables, content } = wanted;
  const item = { key, variables, found, valueBytes: content.kind === 'value' ? content.bytes.length : 0 };
  const standing = standingOf(found, writer);
  const wantedHash = content.kind === 'value' ? content.hash : null;
  const equal = found !== null && wantedHash !== null && wantedHash === found.valueHash;

  if (found !== null && (standing === 'others' || (standing === 'unmarked' && !equal))) {
    return { ...item, action: 'foreign', step: null, hold: blocked(foreignReason(found, writer)) };
  }
  const action = actionOf(standing);
  if (content.kind === 'refused') {
    return {
      ...item,
      action,
      step: null,
      hold: { ...blocked(content.reason), refusals: content.refusals, skipped: content.skipped },
    };
  }
  const stamp = { ...writer, valueHash: content.hash };
  const { lacking } = content;
  const hold: Hold | null =
    lacking === undefined ? null : { ...blocked(lacking.reason), refusals: lacking.refusals, partly: true };
  if (found !== null && equal) {
    // Where a crash came after the value and before the word that it has landed, that word is still to be said.
    if (standing === 'ours' && found.landed) return { ...item, action: 'unchanged', step: null, hold };
    return { ...item, action: 'adopt', step: { kind: 'mark', key, stamp, found }, hold };
  }
  if (standing === 'changed' && drift === 'report') return { ...item, action, step: null, hold: changedElsewhere };
  if (standing === 'changed' && drift === 'import' && found?.valueHash != null) {
    return { ...item, action, step: null, hold: toBeImported };
  }
  return {
    ...item,
    action,
    step: { kind: 'write', key, bytes: content.bytes, attributes: content.attributes, stamp, found },
    hold,
  };
}

/** What a key that is to be written is, before its value is looked at. */
function actionOf(standing: Standing): PlanAction {
  if (standing === 'absent' || standing === 'unmarked') return 'create';
  return standing === 'changed' ? 'foreign-changed' : 'update';
}

function planOrphan(request: PlanRequest, found: ObservedKey, left: boolean, complete: boolean): PlanItem {
  const { key } = found;
  const item = { key, variables: [], found, valueBytes: 0 };
  const standing = standingOf(found, request.writer);
  // What was begun beside somebody else's value is not ours to delete.
  if (standing === 'unmarked') return { ...item, action: 'foreign', step: null, hold: null };
  if (left && request.onLeave === 'leave') return { ...item, action: 'orphan', step: null, hold: null };
  // What is gone by itself needs no permission: only its stamp is left to be cleared.
  const changed = standing === 'changed' && found.valueHash !== null;
  const action = changed ? 'foreign-changed' : 'orphan';
  if (changed && request.drift !== 'overwrite') return { ...item, action, step: null, hold: changedElsewhere };
  if (!complete) return { ...item, action, step: null, hold: blocked('it is deleted once every other key is in place') };
  return { ...item, action, step: { kind: 'delete', key, found }, hold: null };
}

const changedElsewhere: Hold = {
  state: 'UNSYNCED',
  reason: 'somebody else changed it at the target, and the policy of the mirror is to leave that',
  refusals: [],
  skipped: false,
};

const toBeImported: Hold = {
  state: 'UNSYNCED',
  reason: 'somebody else changed it at the target, and it is to be imported',
  refusals: [],
  skipped: false,
};

function blocked(reason: string): Hold {
  return { state: 'BLOCKED_BY_POLICY', reason, refusals: [], skipped: false };
}

function foreignReason(found: ObservedKey, writer: PlanRequest['writer']): string {
  const stamp = found.stamps.at(-1);
  if (found.remark !== undefined) return `something that this mirror did not write is there: ${found.remark}`;
  if (stamp === undefined) return 'something that no mirror wrote is there: remove it, or make it equal to what is wanted';
  if (!isOwn(stamp, writer)) return `it belongs to mirror ${stamp.mirror} of cluster ${stamp.clusterId}`;
  return `environment ${stamp.environment} has the same name at the target: rename one of the two`;
}
