import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPositionBytes, type StorePosition, writePosition } from '@env-cli/snapshot-file';
import { type ByteReader, equalBytes, MalformedBytes } from '@env-cli/support';

import { isMissing, replaceFileAsync } from './durable-file.ts';
import { type FoundedIdentity, idBytes } from './identity.ts';
import { type MetaPages, parseMetaPages } from './meta-pages.ts';
import { DataDirectoryRefused, repairByReplacement, repairBySnapshot } from './refusal.ts';
import { seal, unseal } from './sealed-bytes.ts';

/** A moment of the state that survives a crash: all its pages are on disk, and these meta pages lead to them. */
export interface Checkpoint {
  readonly position: StorePosition;
  readonly metaPages: MetaPages;
  /** The length of LMDB's file when the meta pages were copied: a shorter one has lost pages. */
  readonly dataBytes: number;
}

/** Whose state it is. A state does not move to another cluster or member. */
export type StateOwner = Pick<FoundedIdentity, 'clusterId' | 'memberId'>;

export const checkpointFileName = 'CHECKPOINT';
const kind = { magic: 'envcliCP', format: 1 };

/** Makes a checkpoint the one that the next start goes back to. The caller has synced the pages that it leads to. */
export async function writeCheckpoint(stateDirectory: string, owner: StateOwner, checkpoint: Checkpoint): Promise<void> {
  const bytes = seal(kind, (writer) => {
    writePosition(writer.raw(owner.clusterId).u32(owner.memberId), checkpoint.position);
    writer.u64(checkpoint.dataBytes).bytes(checkpoint.metaPages.bytes);
  });
  await replaceFileAsync(join(stateDirectory, checkpointFileName), bytes);
}

/** Reads a state's checkpoint. Refuses a missing, damaged or foreign one. */
export function readCheckpoint(stateDirectory: string, owner: StateOwner): Checkpoint {
  const path = join(stateDirectory, checkpointFileName);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new DataDirectoryRefused('checkpoint-missing', path, 'the state has lost its checkpoint', repairBySnapshot, error);
  }
  const decoded = decodeChecked(path, bytes);
  if (!equalBytes(decoded.clusterId, owner.clusterId)) {
    throw new DataDirectoryRefused('other-cluster', path, 'the state belongs to another cluster', repairByReplacement);
  }
  if (decoded.memberId !== owner.memberId) {
    const what = `the state belongs to member ${decoded.memberId}, this is member ${owner.memberId}`;
    throw new DataDirectoryRefused('other-member', path, what, repairByReplacement);
  }
  return decoded.checkpoint;
}

interface Decoded {
  readonly clusterId: Uint8Array;
  readonly memberId: number;
  readonly checkpoint: Checkpoint;
}

function decodeChecked(path: string, bytes: Uint8Array): Decoded {
  try {
    return unseal(kind, bytes, decode);
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw new DataDirectoryRefused('checkpoint-damaged', path, `it cannot be used (${error.message})`, repairBySnapshot, error);
  }
}

function decode(reader: ByteReader): Decoded {
  const clusterId = reader.raw(idBytes).slice();
  const memberId = reader.u32();
  const position = readPositionBytes(reader);
  const dataBytes = reader.u64();
  const metaPages = parseMetaPages(reader.bytes().slice());
  if (metaPages === null) throw new MalformedBytes('its pages are not those of this LMDB');
  return { clusterId, memberId, checkpoint: { position, metaPages, dataBytes } };
}
