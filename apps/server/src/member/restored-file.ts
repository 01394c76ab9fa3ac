import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { idBytes } from '@env-cli/keyspace';
import { DataDirectoryRefused, restoredFileName, seal, unseal } from '@env-cli/store-lmdb';
import { ByteWriter, MalformedBytes } from '@env-cli/support';

/** What a member that was restored from a backup knows of it until its cluster is founded. */
export interface RestoredMark {
  /** That of the backup. */
  readonly clusterId: Uint8Array;
  /** That of the backup: the restored cluster has a higher one. */
  readonly epoch: number;
  /** SHA-256 of the backup's file. */
  readonly backupDigest: Uint8Array;
  /** The members that the restored cluster begins with: the same list on all of them. */
  readonly members: readonly { readonly memberId: number; readonly address: string }[];
}

const kind = { magic: 'envcliRS', format: 1 };
const digestBytes = 32;

export function encodeRestored({ clusterId, epoch, backupDigest, members }: RestoredMark): Uint8Array {
  return seal(kind, (writer) => {
    writer.raw(clusterId).u32OrU64(epoch).raw(backupDigest).varint(members.length);
    for (const { memberId, address } of members) writer.u32(memberId).text(address);
  });
}

/** Reads the mark in a data directory; null when its state did not come from a backup. */
export function readRestored(directory: string): RestoredMark | null {
  const path = join(directory, restoredFileName);
  try {
    return unseal(kind, readFileSync(path), (reader) => ({
      clusterId: reader.raw(idBytes).slice(),
      epoch: reader.u32OrU64(),
      backupDigest: reader.raw(digestBytes).slice(),
      members: Array.from({ length: reader.varint() }, () => ({ memberId: reader.u32(), address: reader.text() })),
    }));
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'ENOENT') return null;
    if (!(error instanceof MalformedBytes)) throw error;
    const what = `it does not say from which backup this directory was restored (${error.message})`;
    throw new DataDirectoryRefused(
      'directory-incomplete',
      path,
      what,
      'Remove the directory, and restore the backup into it again.',
    );
  }
}

/**
 * By what members that were restored from one backup know one another: only who has the same rows and the same list of members comes to the
 * same. The cluster's id does not tell that, for the members of before may still run.
 */
export function restoringIdOf({ backupDigest, members }: Pick<RestoredMark, 'backupDigest' | 'members'>): Uint8Array {
  const writer = new ByteWriter().text('env-cli restore').raw(backupDigest).varint(members.length);
  for (const { memberId, address } of members.toSorted((a, b) => a.memberId - b.memberId)) writer.u32(memberId).text(address);
  return new Uint8Array(createHash('sha256').update(writer.take()).digest().subarray(0, idBytes));
}
