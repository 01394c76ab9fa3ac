import { ByteReader, ByteWriter, encodeUtf8, MalformedBytes } from '@env-cli/support';

import { decodeProgress, initialProgress, type Progress } from './progress.ts';
import { TableHashes } from './table-hashes.ts';
import type { ReadTables, Tables } from './tables.ts';

/**
 * The rows of `meta`:
 *
 * - `progress`: how far apply has come, the clocks, the counters, the chain (`progress.ts`);
 * - `hashes`: the additive hash of each other table;
 * - `cluster`: cluster id, epoch, feature level, hash key; there is none before `bootstrap`;
 * - `level-hold`: whether the feature level stays until somebody asks for another; from level 2 on, and none until somebody says so;
 * - `members`: ids, disks and addresses; `membership`: raft's configuration, opaque here; `limits`, `integrity` and `keyring`: opaque here.
 *
 * `meta` itself is not summed up row by row. The chain takes in, after every entry, what of it changes with entries (index,
 * term, revision, floor, both clocks, the size, the hash of `changes`), and each of the seven other rows whenever it is written.
 */
export const metaKeys = {
  progress: encodeUtf8('progress'),
  hashes: encodeUtf8('hashes'),
  cluster: encodeUtf8('cluster'),
  members: encodeUtf8('members'),
  membership: encodeUtf8('membership'),
  limits: encodeUtf8('limits'),
  integrity: encodeUtf8('integrity'),
  keyring: encodeUtf8('keyring'),
  levelHold: encodeUtf8('level-hold'),
} as const;

/** What a cluster is told apart by, and what it speaks. */
export interface ClusterIdentity {
  /** 16 random bytes. */
  readonly clusterId: Uint8Array;
  /** 1 … 2^53 − 1. From 1; raised by a restore from a backup. */
  readonly epoch: number;
  /** The level of commands that are let in. */
  readonly featureLevel: number;
  /**
   * The key of the hashes of secrets, 32 bytes, of a cluster that seals nothing: one that does has another in its keyring, wrapped.
   * Never shown, in no log and no answer.
   */
  readonly hashKey: Uint8Array;
}

/** A member as the cluster knows it: the same id with another disk is another member, and is refused. */
export interface MemberIdentity {
  /** 1 … 2^32 − 1, given once. */
  readonly memberId: number;
  /** 16 random bytes, drawn when the data directory was made. */
  readonly diskId: Uint8Array;
  /** Where its peers find it, as host:port. */
  readonly address: string;
}

const format = 1;
/** Of the row `members` while nobody comes in the place of another, and while somebody does. */
const membersFormat = 2;
const replacingFormat = 3;
/** Bytes of a cluster's and of a disk's id. */
export const idBytes = 16;
/** Bytes of the key of the hashes of secrets. */
export const hashKeyBytes = 32;

export function readProgress(tables: ReadTables): Progress {
  const bytes = tables.get('meta', metaKeys.progress);
  return bytes === undefined ? initialProgress() : decodeProgress(bytes);
}

export function readHashes(tables: ReadTables): TableHashes {
  const bytes = tables.get('meta', metaKeys.hashes);
  return bytes === undefined ? new TableHashes() : decodeHashesRow(bytes);
}

/** Reads the row `hashes`. */
export function decodeHashesRow(bytes: Uint8Array): TableHashes {
  const reader = new ByteReader(bytes);
  checkFormat(reader, 'hashes');
  return TableHashes.decode(reader);
}

/** The row `hashes`. */
export function encodeHashesRow(hashes: TableHashes): Uint8Array {
  const writer = new ByteWriter(64).u8(format);
  hashes.encode(writer);
  return writer.take();
}

export function writeHashes(tables: Tables, hashes: TableHashes): void {
  tables.put('meta', metaKeys.hashes, encodeHashesRow(hashes));
}

/** The cluster's identity, or null before `bootstrap` was applied. */
export function readClusterIdentity(tables: ReadTables): ClusterIdentity | null {
  const bytes = tables.get('meta', metaKeys.cluster);
  return bytes === undefined ? null : decodeClusterIdentity(bytes);
}

/** Reads the row `cluster`. */
export function decodeClusterIdentity(bytes: Uint8Array): ClusterIdentity {
  const reader = new ByteReader(bytes);
  checkFormat(reader, 'cluster');
  const identity = {
    clusterId: reader.raw(idBytes),
    epoch: reader.u32OrU64(),
    featureLevel: reader.varint(),
    hashKey: reader.raw(hashKeyBytes),
  };
  reader.end();
  return identity;
}

export function encodeClusterIdentity(identity: ClusterIdentity): Uint8Array {
  return new ByteWriter(64)
    .u8(format)
    .raw(identity.clusterId)
    .u32OrU64(identity.epoch)
    .varint(identity.featureLevel)
    .raw(identity.hashKey)
    .take();
}

/** The members that the cluster knows, voters and others, sorted by id; none before `bootstrap`. */
export function readMembers(tables: ReadTables): MemberIdentity[] {
  return readRoster(tables).members;
}

/** The members, and the highest number that one was ever given: numbers are not used again, for a lost disk has lost its votes. */
export interface Roster {
  readonly members: MemberIdentity[];
  /** 0 before `bootstrap`. */
  readonly memberIdLast: number;
  /** Members that come in the place of another: who comes → who goes. Both are members, and each stands here once. */
  readonly replacements: ReadonlyMap<number, number>;
}

export function readRoster(tables: ReadTables): Roster {
  const bytes = tables.get('meta', metaKeys.members);
  return bytes === undefined ? { members: [], memberIdLast: 0, replacements: new Map() } : decodeRoster(bytes);
}

/** Reads the row `members`. In format 1, of before members could be removed, the highest number is that of a member. */
export function decodeRoster(bytes: Uint8Array): Roster {
  const reader = new ByteReader(bytes);
  const found = reader.u8();
  if (found < 1 || found > replacingFormat) throw new MalformedBytes('the row members of meta is of an unknown format');
  const last = found === 1 ? 0 : reader.u32();
  const members = decodeMembers(reader);
  const replacements = new Map<number, number>();
  if (found === replacingFormat) for (let left = reader.varint(); left > 0; left--) replacements.set(reader.u32(), reader.u32());
  reader.end();
  return { members, memberIdLast: Math.max(last, ...members.map(({ memberId }) => memberId)), replacements };
}

export function encodeMembers(writer: ByteWriter, members: readonly MemberIdentity[]): void {
  writer.varint(members.length);
  for (const { memberId, diskId, address } of [...members].toSorted((a, b) => a.memberId - b.memberId)) {
    writer.u32(memberId).raw(diskId).text(address);
  }
}

export function decodeMembers(reader: ByteReader): MemberIdentity[] {
  const members: MemberIdentity[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    members.push({ memberId: reader.u32(), diskId: reader.raw(idBytes), address: reader.text() });
  }
  return members;
}

/**
 * The row `members`: format, the highest number ever given, the members. Format 3 has behind them the pairs of who comes and who goes, ascending, and is
 * written only while there are some: a cluster of feature level 1 has none.
 */
export function encodeRoster(roster: { readonly [Key in keyof Roster]: Readonly<Roster[Key]> }): Uint8Array {
  const { members, memberIdLast, replacements } = roster;
  const writer = new ByteWriter(256).u8(replacements.size === 0 ? membersFormat : replacingFormat).u32(memberIdLast);
  encodeMembers(writer, members);
  if (replacements.size === 0) return writer.take();
  writer.varint(replacements.size);
  for (const [comes, goes] of [...replacements].toSorted(([a], [b]) => a - b)) writer.u32(comes).u32(goes);
  return writer.take();
}

/** Raft's configuration as the last applied configuration entry gave it, or null before the first. */
export function readMembership(tables: ReadTables): Uint8Array | null {
  return tables.get('meta', metaKeys.membership) ?? null;
}

/** Whether the feature level stays as it is until somebody asks for another. */
export function readLevelHold(tables: ReadTables): boolean {
  const bytes = tables.get('meta', metaKeys.levelHold);
  if (bytes === undefined) return false;
  const reader = new ByteReader(bytes);
  checkFormat(reader, 'level-hold');
  const held = reader.u8() === 1;
  reader.end();
  return held;
}

/** The row `level-hold`. */
export function encodeLevelHold(held: boolean): Uint8Array {
  return new ByteWriter(8)
    .u8(format)
    .u8(held ? 1 : 0)
    .take();
}

function checkFormat(reader: ByteReader, row: string): void {
  if (reader.u8() !== format) throw new MalformedBytes(`the row ${row} of meta is of an unknown format`);
}
