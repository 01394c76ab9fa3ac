import { type EnvironmentDraft, environmentAt, type StateTransaction, type VariableCursor } from '@env-cli/keyspace';
import { unreachable } from '@env-cli/support';

import { currentEnvironment } from './conditions.ts';
import { flaw, refusalAt, tooLarge } from './flaw.ts';
import { entryLimits, type Limits } from './limits.ts';
import type { Operation, VariableInput } from './operation.ts';
import { refusalOfRevision } from './position.ts';
import type { Refusal } from './refusal.ts';
import { problemOfType } from './variable-type-rules.ts';
import type { WorkMeter } from './work-meter.ts';

/** What operations work with. */
export interface OperationContext {
  readonly transaction: StateTransaction;
  readonly limits: Limits;
  /** No secret is let in that is not sealed. */
  readonly seals: boolean;
  readonly operation: Operation;
  readonly work: WorkMeter;
  /** As in `operations[2]`. */
  readonly field: () => string;
}

/** Carries an operation out on the draft of its environment. Answers why not, and then the write is over. */
export function carryOut(draft: EnvironmentDraft, context: OperationContext): Refusal | null {
  const { operation } = context;
  switch (operation.kind) {
    case 'create': {
      if (draft.exists) return alreadyExists(draft, context);
      draft.create();
      for (const label of operation.labels) draft.setLabel(label);
      draft.describe(operation.description);
      return setVariables(draft, operation.variables, context);
    }
    case 'set':
      return setOrReplace(draft, operation, context);
    case 'replace':
      return setOrReplace(draft, operation, context);
    case 'unset':
      if (!draft.exists) return notFound(context);
      for (const name of operation.variables) if (draft.variable(name) !== null) draft.removeVariable(name);
      return null;
    case 'label': {
      if (!draft.exists) return notFound(context);
      for (const key of operation.remove) draft.removeLabel(key);
      for (const label of operation.set) draft.setLabel(label);
      const { labelCount } = draft;
      const tooMany = labelCount > context.limits.labelsMax;
      return tooMany ? refusalAt(`${context.field()}.set`, tooLarge('labelsMax', context.limits, labelCount)) : null;
    }
    case 'describe':
      if (!draft.exists) return notFound(context);
      draft.describe(operation.description);
      return null;
    case 'delete':
      if (!draft.exists) return notFound(context);
      draft.delete();
      return null;
    case 'restore':
      return restore(draft, operation, context);
    default:
      return unreachable(operation);
  }
}

function notFound({ operation, field }: OperationContext): Refusal {
  return { code: 'not-found', field: `${field()}.environment`, environment: operation.environment };
}

function alreadyExists(draft: EnvironmentDraft, { operation, field }: OperationContext): Refusal {
  const current = currentEnvironment(draft.row, null);
  return { code: 'already-exists', field: `${field()}.environment`, environment: operation.environment, current };
}

function setOrReplace(
  draft: EnvironmentDraft,
  operation: Extract<Operation, { readonly kind: 'set' | 'replace' }>,
  context: OperationContext,
): Refusal | null {
  if (!draft.exists) {
    if (!operation.createIfAbsent) return notFound(context);
    draft.create();
  }
  if (operation.kind === 'set') return setVariables(draft, operation.variables, context);
  // What the inputs leave as it was is read before everything is cleared.
  const before = operation.variables.map(({ name }) => draft.variable(name));
  draft.clearVariables();
  return setVariables(draft, operation.variables, context, before);
}

function setVariables(
  draft: EnvironmentDraft,
  variables: readonly VariableInput[],
  context: OperationContext,
  befores?: readonly (VariableCursor | null)[],
): Refusal | null {
  for (let place = 0; place < variables.length; place++) {
    const input = variables[place]!;
    const before = befores === undefined ? draft.variable(input.name) : befores[place]!;
    const refusal = setVariable(draft, context, input, before, () => `${context.field()}.variables[${place}]`);
    if (refusal !== null) return refusal;
  }
  return null;
}

function setVariable(
  draft: EnvironmentDraft,
  { seals }: OperationContext,
  input: VariableInput,
  before: VariableCursor | null,
  field: () => string,
): Refusal | null {
  const secret = input.secret ?? before?.secret ?? false;
  const markChanged: Refusal = {
    code: 'secret-mark-changed',
    environment: draft.name,
    variable: input.name,
    secret: before?.secret ?? false,
  };
  const value = input.value ?? before?.value ?? null;
  if (value === null) return refusalAt(`${field()}.value`, flaw('must be given for a variable that does not exist yet'));
  // A value comes sealed and hashed, or neither, as the mark was when the write was prepared; a value that stays can do neither.
  if (input.value === null ? secret !== before!.secret : secret !== (input.hash !== null)) return markChanged;
  if (seals && secret && input.value?.kind === 'plain') {
    return { code: 'secret-not-sealed', environment: draft.name, variable: input.name };
  }
  const type = input.type === null ? (before?.type ?? null) : input.type === 'none' ? null : input.type;
  // A sealed value was looked at before it was sealed.
  if (type !== null && value.kind === 'plain' && !(input.value === null && input.type === null)) {
    const problem = problemOfType(type, value.bytes);
    if (problem !== null) return refusalAt(`${field()}.value`, flaw(problem));
  }
  draft.setVariable({
    name: input.name,
    value,
    secret,
    hash: secret ? (input.hash ?? before!.hash) : null,
    type,
    comment: input.comment ?? before?.comment ?? none,
  });
  return null;
}

const none = new Uint8Array(0);

function restore(
  draft: EnvironmentDraft,
  operation: Extract<Operation, { readonly kind: 'restore' }>,
  { transaction, work, field }: OperationContext,
): Refusal | null {
  const { progress, tables } = transaction;
  const refusal = refusalOfRevision(operation.revision, progress) ?? work.charge(entryLimits.restoreRows);
  if (refusal !== null) return refusal;
  const past = environmentAt(tables, draft.namespace, draft.name, draft.row, operation.revision, progress.floor);
  if (past === null) {
    return { code: 'not-found', field: `${field()}.revision`, environment: operation.environment };
  }
  if (!draft.exists) draft.create();
  draft.clearVariables();
  for (const cursor = past.variables(); cursor.next();) draft.setVariable(cursor.variable());
  draft.clearLabels();
  for (const label of past.labels()) draft.setLabel(label);
  draft.describe(past.description);
  return null;
}
