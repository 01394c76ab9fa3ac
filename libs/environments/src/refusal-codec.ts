import type { Revision } from '@env-cli/keyspace';
import { type ByteReader, type ByteWriter, MalformedBytes, unreachable } from '@env-cli/support';

import type { CurrentEnvironment, CurrentVariable, Refusal, RefusalCode } from './refusal.ts';

type FieldKind = 'text' | 'integer' | 'flag' | 'current';

type FieldsOf<Code extends RefusalCode> = Readonly<
  Record<Exclude<keyof Extract<Refusal, { readonly code: Code }>, 'code'>, FieldKind>
>;

/**
 * The fields of each refusal in the order of their bytes. The order of the codes is that of their numbers, which sessions keep:
 * new ones go to the end.
 */
const fieldsByCode = {
  invalid: { field: 'text', problem: 'text' },
  'too-large': { field: 'text', limit: 'text', max: 'integer', actual: 'integer' },
  'not-found': { field: 'text', environment: 'text' },
  'already-exists': { field: 'text', environment: 'text', current: 'current' },
  'condition-failed': { field: 'text', environment: 'text', variable: 'text', current: 'current' },
  'secret-mark-changed': { environment: 'text', variable: 'text', secret: 'flag' },
  compacted: { asked: 'integer', oldest: 'integer' },
  'future-revision': { asked: 'integer', newest: 'integer' },
  'session-unknown': {},
  'sequence-forgotten': { sequence: 'integer', firstIncomplete: 'integer' },
  'session-full': { max: 'integer' },
  'too-many-sessions': { max: 'integer' },
  'level-too-low': { needed: 'integer', level: 'integer' },
  'not-bootstrapped': {},
  'already-bootstrapped': {},
  'mirror-not-found': { mirror: 'text' },
  'mirror-exists': { mirror: 'text', deleting: 'flag' },
  'target-overlap': { mirror: 'text', namespace: 'text', targetKey: 'text' },
  'too-many-mirrors': { max: 'integer' },
  'target-key-fixed': { mirror: 'text', targetKey: 'text' },
  'stale-term': { term: 'integer', current: 'integer' },
  'entry-full': {},
  'secret-not-sealed': { environment: 'text', variable: 'text' },
  'too-many-data-keys': { max: 'integer' },
  'no-space': { stateBytes: 'integer', quotaBytes: 'integer' },
  'member-number-used': { memberId: 'integer', next: 'integer' },
  'member-address-used': { address: 'text', memberId: 'integer' },
  'too-many-members': { max: 'integer' },
} as const satisfies { readonly [Code in RefusalCode]: FieldsOf<Code> };

/** Every reason by which the cluster refuses a command. */
export const refusalCodes = Object.keys(fieldsByCode) as readonly RefusalCode[];

/** The code u8 (its place in {@link refusalCodes}), then the fields. */
export function writeRefusal(writer: ByteWriter, refusal: Refusal): void {
  writer.u8(refusalCodes.indexOf(refusal.code));
  const values = refusal as unknown as Readonly<Record<string, unknown>>;
  for (const [name, kind] of fieldsOf(refusal.code)) writeField(writer, kind, values[name]);
}

/** Reads what {@link writeRefusal} wrote. */
export function readRefusal(reader: ByteReader): Refusal {
  const code = refusalCodes[reader.u8()];
  if (code === undefined) throw new MalformedBytes('a refusal that is not known');
  const refusal: Record<string, unknown> = { code };
  for (const [name, kind] of fieldsOf(code)) refusal[name] = readField(reader, kind);
  return refusal as unknown as Refusal;
}

function fieldsOf(code: RefusalCode): [string, FieldKind][] {
  return Object.entries(fieldsByCode[code]);
}

function writeField(writer: ByteWriter, kind: FieldKind, value: unknown): void {
  switch (kind) {
    case 'text':
      writer.text(value as string);
      return;
    case 'integer':
      writer.varint(value as number);
      return;
    case 'flag':
      writer.u8(value === true ? 1 : 0);
      return;
    case 'current':
      writeCurrent(writer, value as CurrentEnvironment);
      return;
    default:
      unreachable(kind);
  }
}

function readField(reader: ByteReader, kind: FieldKind): unknown {
  switch (kind) {
    case 'text':
      return reader.text();
    case 'integer':
      return reader.varint();
    case 'flag':
      return reader.u8() === 1;
    case 'current':
      return readCurrent(reader);
    default:
      return unreachable(kind);
  }
}

function writeCurrent(writer: ByteWriter, current: CurrentEnvironment): void {
  writer
    .varint(current.revision)
    .u8(current.exists ? 1 : 0)
    .text(current.changedBy)
    .varint(current.changedAtMs)
    .u8(current.variable === null ? 0 : 1);
  if (current.variable === null) return;
  const { revision, secret, value, hash, valueBytes } = current.variable;
  writer.varint(revision).u8(secret ? 1 : 0);
  writeOptional(writer, value);
  writeOptional(writer, hash);
  writer.varint(valueBytes);
}

function readCurrent(reader: ByteReader): CurrentEnvironment {
  return {
    revision: reader.varint() as Revision,
    exists: reader.u8() === 1,
    changedBy: reader.text(),
    changedAtMs: reader.varint(),
    variable: reader.u8() === 0 ? null : readCurrentVariable(reader),
  };
}

function readCurrentVariable(reader: ByteReader): CurrentVariable {
  return {
    revision: reader.varint() as Revision,
    secret: reader.u8() === 1,
    value: readOptional(reader),
    hash: readOptional(reader),
    valueBytes: reader.varint(),
  };
}

function writeOptional(writer: ByteWriter, bytes: Uint8Array | null): void {
  writer.u8(bytes === null ? 0 : 1);
  if (bytes !== null) writer.bytes(bytes);
}

function readOptional(reader: ByteReader): Uint8Array | null {
  return reader.u8() === 0 ? null : reader.bytes();
}
