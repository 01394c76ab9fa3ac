import {
  type Label,
  nonceBytes,
  type Revision,
  secretHashBytes,
  type VariableType,
  variableTypes,
  type VariableValue,
} from '@env-cli/keyspace';
import { assert, type ByteReader, type ByteWriter, MalformedBytes, unreachable } from '@env-cli/support';

import type { Operation, VariableInput } from './operation.ts';

/** Kinds in the order of their codes, from 1. New ones go to the end, with a new feature level. */
const operationKinds = [
  'create',
  'set',
  'replace',
  'unset',
  'label',
  'describe',
  'delete',
  'restore',
] as const satisfies Operation['kind'][];

/** Kind, environment, then what the kind carries. */
export function writeOperation(writer: ByteWriter, operation: Operation): void {
  writer.u8(operationKinds.indexOf(operation.kind) + 1).text(operation.environment);
  switch (operation.kind) {
    case 'create':
      writeLabels(writer, operation.labels);
      writer.bytes(operation.description);
      writeVariables(writer, operation.variables);
      return;
    case 'set':
    case 'replace':
      writer.u8(operation.createIfAbsent ? 1 : 0);
      writeVariables(writer, operation.variables);
      return;
    case 'unset':
      writeTexts(writer, operation.variables);
      return;
    case 'label':
      writeLabels(writer, operation.set);
      writeTexts(writer, operation.remove);
      return;
    case 'describe':
      writer.bytes(operation.description);
      return;
    case 'delete':
      return;
    case 'restore':
      writer.varint(operation.revision);
      return;
    default:
      unreachable(operation);
  }
}

/** Reads what {@link writeOperation} wrote. */
export function readOperation(reader: ByteReader): Operation {
  const code = reader.u8();
  const kind = operationKinds[code - 1];
  if (kind === undefined) throw new MalformedBytes(`code ${code} is none of the ${operationKinds.length} of its level`);
  const environment = reader.text();
  switch (kind) {
    case 'create':
      return { kind, environment, labels: readLabels(reader), description: reader.bytes(), variables: readVariables(reader) };
    case 'set':
    case 'replace':
      return { kind, environment, createIfAbsent: reader.u8() === 1, variables: readVariables(reader) };
    case 'unset':
      return { kind, environment, variables: readTexts(reader) };
    case 'label':
      return { kind, environment, set: readLabels(reader), remove: readTexts(reader) };
    case 'describe':
      return { kind, environment, description: reader.bytes() };
    case 'delete':
      return { kind, environment };
    case 'restore':
      return { kind, environment, revision: reader.varint() as Revision };
    default:
      return unreachable(kind);
  }
}

const valueFlag = 0x01;
const sealedFlag = 0x02;
const hashFlag = 0x04;
const typeFlag = 0x08;
const commentFlag = 0x10;
/** Two bits: 0 as it was, 1 not a secret, 2 a secret. */
const secretShift = 5;

function writeVariables(writer: ByteWriter, variables: readonly VariableInput[]): void {
  writer.varint(variables.length);
  for (const variable of variables) writeVariableInput(writer, variable);
}

/** Name, flags, [type], [hash], [comment], [value]. */
function writeVariableInput(writer: ByteWriter, { name, value, secret, hash, type, comment }: VariableInput): void {
  const flags =
    (value === null ? 0 : valueFlag) |
    (value?.kind === 'sealed' ? sealedFlag : 0) |
    (hash === null ? 0 : hashFlag) |
    (type === null ? 0 : typeFlag) |
    (comment === null ? 0 : commentFlag) |
    ((secret === null ? 0 : secret ? 2 : 1) << secretShift);
  writer.text(name).u8(flags);
  if (type !== null) writer.u8(type === 'none' ? 0 : variableTypes.indexOf(type) + 1);
  if (hash !== null) {
    assert(hash.length === secretHashBytes, 'a keyed hash has 16 bytes');
    writer.raw(hash);
  }
  if (comment !== null) writer.bytes(comment);
  if (value !== null) writeValue(writer, value);
}

/** For a sealed value its key, nonce and the length of the text; then the bytes. */
export function writeValue(writer: ByteWriter, value: VariableValue): void {
  if (value.kind === 'sealed') {
    assert(value.nonce.length === nonceBytes, 'a nonce has 12 bytes');
    writer.u32(value.keyId).raw(value.nonce).varint(value.plainLengthBytes);
  }
  writer.bytes(value.bytes);
}

function readVariables(reader: ByteReader): VariableInput[] {
  const variables: VariableInput[] = [];
  for (let left = reader.varint(); left > 0; left--) variables.push(readVariableInput(reader));
  return variables;
}

function readVariableInput(reader: ByteReader): VariableInput {
  const name = reader.text();
  const flags = reader.u8();
  const type = (flags & typeFlag) === 0 ? null : readType(reader);
  const hash = (flags & hashFlag) === 0 ? null : reader.raw(secretHashBytes);
  const comment = (flags & commentFlag) === 0 ? null : reader.bytes();
  const value = (flags & valueFlag) === 0 ? null : readValue(reader, (flags & sealedFlag) !== 0);
  const secret = flags >> secretShift;
  return { name, value, secret: secret === 0 ? null : secret === 2, hash, type, comment };
}

function readType(reader: ByteReader): VariableType | 'none' {
  const code = reader.u8();
  if (code === 0) return 'none';
  const type = variableTypes[code - 1];
  if (type === undefined) throw new MalformedBytes(`code ${code} is none of the ${variableTypes.length} of its level`);
  return type;
}

/** Reads what {@link writeValue} wrote. */
export function readValue(reader: ByteReader, sealed: boolean): VariableValue {
  if (!sealed) return { kind: 'plain', bytes: reader.bytes() };
  const keyId = reader.u32();
  const nonce = reader.raw(nonceBytes);
  const plainLengthBytes = reader.varint();
  return { kind: 'sealed', keyId, nonce, plainLengthBytes, bytes: reader.bytes() };
}

function writeLabels(writer: ByteWriter, labels: readonly Label[]): void {
  writer.varint(labels.length);
  for (const { key, value } of labels) writer.text(key).text(value);
}

function readLabels(reader: ByteReader): Label[] {
  const labels: Label[] = [];
  for (let left = reader.varint(); left > 0; left--) labels.push({ key: reader.text(), value: reader.text() });
  return labels;
}

function writeTexts(writer: ByteWriter, texts: readonly string[]): void {
  writer.varint(texts.length);
  for (const text of texts) writer.text(text);
}

function readTexts(reader: ByteReader): string[] {
  const texts: string[] = [];
  for (let left = reader.varint(); left > 0; left--) texts.push(reader.text());
  return texts;
}
