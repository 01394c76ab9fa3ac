import type { ChangeReader, Label } from '@env-cli/keyspace';
import { type LabelSelector, matchesLabels } from '@env-cli/mirroring';
import type { WatchStart } from '@env-cli/wire';

import { invalid } from '../errors/refused.ts';
import { environmentName, namePrefix, namespaceOf } from '../requests/names.ts';
import { selectorOf } from '../requests/selector.ts';

/** Which changes a watch is about. */
export interface WatchScope {
  readonly namespace: string;
  /** One environment, or null. */
  readonly name: string | null;
  /** The beginning of names; empty for all, or when `name` says it. */
  readonly prefix: string;
  readonly selector: LabelSelector;
}

/** What a change is to a scope: `left` when the environment goes on to exist outside of it. */
export type Relation = 'none' | 'inside' | 'left';

/** The scope that a request describes. */
export function scopeOf(start: WatchStart): WatchScope {
  const namespace = namespaceOf(start);
  const selector = selectorOf(start.selector, 'start.selector');
  if (start.scope.case === 'name')
    return { namespace, name: environmentName(start.scope.value, 'start.name'), prefix: '', selector };
  if (start.scope.case === 'prefix')
    return { namespace, name: null, prefix: namePrefix(start.scope.value, 'start.prefix'), selector };
  throw invalid('start', 'must say what is watched: name or prefix (an empty prefix stands for all)');
}

/** A change with its labels, which several watches look at. */
export interface LabelledChange {
  readonly change: ChangeReader;
  /** Null when the environment did not exist before. */
  readonly labelsBefore: readonly Label[] | null;
  /** Null when it does not exist after. */
  readonly labelsAfter: readonly Label[] | null;
}

/** Whether a change concerns a scope. */
export function relationOf(scope: WatchScope, { change, labelsBefore, labelsAfter }: LabelledChange): Relation {
  if (change.namespace !== scope.namespace) return 'none';
  if (scope.name === null ? !change.name.startsWith(scope.prefix) : change.name !== scope.name) return 'none';
  if (scope.selector.length === 0) return 'inside';
  if (labelsAfter !== null && matchesLabels(scope.selector, labelsAfter)) return 'inside';
  if (labelsBefore === null || !matchesLabels(scope.selector, labelsBefore)) return 'none';
  return labelsAfter === null ? 'inside' : 'left';
}
