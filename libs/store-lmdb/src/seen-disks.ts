import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { livesMax, type RememberedDisk, rememberedDisksMax, type Standing } from '@env-cli/replica';
import { type ByteReader, type ByteWriter, MalformedBytes } from '@env-cli/support';

import { isMissing, replaceFileAsync } from './durable-file.ts';
import { idBytes } from './identity.ts';
import { seal, unseal } from './sealed-bytes.ts';

/** What is remembered of the disks of other members. The directory is whole without it. */
export const seenDisksFileName = 'seen-disks';
const kind = { magic: 'envcliSD', format: 1 };

/** Replaces the file, off the thread. Rejects with what the file system says. */
export function writeSeenDisks(directory: string, disks: readonly RememberedDisk[]): Promise<void> {
  return replaceFileAsync(join(directory, seenDisksFileName), encodeSeenDisks(disks));
}

/** The bytes of `seen-disks`. */
export function encodeSeenDisks(disks: readonly RememberedDisk[]): Uint8Array {
  return seal(kind, (writer) => {
    writer.u8(disks.length);
    for (const { diskId, lives, earlier } of disks) {
      writeStanding(writer.raw(diskId), earlier).u8(lives.length);
      for (const { startNonce, claimed } of lives) writeStanding(writer.u32(startNonce), claimed);
    }
  });
}

/**
 * What was remembered. `problem` says why nothing of it can be read: that is forgotten then, which lets an older disk through
 * unseen, and refuses nobody.
 */
export function readSeenDisks(directory: string): { readonly disks: readonly RememberedDisk[]; readonly problem: string | null } {
  const path = join(directory, seenDisksFileName);
  try {
    return { disks: unseal(kind, readFileSync(path), readDisks), problem: null };
  } catch (error) {
    if (isMissing(error)) return { disks: [], problem: null };
    return { disks: [], problem: `${path}: it cannot be read (${(error as Error).message})` };
  }
}

function readDisks(reader: ByteReader): RememberedDisk[] {
  return Array.from({ length: atMost(reader.u8(), rememberedDisksMax) }, () => {
    const diskId = reader.raw(idBytes).slice();
    const earlier = readStanding(reader);
    const lives = Array.from({ length: atMost(reader.u8(), livesMax) }, () => ({
      startNonce: reader.u32(),
      claimed: readStanding(reader),
    }));
    return { diskId, lives, earlier };
  });
}

function atMost(count: number, limit: number): number {
  if (count > limit) throw new MalformedBytes(`it counts ${count} where ${limit} are the most`);
  return count;
}

function writeStanding(writer: ByteWriter, { term, votedFor, entryTerm, entryIndex }: Standing): ByteWriter {
  return writer.u64(term).u32(votedFor).u64(entryTerm).u64(entryIndex);
}

function readStanding(reader: ByteReader): Standing {
  return { term: reader.u64(), votedFor: reader.u32(), entryTerm: reader.u64(), entryIndex: reader.u64() };
}
