import { createHash, randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CommandBody,
  commandLevel,
  decodeCommand,
  decodeEntryData,
  defaultLimits,
  encodeCommand,
  encodeEntryData,
} from '@env-cli/environments';
import type { MemberIdentity } from '@env-cli/keyspace';
import type { FormationStore, Founding } from '@env-cli/replica';
import { replaceFile } from '@env-cli/store-lmdb';
import { assert, ByteWriter, MalformedBytes } from '@env-cli/support';

import { MemberRefused } from './member-refused.ts';
import type { RestoredMark } from './restored-file.ts';

/** What the founder decided: the data of the cluster's first entry. */
const foundingFile = 'founding';
/** Whose decision this member waits for: the disk id of the founder. */
const promiseFile = 'founder';

const idBytes = 16;

/**
 * By what members that found a cluster know one another before it has an id. Everybody who starts with the same list and the same token
 * comes to the same, so that members of clusters that are founded apart refuse one another from the first word on.
 */
export function formingIdOf(
  token: string,
  members: readonly { readonly memberId: number; readonly address: string }[],
): Uint8Array {
  const writer = new ByteWriter().text('env-cli cluster').text(token).varint(members.length);
  for (const { memberId, address } of members.toSorted((a, b) => a.memberId - b.memberId)) writer.u32(memberId).text(address);
  return new Uint8Array(createHash('sha256').update(writer.take()).digest().subarray(0, idBytes));
}

/** The first entry's data: the one `bootstrap` command, with a cluster id that is drawn here. `featureLevel`: the cluster's. */
export function composeFounding(
  founder: { readonly memberId: number; readonly startNonce: number; readonly wallMs: number },
  members: readonly MemberIdentity[],
  featureLevel: number,
): Uint8Array {
  return firstEntry(founder, {
    kind: 'bootstrap',
    clusterId: new Uint8Array(randomBytes(idBytes)),
    members,
    hashKey: new Uint8Array(randomBytes(32)),
    featureLevel,
    limits: defaultLimits,
  });
}

function firstEntry(
  founder: { readonly memberId: number; readonly startNonce: number; readonly wallMs: number },
  body: CommandBody,
): Uint8Array {
  const command = encodeCommand({
    level: commandLevel(body),
    group: 1,
    namespace: 'default',
    principal: `member ${founder.memberId}`,
    authorisationRevision: 0,
    // Nobody waits for counter 0.
    requestId: { member: founder.memberId, startNonce: founder.startNonce, counter: 0 },
    session: null,
    reason: new Uint8Array(),
    body,
  });
  return encodeEntryData({ stampMs: founder.wallMs, deltaMs: 0, commands: [command] });
}

/** What a millisecond is in an epoch: 2^53 of them reach to the year 2109. */
const epochsPerMs = 2 ** 11;
/** An epoch is drawn from so many: those of 1,024 milliseconds. */
export const epochDraws = 2 ** 21;

/**
 * The epoch of a cluster that is restored: the millisecond in which it is founded, or that of the backup if that is higher, and what was drawn
 * beyond it. `drawn`: 0 … {@link epochDraws} − 1.
 *
 * Two restores of one backup have two epochs, also when they are founded at one moment or by clocks that lag behind the backup's: of two in the same second one
 * pair in two million is alike. Of those that are founded more than 1.1 seconds apart the later one has the higher epoch.
 */
export function epochOfRestore(backupEpoch: number, wallMs: number, drawn: number): number {
  const epoch = Math.max(Math.floor(wallMs) * epochsPerMs, backupEpoch) + 1 + drawn;
  assert(Number.isSafeInteger(epoch), 'an epoch is at most 2^53 - 1');
  return epoch;
}

/** The first entry's data of a cluster whose members were restored from one backup. */
export function composeRestoring(
  { clusterId, epoch, backupDigest }: RestoredMark,
  founder: { readonly memberId: number; readonly startNonce: number; readonly wallMs: number },
  members: readonly MemberIdentity[],
): Uint8Array {
  const raised = epochOfRestore(epoch, founder.wallMs, randomInt(epochDraws));
  return firstEntry(founder, { kind: 'restore', clusterId, epoch: raised, members, backupDigest });
}

/** Reads what {@link composeFounding} or {@link composeRestoring} made. Throws {@link MalformedBytes} on anything else. */
export function readFounding(bytes: Uint8Array): Founding {
  const { commands } = decodeEntryData(bytes);
  const [first, ...others] = commands;
  if (first === undefined || others.length > 0) throw new MalformedBytes('a first entry that does not hold one command');
  const { body } = decodeCommand(first);
  if (body.kind === 'restore') return { clusterId: body.clusterId, epoch: body.epoch, members: body.members };
  if (body.kind !== 'bootstrap') throw new MalformedBytes(`a first entry that holds ${body.kind}`);
  return { clusterId: body.clusterId, epoch: 1, members: body.members };
}

/** Reads what a member keeps in its data directory. Throws {@link MemberRefused} where {@link readFounding} throws `MalformedBytes`. */
export function readOwnFounding(dataDir: string, bytes: Uint8Array): Founding {
  try {
    return readFounding(bytes);
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    const next =
      'Copy the file founding from the data directory of another member of this cluster: it is the same on all of them.';
    throw new MemberRefused('founding-damaged', `${dataDir}: founding cannot be read (${error.message}). ${next}`);
  }
}

/** What a member keeps of its forming, in its data directory. */
export class FoundingFiles implements FormationStore {
  readonly #directory: string;
  readonly promised: Uint8Array | null;
  /** What was found at the start. */
  readonly founding: Uint8Array | null;

  constructor(directory: string) {
    this.#directory = directory;
    this.promised = readIfThere(join(directory, promiseFile));
    this.founding = readIfThere(join(directory, foundingFile));
  }

  promise(founderDiskId: Uint8Array): void {
    replaceFile(join(this.#directory, promiseFile), founderDiskId);
  }

  found(founding: Uint8Array): void {
    replaceFile(join(this.#directory, foundingFile), founding);
  }
}

function readIfThere(path: string): Uint8Array | null {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'ENOENT') return null;
    throw error;
  }
}
