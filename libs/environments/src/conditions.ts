import type { EnvironmentRow, Revision, StateTransaction, VariableCursor } from '@env-cli/keyspace';
import { equalBytes, unreachable } from '@env-cli/support';

import { keyedHash } from './keyed-hash.ts';
import type { Condition } from './operation.ts';
import type { CurrentEnvironment, CurrentVariable, Refusal } from './refusal.ts';
import { rowsOfBytes, type WorkMeter } from './work-meter.ts';

/** Bytes of a plain value whose hashing counts as one row of work more: some 0.2 ms. */
const hashedBytesPerRow = 4 * 1024;

/** Bytes of a plain value that a refusal tells. */
const toldBytesMax = 1024;

/** The first condition that does not hold on the state before a write, with what is there instead; null when all hold. */
export function failedCondition(
  transaction: StateTransaction,
  namespace: string,
  conditions: readonly Condition[],
  work: WorkMeter,
  hashKey: Uint8Array,
): Refusal | null {
  for (let place = 0; place < conditions.length; place++) {
    const condition = conditions[place]!;
    const row = transaction.environments.get(namespace, condition.environment);
    const tooMuch = work.charge(rowsOfBytes(row?.content?.length ?? 0));
    if (tooMuch !== null) return tooMuch;
    const variable = 'variable' in condition ? (row?.live?.cursorAt(condition.variable) ?? null) : null;
    const hashing = work.charge(Math.floor(hashedBytes(condition, variable) / hashedBytesPerRow));
    if (hashing !== null) return hashing;
    if (holds(condition, row, variable, hashKey)) continue;
    return {
      code: 'condition-failed',
      field: `conditions[${place}]`,
      environment: condition.environment,
      variable: 'variable' in condition ? condition.variable : '',
      current: currentEnvironment(row, variable),
    };
  }
  return null;
}

/** Bytes that {@link holds} hashes. */
function hashedBytes(condition: Condition, variable: VariableCursor | null): number {
  const isHashed = condition.kind === 'variable-equals' && condition.value === null && variable?.secret === false;
  return isHashed ? variable.valueBytes.length : 0;
}

function holds(condition: Condition, row: EnvironmentRow | null, variable: VariableCursor | null, hashKey: Uint8Array): boolean {
  const live = row?.live ?? null;
  switch (condition.kind) {
    case 'environment-absent':
      return live === null;
    case 'environment-exists':
      return live !== null;
    case 'environment-at-revision':
      return live !== null && live.modifyRevision === condition.revision;
    case 'variable-absent':
      return variable === null;
    case 'variable-at-revision':
      return variable !== null && variable.changedRevision === condition.revision;
    case 'variable-equals': {
      if (variable === null) return false;
      const { hash, value } = condition;
      if (variable.secret) return hash !== null && equalBytes(variable.hash!, hash);
      if (value !== null) return equalBytes(variable.valueBytes, value);
      return hash !== null && equalBytes(keyedHash(hashKey, variable.valueBytes), hash);
    }
    default:
      return unreachable(condition);
  }
}

/** What a refusal tells of an environment, and of a variable of it. */
export function currentEnvironment(row: EnvironmentRow | null, variable: VariableCursor | null): CurrentEnvironment {
  if (row?.live != null) {
    const { live } = row;
    return {
      revision: live.modifyRevision,
      exists: true,
      changedBy: live.modifiedBy,
      changedAtMs: live.modifyTimeMs,
      variable: variable === null ? null : currentVariable(variable),
    };
  }
  const tombstone = row?.tombstone ?? null;
  return {
    revision: tombstone?.deleteRevision ?? (0 as Revision),
    exists: false,
    changedBy: tombstone?.deletedBy ?? '',
    changedAtMs: tombstone?.deleteTimeMs ?? 0,
    variable: null,
  };
}

function currentVariable(variable: VariableCursor): CurrentVariable {
  return {
    revision: variable.changedRevision,
    secret: variable.secret,
    // Copies: a result outlives the rows of its transaction.
    value: variable.secret ? null : variable.valueBytes.slice(0, toldBytesMax),
    hash: variable.hash?.slice() ?? null,
    valueBytes: variable.plainLengthBytes,
  };
}
