import { ByteReader, type ByteWriter, MalformedBytes } from '@env-cli/support';

import { type Chain, readChain, writeChain } from './chain.ts';
import { decodeTombstone, EnvironmentReader, type Tombstone } from './environment-content.ts';

const format = 1;
const liveKind = 1;
const tombstoneKind = 2;

/** The row of a name: its chain of changes, and the environment or, when it was deleted, its tombstone. */
export interface EnvironmentRow {
  readonly chain: Chain;
  /** Null when it is deleted. */
  readonly live: EnvironmentReader | null;
  /** Null when it is alive. */
  readonly tombstone: Tombstone | null;
}

/** The bytes of a row of `environments`: format, kind (1 live, 2 tombstone), length of the chain, chain, content. */
export function encodeEnvironmentRow(
  writer: ByteWriter,
  scratch: ByteWriter,
  deleted: boolean,
  chain: Chain,
  content: Uint8Array,
): Uint8Array {
  writeChain(scratch, chain);
  return writer
    .u8(format)
    .u8(deleted ? tombstoneKind : liveKind)
    .bytes(scratch.take())
    .raw(content)
    .take();
}

/** Reads a row of `environments`. Throws `MalformedBytes` on another format. */
export function readEnvironmentRow(namespace: string, name: string, bytes: Uint8Array): EnvironmentRow {
  const reader = new ByteReader(bytes);
  const deleted = readKind(reader) === tombstoneKind;
  const chain = readChain(new ByteReader(reader.bytes()));
  const content = bytes.subarray(reader.position);
  return deleted
    ? { chain, live: null, tombstone: decodeTombstone(content) }
    : { chain, live: new EnvironmentReader(namespace, name, content), tombstone: null };
}

/** The environment of a row of `environments`, or null for a tombstone: what most reads want, without the chain. */
export function readLive(namespace: string, name: string, bytes: Uint8Array): EnvironmentReader | null {
  const reader = new ByteReader(bytes);
  if (readKind(reader) === tombstoneKind) return null;
  reader.skip(reader.varint());
  return new EnvironmentReader(namespace, name, bytes.subarray(reader.position));
}

function readKind(reader: ByteReader): number {
  if (reader.u8() !== format) throw new MalformedBytes('an environment of an unknown format');
  const kind = reader.u8();
  if (kind !== liveKind && kind !== tombstoneKind) throw new MalformedBytes('an environment of an unknown kind');
  return kind;
}
