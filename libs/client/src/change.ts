import { timestampDate } from '@bufbuild/protobuf/wkt';
import { ChangeKind as WireKind, type Change as WireChange, type VariableChange as WireVariableChange } from '@env-cli/wire';

import { variableOf, type Variable } from './environment.ts';
import { revisionOf } from './revision.ts';

/** What a change did to an environment. `left`: it still exists, but no longer matches what is watched. */
export type ChangeKind = 'created' | 'updated' | 'deleted' | 'left';

const kindNames: Readonly<Record<number, ChangeKind>> = {
  [WireKind.CREATED]: 'created',
  [WireKind.UPDATED]: 'updated',
  [WireKind.DELETED]: 'deleted',
  [WireKind.LEFT]: 'left',
};

/** What happened to one variable. */
export interface VariableChange {
  readonly name: string;
  /** Null when it did not exist. */
  readonly before: Variable | null;
  /** Null when it was removed. */
  readonly after: Variable | null;
}

/** The net change of one environment by one revision. */
export interface Change {
  readonly revision: number;
  readonly namespace: string;
  readonly environment: string;
  readonly kind: ChangeKind;
  /** Sorted by name. */
  readonly variables: readonly VariableChange[];
  readonly labelsBefore: Readonly<Record<string, string>>;
  readonly labelsAfter: Readonly<Record<string, string>>;
  /** The description after it; null when it was left as it was. */
  readonly description: string | null;
  /** The environment's version after it. */
  readonly version: number;
  /** Who asked for it. */
  readonly principal: string;
  /** Why, in the words of the request. */
  readonly reason: string;
  /** When, by the cluster's clock, which never goes back; null when that is not known. */
  readonly time: Date | null;
  /** The revision that had changed the environment before; 0 for the first. Only for a deletion. */
  readonly previousRevision: number;
}

export function variableChangeOf({ name, before, after }: WireVariableChange): VariableChange {
  return {
    name,
    before: before === undefined ? null : variableOf(before),
    after: after === undefined ? null : variableOf(after),
  };
}

export function changeOf(change: WireChange): Change {
  return {
    revision: revisionOf(change.revision),
    namespace: change.namespace,
    environment: change.environment,
    kind: kindNames[change.kind] ?? 'updated',
    variables: change.variables.map(variableChangeOf),
    labelsBefore: { ...change.labelsBefore },
    labelsAfter: { ...change.labelsAfter },
    description: change.description ?? null,
    version: revisionOf(change.version),
    principal: change.principal,
    reason: change.reason,
    time: change.time === undefined ? null : timestampDate(change.time),
    previousRevision: revisionOf(change.previousRevision),
  };
}
