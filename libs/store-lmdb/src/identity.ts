import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, MalformedBytes } from '@env-cli/support';

import { isMissing, replaceFile } from './durable-file.ts';
import { DataDirectoryRefused } from './refusal.ts';
import { seal, unseal } from './sealed-bytes.ts';

/** Whose data a directory holds. */
export interface Identity {
  /** 16 random bytes, made once for a cluster. */
  readonly clusterId: Uint8Array;
  /** 1 … 2^32 − 1. */
  readonly memberId: number;
  /** 16 random bytes, made once for a disk: a member that lost its disk comes back with another one. */
  readonly diskId: Uint8Array;
}

export const idBytes = 16;
const fileName = 'identity';
const kind = { magic: 'envcliID', format: 1 };

/** Makes an identity durable. Written once, before anything else of the member. */
export function writeIdentity(directory: string, identity: Identity): void {
  assert(identity.clusterId.length === idBytes && identity.diskId.length === idBytes, 'ids of clusters and disks have 16 bytes');
  const bytes = seal(kind, (writer) => writer.raw(identity.clusterId).u32(identity.memberId).raw(identity.diskId));
  replaceFile(join(directory, fileName), bytes);
}

/** The identity of a directory, or null when there is none. Refuses a damaged one. */
export function readIdentity(directory: string): Identity | null {
  const path = join(directory, fileName);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    return unseal(kind, bytes, (reader) => ({
      clusterId: reader.raw(idBytes).slice(),
      memberId: reader.u32(),
      diskId: reader.raw(idBytes).slice(),
    }));
  } catch (error) {
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
