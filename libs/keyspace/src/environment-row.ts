import { ByteReader, type ByteWriter, MalformedBytes } from '@env-cli/support';

import { type Chain, readChain, writeChain } from './chain.ts';
import { decodeTombstone, EnvironmentReader, encodeTombstone, type Tombstone } from './environment-content.ts';

const format = 1;
const liveKind = 1;
const tombstoneKind = 2;

/** The row of a name: its chain of changes, and the environment or, when it was deleted, its tombstone. */
export class EnvironmentRow {
  readonly namespace: string;
  readonly name: string;
  readonly chain: Chain;
  /** The environment's content; null when it is deleted. */
  readonly content: Uint8Array | null;
  /** Null when it is alive. */
  readonly tombstone: Tombstone | null;
  #live: EnvironmentReader | null = null;

  /** Either `content` or `tombstone` is there. */
  constructor(namespace: string, name: string, chain: Chain, content: Uint8Array | null, tombstone: Tombstone | null) {
    this.namespace = namespace;
    this.name = name;
    this.chain = chain;
    this.content = content;
    this.tombstone = tombstone;
  }

  /** The environment, null when it is deleted. Read when it is first asked for: most rows that are written are not. */
  get live(): EnvironmentReader | null {
    if (this.content === null) return null;
    this.#live ??= new EnvironmentReader(this.namespace, this.name, this.content);
    return this.#live;
  }
}

/** The bytes of a row of `environments`: format, kind (1 live, 2 tombstone), length of the chain, chain, content. */
export function encodeEnvironmentRow(writer: ByteWriter, scratch: ByteWriter, row: EnvironmentRow): Uint8Array {
  writeChain(scratch, row.chain);
  writer
    .u8(format)
    .u8(row.content === null ? tombstoneKind : liveKind)
    .bytes(scratch.lend());
  return writer.raw(row.content ?? encodeTombstone(scratch, row.tombstone!)).cut();
}

/** Reads a row of `environments`. Throws `MalformedBytes` on another format. */
export function readEnvironmentRow(namespace: string, name: string, bytes: Uint8Array): EnvironmentRow {
  const reader = new ByteReader(bytes);
  const deleted = readKind(reader) === tombstoneKind;
  // The length serves those who pass over the chain.
  reader.varint();
  const chain = readChain(reader);
  const content = bytes.subarray(reader.position);
  return deleted
    ? new EnvironmentRow(namespace, name, chain, null, decodeTombstone(content))
    : new EnvironmentRow(namespace, name, chain, content, null);
}

/** The environment of a row of `environments`, or null for a tombstone: what most reads want, without the chain. */
export function readLive(namespace: string, name: string, bytes: Uint8Array): EnvironmentReader | null {
  const reader = new ByteReader(bytes);
  if (readKind(reader) === tombstoneKind) return null;
  reader.skip(reader.varint());
  return new EnvironmentReader(namespace, name, bytes.subarray(reader.position));
}

/** The length of the content (or tombstone) in a row of `environments`. */
export function contentBytesOf(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes);
  readKind(reader);
  reader.skip(reader.varint());
  return reader.remaining;
}

/** Whether a row of `environments` is one that is not deleted. */
export function isLiveRow(bytes: Uint8Array): boolean {
  return readKind(new ByteReader(bytes)) === liveKind;
}

function readKind(reader: ByteReader): number {
  if (reader.u8() !== format) throw new MalformedBytes('an environment of an unknown format');
  const kind = reader.u8();
  if (kind !== liveKind && kind !== tombstoneKind) throw new MalformedBytes('an environment of an unknown kind');
  return kind;
}
