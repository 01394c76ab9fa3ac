import type { Change } from './change.ts';
import type { Environment, Variable } from './environment.ts';

/** What an environment begins with. */
const nothing: Pick<Environment, 'variables' | 'description'> = { variables: [], description: '' };

/**
 * The environment after a change. Null when the change does not say it: it was made to another state than this one, or the
 * environment left what is watched. It must be read again then.
 */
export function afterChange(before: Environment | null, change: Change): Environment | null {
  const continues = change.kind === 'updated' && before !== null && change.version === before.version + 1;
  if (!continues && change.kind !== 'created') return null;
  const base = continues ? before : nothing;
  return {
    namespace: change.namespace,
    name: change.environment,
    variables: merged(base.variables, change),
    labels: change.labelsAfter,
    description: change.description ?? base.description,
    createRevision: continues ? before.createRevision : change.revision,
    modifyRevision: change.revision,
    version: change.version,
  };
}

function merged(before: readonly Variable[], { variables }: Change): readonly Variable[] {
  const byName = new Map(before.map((variable) => [variable.name, variable]));
  for (const { name, after } of variables) {
    if (after === null) byName.delete(name);
    else byName.set(name, after);
  }
  return [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The names of the variables whose text differs, sorted. */
export function changedNames(before: Environment | null, after: Environment): string[] {
  const values = new Map(before?.variables.map(({ name, value, valueHash }) => [name, value ?? valueHash]));
  const names = after.variables.filter((variable) => {
    const differs = values.get(variable.name) !== (variable.value ?? variable.valueHash);
    values.delete(variable.name);
    return differs;
  });
  return [...names.map(({ name }) => name), ...values.keys()].toSorted();
}
