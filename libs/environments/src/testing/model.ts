import { decodeUtf8 } from '@env-cli/support';

import type { Operation } from '../operation.ts';

/** An environment as a person would describe it. */
export interface ModelEnvironment {
  readonly created: number;
  readonly modified: number;
  readonly version: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, { readonly value: string; readonly changed: number }>>;
}

export type ModelState = Readonly<Record<string, ModelEnvironment>>;

/** The keyspace as it would be without a log of changes: every state ever, kept whole. Knows set, replace, unset, label, delete, restore. */
export class Model {
  readonly states: ModelState[] = [{}];
  floor = 0;

  get newest(): ModelState {
    return this.states.at(-1)!;
  }

  get revision(): number {
    return this.states.length - 1;
  }

  /** What became of a write of these operations. */
  write(operations: readonly Operation[]): 'applied' | 'unchanged' | 'refused' {
    const before = this.newest;
    const revision = this.states.length;
    let after: ModelState = before;
    for (const operation of operations) {
      const next = this.#step(after, operation, revision);
      if (next === null) return 'refused';
      after = next;
    }
    const settled: Record<string, ModelEnvironment> = {};
    let changed = Object.keys(before).some((name) => !(name in after));
    for (const [name, environment] of Object.entries(after)) {
      settled[name] = settle(before[name], environment, revision);
      changed ||= settled[name] !== before[name];
    }
    if (!changed) return 'unchanged';
    this.states.push(settled);
    return 'applied';
  }

  #step(state: ModelState, operation: Operation, revision: number): ModelState | null {
    const { environment: name } = operation;
    const is = state[name];
    const blank: ModelEnvironment = { created: revision, modified: revision, version: 1, labels: {}, variables: {} };
    switch (operation.kind) {
      case 'set':
      case 'replace': {
        if (is === undefined && !operation.createIfAbsent) return null;
        const base = is ?? blank;
        const variables = operation.kind === 'set' ? { ...base.variables } : {};
        for (const { name: variable, value } of operation.variables) {
          variables[variable] = { value: decodeUtf8(value!.bytes), changed: revision };
        }
        return { ...state, [name]: { ...base, variables } };
      }
      case 'unset': {
        if (is === undefined) return null;
        const gone = new Set(operation.variables);
        const variables = Object.fromEntries(Object.entries(is.variables).filter(([variable]) => !gone.has(variable)));
        return { ...state, [name]: { ...is, variables } };
      }
      case 'label': {
        if (is === undefined) return null;
        const labels = { ...is.labels };
        for (const key of operation.remove) delete labels[key];
        for (const { key, value } of operation.set) labels[key] = value;
        return { ...state, [name]: { ...is, labels } };
      }
      case 'delete': {
        if (is === undefined) return null;
        return Object.fromEntries(Object.entries(state).filter(([other]) => other !== name));
      }
      case 'restore': {
        if (operation.revision < this.floor || operation.revision > this.revision) return null;
        const past = this.states[operation.revision]?.[name];
        if (past === undefined) return null;
        const variables = Object.fromEntries(
          Object.entries(past.variables).map(([variable, { value }]) => [variable, { value, changed: revision }]),
        );
        return { ...state, [name]: { ...(is ?? blank), labels: past.labels, variables } };
      }
      case 'create':
      case 'describe':
      default:
        throw new Error(`the model knows no ${operation.kind}`);
    }
  }
}

/** What an environment is after a write that left it so: itself, if nothing of it changed. */
function settle(before: ModelEnvironment | undefined, after: ModelEnvironment, revision: number): ModelEnvironment {
  if (before === undefined || before.created !== after.created) return after;
  const variables: Record<string, { value: string; changed: number }> = {};
  for (const [name, variable] of Object.entries(after.variables)) {
    const was = before.variables[name];
    variables[name] = was?.value === variable.value ? was : variable;
  }
  if (same(before.labels, after.labels) && same(before.variables, variables)) return before;
  return { ...after, variables, modified: revision, version: before.version + 1 };
}

function same(a: object, b: object): boolean {
  return sortedEntries(a).join() === sortedEntries(b).join();
}

function sortedEntries(of: object): string[] {
  return Object.entries(of)
    .map((entry) => JSON.stringify(entry))
    .toSorted();
}
