import { ByteReader, ByteWriter } from '@env-cli/support';

import { bytesOfBinaryText } from './binary-text.ts';
import type { Revision } from './revision.ts';
import { asciiText } from './variable-bytes.ts';

/** Where a change stands in the log of changes: its revision, and its place among the changes of that revision (u16). */
export interface ChangePosition {
  readonly revision: Revision;
  readonly ordinal: number;
}

const writer = new ByteWriter(16 * 1024);

/**
 * The key of an environment's row, as a text of one character a byte: namespace, a zero byte, name. Neither holds a zero
 * byte, so rows sort by namespace and then by name.
 */
export function environmentKey(namespace: string, name: string): string {
  return `${namespace}\0${name}`;
}

/** {@link environmentKey} as bytes. Both names are ASCII. */
export function environmentKeyBytes(namespace: string, name: string): Uint8Array {
  return writer.ascii(namespace).u8(0).ascii(name).cut();
}

/** The key of the first row that can follow every name with this prefix. */
export function afterPrefix(namespace: string, prefix: string): Uint8Array {
  // Names are ASCII: nothing that they hold sorts above 0x7f.
  return bytesOfBinaryText(`${namespace}\0${prefix}\u00ff`);
}

/** The name in the key of an environment's row. */
export function nameOfKey(key: Uint8Array): string {
  let name = '';
  for (let i = key.indexOf(0) + 1; i < key.length; i++) name += String.fromCharCode(key[i]!);
  return name;
}

/** The namespace in the key of an environment's row. */
export function namespaceOfKey(key: Uint8Array): string {
  return asciiText(key, 0, key.indexOf(0));
}

/** Key of a row of `changes`: revision u64, ordinal u16, both big-endian, so that rows sort by them. */
export function changeKey(revision: number, ordinal: number): Uint8Array {
  return writer.u64(revision).u16(ordinal).cut();
}

/** The position that a key of `changes` names. */
export function changePosition(key: Uint8Array): ChangePosition {
  const reader = new ByteReader(key);
  const position = { revision: reader.u64() as Revision, ordinal: reader.u16() };
  reader.end();
  return position;
}

/** The lowest key above this one. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
