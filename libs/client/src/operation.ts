import { create } from '@bufbuild/protobuf';
import { unreachable } from '@env-cli/support';
import {
  ConditionSchema,
  OperationSchema,
  VariableUpdateSchema,
  type Condition as WireCondition,
  type Operation as WireOperation,
  type VariableUpdate as WireUpdate,
} from '@env-cli/wire';

import { wireTypes, type VariableType } from './environment.ts';
import { wireRevision } from './revision.ts';

/** A variable to be written. What is left out stays as it was; a new variable is no secret, of no type, without a comment. */
export interface VariableUpdate {
  /** Text of at most 256 KiB in UTF-8; the empty text is a value. */
  readonly value: string;
  readonly secret?: boolean;
  readonly type?: VariableType;
  /** At most 4 KiB in UTF-8. */
  readonly comment?: string;
}

/** Variables by name: a text alone is a value. */
export type Updates = Readonly<Record<string, string | VariableUpdate>>;

/** One step of a write. Each sees what the steps before it did. */
export type Operation =
  /** Creates an environment. Refused with ENVIRONMENT_EXISTS when there is one. */
  | {
      readonly kind: 'create';
      readonly environment: string;
      readonly variables?: Updates;
      readonly labels?: Readonly<Record<string, string>>;
      readonly description?: string;
    }
  /** Sets variables and leaves the others; `replace` makes them the only ones. Refused with ENVIRONMENT_NOT_FOUND without `createIfAbsent`. */
  | {
      readonly kind: 'set' | 'replace';
      readonly environment: string;
      readonly variables: Updates;
      /** Defaults to false. */
      readonly createIfAbsent?: boolean;
    }
  /** Removes variables. A name that does not exist is not an error. */
  | { readonly kind: 'unset'; readonly environment: string; readonly names: readonly string[] }
  | {
      readonly kind: 'label';
      readonly environment: string;
      readonly set?: Readonly<Record<string, string>>;
      readonly remove?: readonly string[];
    }
  /** The empty text removes the description. */
  | { readonly kind: 'describe'; readonly environment: string; readonly description: string }
  /** Its history stays until it is compacted. */
  | { readonly kind: 'delete'; readonly environment: string }
  /** Brings back what it was at a revision, also when it was deleted since. */
  | { readonly kind: 'restore'; readonly environment: string; readonly revision: number };

/** What must hold, in the state before a write, for the write to happen. */
export type Condition =
  | { readonly kind: 'exists' | 'absent'; readonly environment: string }
  /** The revision that last changed the environment. */
  | { readonly kind: 'at-revision'; readonly environment: string; readonly revision: number }
  /** 0: the variable does not exist. */
  | { readonly kind: 'variable-at-revision'; readonly environment: string; readonly variable: string; readonly revision: number }
  | { readonly kind: 'variable-equals'; readonly environment: string; readonly variable: string; readonly value: string };

function updatesFor(variables: Updates): WireUpdate[] {
  return Object.entries(variables).map(([name, update]) => {
    if (typeof update === 'string') return create(VariableUpdateSchema, { name, value: update });
    const { value, secret, type, comment } = update;
    return create(VariableUpdateSchema, {
      name,
      value,
      ...(secret === undefined ? {} : { secret }),
      ...(type === undefined ? {} : { type: wireTypes[type] }),
      ...(comment === undefined ? {} : { comment }),
    });
  });
}

/** An operation as the wire has it. */
export function wireOperation(operation: Operation): WireOperation {
  return create(OperationSchema, { environment: operation.environment, action: actionFor(operation) });
}

function actionFor(operation: Operation): NonNullable<Parameters<typeof create<typeof OperationSchema>>[1]>['action'] & object {
  switch (operation.kind) {
    case 'create': {
      const { variables = {}, labels = {}, description = '' } = operation;
      return { case: 'create', value: { variables: updatesFor(variables), labels: { ...labels }, description } };
    }
    case 'set':
    case 'replace': {
      const { kind, variables, createIfAbsent = false } = operation;
      return { case: kind, value: { variables: updatesFor(variables), createIfAbsent } };
    }
    case 'unset':
      return { case: 'unset', value: { names: [...operation.names] } };
    case 'label':
      return { case: 'label', value: { set: { ...operation.set }, remove: [...(operation.remove ?? [])] } };
    case 'describe':
      return { case: 'describe', value: { description: operation.description } };
    case 'delete':
      return { case: 'delete', value: {} };
    case 'restore':
      return { case: 'restore', value: { revision: wireRevision(operation.revision, 'the revision to restore') } };
    default:
      return unreachable(operation);
  }
}

/** A condition as the wire has it. */
export function wireCondition(condition: Condition): WireCondition {
  return create(ConditionSchema, { environment: condition.environment, demand: demandFor(condition) });
}

function demandFor(condition: Condition): NonNullable<Parameters<typeof create<typeof ConditionSchema>>[1]>['demand'] & object {
  switch (condition.kind) {
    case 'exists':
    case 'absent':
      return { case: 'exists', value: condition.kind === 'exists' };
    case 'at-revision':
      return { case: 'modifyRevision', value: wireRevision(condition.revision, 'the revision of a condition') };
    case 'variable-at-revision': {
      const modifyRevision = wireRevision(condition.revision, 'the revision of a condition');
      return { case: 'variable', value: { name: condition.variable, demand: { case: 'modifyRevision', value: modifyRevision } } };
    }
    case 'variable-equals':
      return { case: 'variable', value: { name: condition.variable, demand: { case: 'value', value: condition.value } } };
    default:
      return unreachable(condition);
  }
}
