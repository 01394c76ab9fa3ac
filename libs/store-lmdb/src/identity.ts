import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, MalformedBytes } from '@env-cli/support';

import { isMissing, replaceFile } from './durable-file.ts';
import { DataDirectoryRefused } from './refusal.ts';
import { OtherFormat, seal, unseal } from './sealed-bytes.ts';

/** Whose data a directory holds. */
export interface Identity {
  /** 16 bytes: what the members of a new cluster know one another by until it is founded. */
  readonly formingId: Uint8Array;
  /**
   * 16 random bytes that stand in the cluster's first entry. Null until log and state exist that begin with that entry: a directory
   * with a cluster id is founded, and whoever finds one without its log has lost votes.
   */
  readonly clusterId: Uint8Array | null;
  /** 1 … 2^32 − 1. */
  readonly memberId: number;
  /** 16 random bytes, made once for a disk: a member that lost its disk comes back with another one. */
  readonly diskId: Uint8Array;
}

/** The identity of a directory that is founded. */
export type FoundedIdentity = Identity & { readonly clusterId: Uint8Array };

export const idBytes = 16;
export const identityFileName = 'identity';
const kind = { magic: 'envcliID', format: 2 };

/** Makes an identity durable: the old bytes or the new ones are there, whenever a crash comes. */
export function writeIdentity(directory: string, identity: Identity): void {
  replaceFile(join(directory, identityFileName), encodeIdentity(identity));
}

/** The bytes of `identity`. */
export function encodeIdentity({ formingId, clusterId, memberId, diskId }: Identity): Uint8Array {
  for (const id of [formingId, diskId, clusterId ?? formingId]) assert(id.length === idBytes, 'ids have 16 bytes');
  return seal(kind, (writer) => {
    writer.u32(memberId).raw(diskId).raw(formingId);
    if (clusterId === null) writer.u8(0);
    else writer.u8(1).raw(clusterId);
  });
}

/** The identity of a directory, or null when there is none. Refuses a damaged one, and one of another format. */
export function readIdentity(directory: string): Identity | null {
  const path = join(directory, identityFileName);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    return unseal(kind, bytes, (reader) => {
      const memberId = reader.u32();
      const diskId = reader.raw(idBytes).slice();
      const formingId = reader.raw(idBytes).slice();
      const founded = reader.u8();
      if (founded > 1) throw new MalformedBytes('it neither has a cluster id nor has none');
      return { memberId, diskId, formingId, clusterId: founded === 1 ? reader.raw(idBytes).slice() : null };
    });
  } catch (error) {
    if (error instanceof OtherFormat) throw otherFormat(path, error);
    if (!(error instanceof MalformedBytes)) throw error;
    throw new DataDirectoryRefused(
      'identity-damaged',
      path,
      `it does not say whose directory this is (${error.message})`,
      'Put the file back from a copy of this very directory, or replace the member.',
      error,
    );
  }
}

function otherFormat(path: string, error: OtherFormat): DataDirectoryRefused {
  const earlier = error.format < kind.format;
  const what = `it was made by ${earlier ? 'an earlier' : 'a later'} build (format ${error.format}, this one reads ${kind.format})`;
  const next = earlier
    ? 'Go on with the build that made it; or, if nothing in the cluster is to be kept, stop all members, remove their data directories and found the cluster anew.'
    : 'Start the member with that build, or a later one.';
  return new DataDirectoryRefused('identity-format', path, what, next, error);
}
