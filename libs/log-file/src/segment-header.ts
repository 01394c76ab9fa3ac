import { crc32 } from 'node:zlib';
import { equalBytes, hexOf } from '@env-cli/support';

import { LogFileError } from './log-file-error.ts';

/** Whose log it is. The disk id is made once for a disk: a member that lost its disk comes back with another one. */
export interface LogIdentity {
  /** 16 random bytes. */
  readonly clusterId: Uint8Array;
  /** 1 … 2^32 − 1. */
  readonly memberId: number;
  /** 16 random bytes. */
  readonly diskId: Uint8Array;
}

/**
 * What batches begin at and are padded to, and the size of a segment's header.
 *
 * A page of the kernel: so a write never has to read a page first, and never touches one that holds an older batch, which a
 * page torn by a power loss would take along.
 */
export const pageBytes = 4096;

/** The version of everything in a segment: header, batches, entries. Raised with every change of their layout. */
export const formatVersion = 1;

const magic = Uint8Array.from('ENVLOGSG', (letter) => letter.charCodeAt(0));
const crcAt = 8;
const versionAt = 12;
const segmentAt = 16;
export const saltBytes = 8;
const saltAt = 24;
const clusterAt = 32;
const diskAt = 48;
const memberAt = 64;

/** The head of a segment file. */
export interface SegmentHeader {
  readonly id: number;
  /**
   * Random bytes that each batch of the segment repeats: what an earlier use of the file left behind, or what somebody
   * wrote into a value, never looks like a batch of this segment.
   */
  readonly salt: Uint8Array;
}

export function encodeSegmentHeader(header: SegmentHeader, identity: LogIdentity): Uint8Array {
  const bytes = new Uint8Array(pageBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint32(versionAt, formatVersion);
  view.setBigUint64(segmentAt, BigInt(header.id));
  bytes.set(header.salt, saltAt);
  bytes.set(identity.clusterId, clusterAt);
  bytes.set(identity.diskId, diskAt);
  view.setUint32(memberAt, identity.memberId);
  view.setUint32(crcAt, crc32(bytes.subarray(versionAt)));
  return bytes;
}

/** Reads a segment's head; refuses another format, damage, and what belongs to somebody else. */
export function decodeSegmentHeader(bytes: Uint8Array, path: string, identity: LogIdentity): SegmentHeader {
  if (bytes.length < pageBytes || !equalBytes(bytes.subarray(0, magic.length), magic)) {
    throw new LogFileError('log-damaged', path, 'the file does not begin as a segment of a log does');
  }
  const head = bytes.subarray(0, pageBytes);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const version = view.getUint32(versionAt);
  if (version !== formatVersion) {
    throw new LogFileError('log-format', path, `the segment has format ${version}, this release knows format ${formatVersion}`);
  }
  if (view.getUint32(crcAt) !== crc32(head.subarray(versionAt))) {
    throw new LogFileError('log-damaged', path, 'the head of the segment has a wrong checksum');
  }
  const found: LogIdentity = {
    clusterId: head.subarray(clusterAt, diskAt),
    diskId: head.subarray(diskAt, memberAt),
    memberId: view.getUint32(memberAt),
  };
  const difference = differenceOf(found, identity);
  if (difference !== null) throw new LogFileError('log-foreign', path, difference);
  return { id: Number(view.getBigUint64(segmentAt)), salt: head.slice(saltAt, saltAt + saltBytes) };
}

function differenceOf(found: LogIdentity, own: LogIdentity): string | null {
  if (!equalBytes(found.clusterId, own.clusterId)) {
    return `the log belongs to cluster ${hexOf(found.clusterId)}, this is cluster ${hexOf(own.clusterId)}`;
  }
  if (found.memberId !== own.memberId) return `the log belongs to member ${found.memberId}, this is member ${own.memberId}`;
  if (!equalBytes(found.diskId, own.diskId)) {
    return `the log was written on disk ${hexOf(found.diskId)}, this is disk ${hexOf(own.diskId)}`;
  }
  return null;
}

const segmentName = /^(\d{16})\.log$/;

/** The file name of a segment: its id in 16 digits, so that names sort as ids do. */
export function segmentFileName(id: number): string {
  return `${String(id).padStart(16, '0')}.log`;
}

/** The id that a file name means, or null for a name that is no segment's. */
export function segmentIdOf(fileName: string): number | null {
  const digits = segmentName.exec(fileName)?.[1];
  return digits === undefined ? null : Number(digits);
}
