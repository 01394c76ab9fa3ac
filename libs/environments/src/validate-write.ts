import type { Label } from '@env-cli/keyspace';
import { unreachable } from '@env-cli/support';

import type { WriteBody } from './command.ts';
import { flaw, type Flaw, refusalAt, tooLarge } from './flaw.ts';
import type { Limits } from './limits.ts';
import { flawOfEnvironmentName, flawOfLabelKey, flawOfLabelValue, flawOfVariableName } from './names.ts';
import type { Condition, Operation, VariableInput } from './operation.ts';
import type { Refusal } from './refusal.ts';
import { flawOfText } from './text-rules.ts';
import { problemOfType } from './variable-type-rules.ts';

/** What is wrong with a write, whatever the state is; null when nothing is. `bytes` is the length of the whole command. */
export function refusalOfWrite(body: WriteBody, bytes: number, limits: Limits): Refusal | null {
  const { conditions, operations } = body;
  if (operations.length === 0) return refusalAt('operations', flaw('must hold at least one operation'));
  if (operations.length > limits.operationsMax)
    return refusalAt('operations', tooLarge('operationsMax', limits, operations.length));
  if (conditions.length > limits.conditionsMax)
    return refusalAt('conditions', tooLarge('conditionsMax', limits, conditions.length));
  return (
    first(conditions, 'conditions', (condition, field) => refusalOfCondition(condition, field, limits)) ??
    first(operations, 'operations', (operation, field) => refusalOfOperation(operation, field, limits)) ??
    refusalOfSize(body, bytes, limits)
  );
}

/** Bytes that sealing may add to a value. */
export const sealBytesMax = 64;

/** A place in a request, spelt out only when something is wrong there. */
type Field = () => string;

function first<T>(items: readonly T[], name: string, refusalOf: (item: T, field: Field) => Refusal | null): Refusal | null {
  for (let place = 0; place < items.length; place++) {
    const refusal = refusalOf(items[place]!, () => `${name}[${place}]`);
    if (refusal !== null) return refusal;
  }
  return null;
}

function refusalOfSize(body: WriteBody, bytes: number, limits: Limits): Refusal | null {
  const [operation] = body.operations;
  const isOne = body.operations.every(({ environment }) => environment === operation!.environment);
  if (isOne) {
    // The whole of one environment may be replaced, whatever its size.
    const max = 2 * limits.environmentBytesMax;
    return bytes <= max ? null : { code: 'too-large', field: 'operations', limit: 'environmentBytesMax', max, actual: bytes };
  }
  return bytes <= limits.writeBytesMax ? null : refusalAt('operations', tooLarge('writeBytesMax', limits, bytes));
}

function refusalOfCondition(condition: Condition, field: Field, limits: Limits): Refusal | null {
  const name = flawOfEnvironmentName(condition.environment, limits);
  if (name !== null) return refusalAt(`${field()}.environment`, name);
  if (!('variable' in condition)) return null;
  const variable = flawOfVariableName(condition.variable, limits);
  if (variable !== null) return refusalAt(`${field()}.variable`, variable);
  if (condition.kind !== 'variable-equals' || condition.value === null) return null;
  const value = flawOfText(condition.value, 'valueBytesMax', limits);
  return value === null ? null : refusalAt(`${field()}.value`, value);
}

function refusalOfOperation(operation: Operation, field: Field, limits: Limits): Refusal | null {
  const name = flawOfEnvironmentName(operation.environment, limits);
  if (name !== null) return refusalAt(`${field()}.environment`, name);
  switch (operation.kind) {
    case 'create':
      return (
        refusalOfLabels(operation.labels, field, 'labels', limits) ??
        at(field, 'description', flawOfText(operation.description, 'descriptionBytesMax', limits)) ??
        refusalOfVariables(operation.variables, field, limits)
      );
    case 'set':
    case 'replace':
      return refusalOfVariables(operation.variables, field, limits);
    case 'unset':
      return at(field, 'variables', flawOfNames(operation.variables, limits));
    case 'label':
      return (
        refusalOfLabels(operation.set, field, 'set', limits) ??
        at(field, 'remove', operation.remove.map(flawOfLabelKey).find((found) => found !== null) ?? null)
      );
    case 'describe':
      return at(field, 'description', flawOfText(operation.description, 'descriptionBytesMax', limits));
    case 'delete':
      return null;
    case 'restore':
      return at(field, 'revision', operation.revision > 0 ? null : flaw('must be above 0'));
    default:
      return unreachable(operation);
  }
}

function at(field: Field, part: string, found: Flaw | null): Refusal | null {
  return found === null ? null : refusalAt(`${field()}.${part}`, found);
}

function flawOfNames(names: readonly string[], limits: Limits): Flaw | null {
  if (names.length > limits.variablesMax) return tooLarge('variablesMax', limits, names.length);
  for (const name of names) {
    const found = flawOfVariableName(name, limits);
    if (found !== null) return found;
  }
  return null;
}

function refusalOfLabels(labels: readonly Label[], field: Field, part: string, limits: Limits): Refusal | null {
  if (labels.length > limits.labelsMax) return at(field, part, tooLarge('labelsMax', limits, labels.length));
  if (hasTwins(labels.map(({ key }) => key))) return at(field, part, flaw('must name each label once'));
  for (const { key, value } of labels) {
    const found = flawOfLabelKey(key) ?? flawOfLabelValue(value);
    if (found !== null) return at(field, `${part}[${JSON.stringify(key)}]`, found);
  }
  return null;
}

function refusalOfVariables(variables: readonly VariableInput[], field: Field, limits: Limits): Refusal | null {
  if (variables.length > limits.variablesMax) return at(field, 'variables', tooLarge('variablesMax', limits, variables.length));
  for (let place = 0; place < variables.length; place++) {
    const variable = variables[place]!;
    const name = flawOfVariableName(variable.name, limits);
    if (name !== null) return at(field, `variables[${place}].name`, name);
    const found = flawOfVariable(variable, limits);
    if (found !== null) return at(field, `variables[${place}].${found.part}`, found.flaw);
  }
  return variables.length > 1 && hasTwins(variables.map(({ name }) => name))
    ? at(field, 'variables', flaw('must name each variable once'))
    : null;
}

function flawOfVariable(variable: VariableInput, limits: Limits): { readonly part: string; readonly flaw: Flaw } | null {
  const { value, secret, hash, type, comment } = variable;
  const comments = comment === null ? null : flawOfText(comment, 'commentBytesMax', limits);
  if (comments !== null) return { part: 'comment', flaw: comments };
  if (value === null) return hash === null ? null : { part: 'hash', flaw: flaw('must come with a value') };
  if (secret === true && hash === null) return { part: 'hash', flaw: flaw('must come with the value of a secret') };
  if (hash === null && value.kind === 'sealed') return { part: 'value', flaw: flaw('must not be sealed unless it is a secret') };
  if (secret === false && hash !== null) return { part: 'hash', flaw: flaw('must come with secrets alone') };
  if (value.kind === 'sealed') {
    const { plainLengthBytes, bytes } = value;
    if (plainLengthBytes > limits.valueBytesMax)
      return { part: 'value', flaw: tooLarge('valueBytesMax', limits, plainLengthBytes) };
    return bytes.length > plainLengthBytes + sealBytesMax
      ? { part: 'value', flaw: flaw('must be sealed in few bytes more than it has') }
      : null;
  }
  const text = flawOfText(value.bytes, 'valueBytesMax', limits);
  if (text !== null) return { part: 'value', flaw: text };
  if (type === null || type === 'none') return null;
  const problem = problemOfType(type, value.bytes);
  return problem === null ? null : { part: 'value', flaw: flaw(problem) };
}

/** Whether a name stands twice. Whoever sends them sorted pays no set. */
function hasTwins(names: readonly string[]): boolean {
  let ascends = true;
  for (let i = 1; i < names.length && ascends; i++) ascends = names[i - 1]! < names[i]!;
  return !ascends && new Set(names).size < names.length;
}
