import type { Condition, Operation, SessionUse, VariableInput, WriteBody } from '@env-cli/environments';
import { type Label, toRevision, variableTypes } from '@env-cli/keyspace';
import { encodeUtf8, unreachable } from '@env-cli/support';
import type {
  Condition as WireCondition,
  Operation as WireOperation,
  SessionWrite,
  VariableUpdate,
  WriteRequest,
} from '@env-cli/wire';

import { invalid } from '../errors/refused.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { natural } from './integers.ts';
import { keyedHash, MarksInWrite, type SecretMarks, unmarked } from './secrets.ts';

/** What a write is made with besides the request itself. */
export interface WriteSurroundings {
  readonly marks: SecretMarks;
  /** The key of the hashes of secrets. */
  readonly hashKey: Uint8Array;
}

/**
 * Whether what is there must be looked at to prepare a write: whether a variable is a secret, or the type of one, is left to how it
 * was, or a text is compared with what may be a secret.
 */
export function needsMarks(request: WriteRequest): boolean {
  for (const { action } of request.operations) {
    if (action.case !== 'set' && action.case !== 'replace' && action.case !== 'create') continue;
    for (const { secret, type } of action.value.variables) {
      if (secret === undefined || (secret && type === undefined)) return true;
    }
  }
  return comparesText(request);
}

/** Whether a condition compares a text: the newest state tells with what, or a condition that holds would be taken for one that does not. */
export function comparesText({ conditions }: WriteRequest): boolean {
  return conditions.some(({ demand }) => demand.case === 'variable' && demand.value.demand.case === 'value');
}

/** How many secrets writes may hold at most, as far as the requests alone tell. */
export function secretsAtMost(requests: readonly WriteRequest[]): number {
  let count = 0;
  for (const { operations } of requests) {
    for (const { action } of operations) {
      if (action.case !== 'set' && action.case !== 'replace' && action.case !== 'create') continue;
      for (const { secret } of action.value.variables) if (secret !== false) count++;
    }
  }
  return count;
}

/** The body with its secrets sealed. What is wrong with their texts was looked at before: nobody sees it any more. */
export function sealedBody(body: WriteBody, namespace: string, secrets: Secrets): WriteBody {
  if (!body.operations.some(holdsSecrets)) return body;
  return { ...body, operations: body.operations.map((operation) => sealedOperation(operation, namespace, secrets)) };
}

function holdsSecrets(operation: Operation): boolean {
  return 'variables' in operation && operation.kind !== 'unset' && operation.variables.some(({ hash }) => hash !== null);
}

function sealedOperation(operation: Operation, namespace: string, secrets: Secrets): Operation {
  if (!('variables' in operation) || operation.kind === 'unset') return operation;
  const { environment } = operation;
  const variables = operation.variables.map((input) => {
    if (input.hash === null || input.value?.kind !== 'plain') return input;
    return { ...input, value: secrets.seal({ namespace, environment, variable: input.name }, input.value.bytes) };
  });
  return { ...operation, variables };
}

/** A request as the body of a command. Rules on names, values and sizes are looked at afterwards, by the library that knows them. */
export function writeBodyOf(request: WriteRequest, { marks, hashKey }: WriteSurroundings): WriteBody {
  const inWrite = new MarksInWrite(marks, request.operations.length);
  return {
    kind: 'write',
    conditions: request.conditions.map((condition, at) => conditionOf(condition, `conditions[${at}]`, marks, hashKey)),
    operations: request.operations.map((operation, at) => operationOf(operation, `operations[${at}]`, inWrite, hashKey)),
  };
}

/** The place of a write in its session. */
export function sessionUseOf(session: SessionWrite | undefined): SessionUse | null {
  if (session === undefined) return null;
  return {
    session: session.sessionId,
    sequence: natural(session.sequence, 'session.sequence'),
    firstIncomplete: natural(session.firstIncomplete, 'session.first_incomplete'),
  };
}

function operationOf({ environment, action }: WireOperation, field: string, marks: MarksInWrite, hashKey: Uint8Array): Operation {
  const variables = (updates: readonly VariableUpdate[]): VariableInput[] =>
    updates.map((update, at) => variableInputOf(update, environment, `${field}.variables[${at}]`, marks, hashKey));
  switch (action.case) {
    case 'create': {
      marks.empty(environment);
      const { labels, description } = action.value;
      return {
        kind: 'create',
        environment,
        labels: labelsOf(labels),
        description: encodeUtf8(description),
        variables: variables(action.value.variables),
      };
    }
    case 'set':
      return {
        kind: 'set',
        environment,
        createIfAbsent: action.value.createIfAbsent,
        variables: variables(action.value.variables),
      };
    case 'replace': {
      const inputs = variables(action.value.variables);
      // The named ones are kept as they stand now, everything else is gone.
      const named = inputs.map(({ name }) => ({ name, mark: marks.of(environment, name) }));
      marks.empty(environment);
      for (const { name, mark } of named) marks.mark(environment, name, mark);
      return { kind: 'replace', environment, createIfAbsent: action.value.createIfAbsent, variables: inputs };
    }
    case 'unset':
      for (const name of action.value.names) marks.mark(environment, name, unmarked);
      return { kind: 'unset', environment, variables: action.value.names };
    case 'label':
      return { kind: 'label', environment, set: labelsOf(action.value.set), remove: action.value.remove };
    case 'describe':
      return { kind: 'describe', environment, description: encodeUtf8(action.value.description) };
    case 'delete':
      marks.empty(environment);
      return { kind: 'delete', environment };
    case 'restore':
      marks.restore(environment);
      return { kind: 'restore', environment, revision: toRevision(natural(action.value.revision, `${field}.revision`)) };
    case undefined:
      throw invalid(field, 'must hold an action: create, set, unset, replace, label, describe, delete or restore');
    default:
      return unreachable(action);
  }
}

function variableInputOf(
  update: VariableUpdate,
  environment: string,
  field: string,
  marks: MarksInWrite,
  hashKey: Uint8Array,
): VariableInput {
  const value = pooledUtf8(update.value);
  const isUnknown = marks.isUnknown(environment, update.name);
  if (update.secret === undefined && isUnknown) {
    throw invalid(`${field}.secret`, 'must be given for a variable of an environment that an operation before restores');
  }
  const before = isUnknown ? unmarked : marks.of(environment, update.name);
  const secret = update.secret ?? before.secret;
  // A secret is held against its type here, where its text is: so the type that it is held against goes with it.
  if (secret && update.type === undefined && isUnknown) {
    throw invalid(`${field}.type`, 'must be given for a secret of an environment that an operation before restores');
  }
  const given = variableTypeOf(update.type, `${field}.type`);
  const type = secret ? (given ?? before.type ?? 'none') : given;
  marks.mark(environment, update.name, { secret, type: type === null ? before.type : type === 'none' ? null : type });
  return {
    name: update.name,
    value: { kind: 'plain', bytes: value },
    secret: update.secret ?? null,
    hash: secret ? keyedHash(hashKey, value) : null,
    type,
    comment: update.comment === undefined ? null : encodeUtf8(update.comment),
  };
}

/** The UTF-8 bytes of a text, of which most come from a pool of Node's: an array of its own costs three times as much. */
function pooledUtf8(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function variableTypeOf(type: number | undefined, field: string): VariableInput['type'] {
  if (type === undefined) return null;
  if (type === 0) return 'none';
  const known = variableTypes[type - 1];
  if (known === undefined) throw invalid(field, `must be one of 0 to ${variableTypes.length}`);
  return known;
}

function conditionOf({ environment, demand }: WireCondition, field: string, marks: SecretMarks, hashKey: Uint8Array): Condition {
  switch (demand.case) {
    case 'exists':
      return { kind: demand.value ? 'environment-exists' : 'environment-absent', environment };
    case 'modifyRevision':
      return demand.value === 0n
        ? { kind: 'environment-absent', environment }
        : {
            kind: 'environment-at-revision',
            environment,
            revision: toRevision(natural(demand.value, `${field}.modify_revision`)),
          };
    case 'variable': {
      const { name: variable, demand: asked } = demand.value;
      if (asked.case === 'value') {
        const value = encodeUtf8(asked.value);
        const mark = marks.of(environment, variable);
        // What stands in the log: of a secret its hash alone, of what is not there nothing. If the mark changes before the condition is looked
        // at, it does not hold, and the writer looks again.
        return {
          kind: 'variable-equals',
          environment,
          variable,
          value: mark === unmarked || mark.secret ? null : value,
          hash: mark.secret ? keyedHash(hashKey, value) : null,
        };
      }
      if (asked.case === undefined) throw invalid(`${field}.variable`, 'must hold a demand: modify_revision or value');
      return asked.value === 0n
        ? { kind: 'variable-absent', environment, variable }
        : {
            kind: 'variable-at-revision',
            environment,
            variable,
            revision: toRevision(natural(asked.value, `${field}.variable.modify_revision`)),
          };
    }
    case undefined:
      throw invalid(field, 'must hold a demand: modify_revision, exists or variable');
    default:
      return unreachable(demand);
  }
}

function labelsOf(labels: Readonly<Record<string, string>>): Label[] {
  return Object.entries(labels)
    .map(([key, value]) => ({ key, value }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
}
