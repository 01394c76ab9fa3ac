import { type EnvironmentReader, type Label, type VariableCursor, type VariableType, variableTypes } from '@env-cli/keyspace';
import { View } from '@env-cli/wire';

import { invalid } from '../errors/refused.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { ProtoWriter } from './proto-writer.ts';

/** Whose variable is shown, and how. */
export interface Shown {
  readonly view: ShownView;
  readonly secrets: Secrets;
  readonly namespace: string;
  readonly environment: string;
}

/** Which values are shown: those that are no secrets, all, or (where an answer would be too large) none. */
export type ShownView = 'masked' | 'full' | 'withheld';

/** The view that a request asks for. */
export function viewOf(view: View, field: string): ShownView {
  if (view === View.FULL) return 'full';
  if (view === View.MASKED || view === View.UNSPECIFIED) return 'masked';
  throw invalid(field, 'must be VIEW_MASKED or VIEW_FULL');
}

/** Field numbers of `envcli.v1.Variable`. */
const variableField = {
  name: 1,
  value: 2,
  secret: 3,
  valueBytes: 4,
  valueHash: 5,
  type: 6,
  comment: 7,
  modifyRevision: 8,
} as const;

/** Field numbers of `envcli.v1.Environment`. */
const environmentField = {
  namespace: 1,
  name: 2,
  variables: 3,
  labels: 4,
  description: 5,
  createRevision: 6,
  modifyRevision: 7,
  version: 8,
} as const;

const typeNumbers = new Map<VariableType | null, number>([
  [null, 0],
  ...variableTypes.map((type, at) => [type, at + 1] as const),
]);

/** What of an environment is written. */
export interface EnvironmentShape {
  readonly view: ShownView;
  readonly secrets: Secrets;
  /** Only these variables. Null: all. */
  readonly variables: readonly string[] | null;
}

/** Writes the fields of an `envcli.v1.Environment`. */
export function writeEnvironment(
  writer: ProtoWriter,
  environment: EnvironmentReader,
  { view, secrets, variables }: EnvironmentShape,
): void {
  writer.text(environmentField.namespace, environment.namespace);
  writer.text(environmentField.name, environment.name);
  if (variables === null || variables.length > 0) {
    const wanted = variables === null ? null : new Set(variables);
    const shown: Shown = { view, secrets, namespace: environment.namespace, environment: environment.name };
    const cursor = environment.variables();
    while (cursor.next()) {
      if (wanted !== null && !wanted.has(cursor.name)) continue;
      const start = writer.begin(environmentField.variables);
      writeVariable(writer, cursor, shown);
      writer.end(start);
    }
  }
  if (environment.labelBytes.length > 0) writeLabels(writer, environmentField.labels, environment.labels());
  writer.bytes(environmentField.description, environment.description);
  writer.uint(environmentField.createRevision, environment.createRevision);
  writer.uint(environmentField.modifyRevision, environment.modifyRevision);
  writer.uint(environmentField.version, environment.version);
}

/** Writes the fields of an `envcli.v1.Variable`: the one on which the cursor stands. */
export function writeVariable(
  writer: ProtoWriter,
  cursor: VariableCursor,
  { view, secrets, namespace, environment }: Shown,
): void {
  writer.bytes(variableField.name, cursor.nameBytes);
  const { secret } = cursor;
  if (!secret && view !== 'withheld') writer.presentBytes(variableField.value, cursor.valueBytes);
  if (secret && view === 'full')
    writer.presentBytes(variableField.value, secrets.open({ namespace, environment, variable: cursor.name }, cursor));
  writer.bool(variableField.secret, secret);
  writer.uint(variableField.valueBytes, cursor.plainLengthBytes);
  if (secret) writer.hex(variableField.valueHash, cursor.hash!);
  writer.uint(variableField.type, typeNumbers.get(cursor.type)!);
  writer.bytes(variableField.comment, cursor.comment);
  writer.uint(variableField.modifyRevision, cursor.changedRevision);
}

/** Writes labels as a `map<string, string>`. */
export function writeLabels(writer: ProtoWriter, field: number, labels: readonly Label[]): void {
  for (const { key, value } of labels) {
    const start = writer.begin(field);
    writer.text(1, key);
    writer.text(2, value);
    writer.end(start);
  }
}
