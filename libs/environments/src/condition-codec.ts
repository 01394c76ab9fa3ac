import type { Revision } from '@env-cli/keyspace';
import { type ByteReader, type ByteWriter, MalformedBytes, unreachable } from '@env-cli/support';

import type { Condition } from './operation.ts';

/** Kinds in the order of their codes, from 1. New ones go to the end, with a new feature level. */
const conditionKinds = [
  'environment-absent',
  'environment-exists',
  'environment-at-revision',
  'variable-absent',
  'variable-at-revision',
  'variable-equals',
] as const satisfies Condition['kind'][];

/** Kind, environment, then what the kind carries. */
export function writeCondition(writer: ByteWriter, condition: Condition): void {
  writer.u8(conditionKinds.indexOf(condition.kind) + 1).text(condition.environment);
  switch (condition.kind) {
    case 'environment-absent':
    case 'environment-exists':
      return;
    case 'environment-at-revision':
      writer.varint(condition.revision);
      return;
    case 'variable-absent':
      writer.text(condition.variable);
      return;
    case 'variable-at-revision':
      writer.text(condition.variable).varint(condition.revision);
      return;
    case 'variable-equals':
      writer.text(condition.variable);
      writeOptional(writer, condition.value);
      writeOptional(writer, condition.hash);
      return;
    default:
      unreachable(condition);
  }
}

/** Reads what {@link writeCondition} wrote. */
export function readCondition(reader: ByteReader): Condition {
  const code = reader.u8();
  const kind = conditionKinds[code - 1];
  if (kind === undefined) throw new MalformedBytes(`code ${code} is none of the ${conditionKinds.length} of its level`);
  const environment = reader.text();
  switch (kind) {
    case 'environment-absent':
    case 'environment-exists':
      return { kind, environment };
    case 'environment-at-revision':
      return { kind, environment, revision: reader.varint() as Revision };
    case 'variable-absent':
      return { kind, environment, variable: reader.text() };
    case 'variable-at-revision':
      return { kind, environment, variable: reader.text(), revision: reader.varint() as Revision };
    case 'variable-equals':
      return { kind, environment, variable: reader.text(), value: readOptional(reader), hash: readOptional(reader) };
    default:
      return unreachable(kind);
  }
}

function writeOptional(writer: ByteWriter, bytes: Uint8Array | null): void {
  writer.u8(bytes === null ? 0 : 1);
  if (bytes !== null) writer.bytes(bytes);
}

function readOptional(reader: ByteReader): Uint8Array | null {
  return reader.u8() === 0 ? null : reader.bytes();
}
