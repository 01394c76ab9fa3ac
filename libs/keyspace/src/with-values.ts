import { ByteWriter } from '@env-cli/support';

import { encodeContent, type EnvironmentReader } from './environment-content.ts';
import { VariableMerge } from './merge-variables.ts';
import { writeVariable } from './variable-bytes.ts';
import type { VariableValue } from './variable.ts';

/** What of a secret stands for its text. */
export interface SecretValue {
  readonly value: VariableValue;
  readonly hash: Uint8Array;
}

const writer = new ByteWriter(64 * 1024);
const variablesWriter = new ByteWriter(64 * 1024);
const changesWriter = new ByteWriter(64 * 1024);

/** The content of an environment with other bytes for values that say the same: everything else, revisions too, stays as it is. */
export function withValues(environment: EnvironmentReader, values: ReadonlyMap<string, SecretValue>): Uint8Array {
  const overlay = new Map<string, Uint8Array>();
  for (const cursor = environment.variables(); cursor.next();) {
    const value = values.get(cursor.name);
    if (value === undefined) continue;
    writeVariable(writer, { ...cursor.variable(), ...value });
    overlay.set(cursor.name, writer.cut());
  }
  const merged = new VariableMerge(environment, variablesWriter, changesWriter).merge(overlay, {
    keepOthers: true,
    skipSame: false,
  });
  return encodeContent(writer, {
    head: environment.head,
    description: environment.description,
    labels: environment.labelBytes,
    variableCount: merged.count,
    variables: merged.variables,
  });
}
