import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LogFile } from '@env-cli/log-file';
import type { Term } from '@env-cli/raft';
import type { LogContents, Standing } from '@env-cli/replica';
import {
  checkpointedPosition,
  DataDirectory,
  DataDirectoryRefused,
  type FoundedIdentity,
  installSnapshot,
  readRepaired,
} from '@env-cli/store-lmdb';

import { explained } from '../integrity/alarm-text.ts';
import { positionOfTables } from '../member/position-of-tables.ts';
import type { TlsPaths } from '../security/tls-files.ts';
import type { FetchedState, MemberAddress } from './fetched-state.ts';
import { type Fetched, OtherMembers } from './other-members.ts';
import { problemOfOwnState } from './own-state.ts';
import { putInPlace } from './put-in-place.ts';
import { RepairRefused } from './repair-refused.ts';

export interface RepairOptions {
  /** The data directory of the member, which does not run. */
  readonly dataDir: string;
  readonly memberId: number;
  /** Where other members are, as far as that is stated; else they are looked for where they were when the cluster was founded. */
  readonly members: readonly MemberAddress[];
  readonly apiAddress: string;
  /** Null: members believe one another's word. */
  readonly tls: TlsPaths | null;
  readonly mapBytes?: number;
  readonly logSegmentBytes?: number;
  /** Whether a state is replaced with which nothing is known to be wrong. */
  readonly force: boolean;
  /** One sentence for people. */
  readonly say: (text: string) => void;
  readonly progress: (receivedBytes: number, sizeBytes: number, from: number) => void;
}

export interface RepairDone {
  readonly from: number;
  readonly state: FetchedState;
  /** What was wrong with the state before: a phrase for people. */
  readonly problem: string;
  /** Whether the log goes on behind the new state; else it begins anew there, with its term and vote. */
  readonly logGoesOn: boolean;
}

const lostVotes = (memberId: number): string =>
  `With the log the votes are gone that member ${memberId} gave, and it must not come back under its number: start a new one with an empty directory, and put it in its place ` +
  `('env-cli member replace ${memberId} NEW-NUMBER PEER-ADDRESS'; docs/operating.md, "Members come and go")`;

/**
 * Gives a member whose state is wrong or lost the state of another member (docs/decisions/0034-repair.md). Its log, with term and vote, is kept.
 *
 * Each step leaves, in any crash, the member as it was or with the new state: the copy is fetched and examined beside everything else; the log hears of the
 * state's term, if that is a later one; the new state is built beside the old one and takes its place by one rename; and only then it is noted that what is known of the
 * old one is not about the new one. Throws {@link RepairRefused}, {@link RepairUnfinished}, `DataDirectoryRefused`, `MemberRefused`,
 * `LogFileError`, `StoreFailed`, `NotUnderstood`, and what the system says.
 */
export async function repairMember(options: RepairOptions): Promise<RepairDone> {
  const { dataDir, memberId } = options;
  if (!existsSync(dataDir))
    throw new RepairRefused(
      `${dataDir}: there is no such directory. Name that of the member; if it is lost: ${lostVotes(memberId)}`,
    );
  const directory = openDirectory(dataDir, memberId);
  try {
    const { identity } = directory;
    if (identity?.clusterId == null)
      throw new RepairRefused(`${dataDir}: no cluster was founded with it yet, so there is nothing to repair. Start the member`);
    directory.expect({ memberId });
    return await repair(directory.path, { ...identity, clusterId: identity.clusterId }, options);
  } finally {
    directory.close();
  }
}

function openDirectory(dataDir: string, memberId: number): DataDirectory {
  try {
    return DataDirectory.open(dataDir, { bootstrapped: true, stateRequired: false, reserveBytes: 0 });
  } catch (error) {
    if (!(error instanceof DataDirectoryRefused) || error.code !== 'directory-wiped') throw error;
    throw new RepairRefused(`${dataDir}: it is empty, so there is nothing that a repair could keep. ${lostVotes(memberId)}`);
  }
}

async function repair(dataDir: string, identity: FoundedIdentity, options: RepairOptions): Promise<RepairDone> {
  const { clusterId, memberId, diskId } = identity;
  const failure = Promise.withResolvers<never>();
  // Whoever waits for it is told; nobody may be waiting when the disk fails.
  failure.promise.catch(() => undefined);
  const log = await LogFile.open({
    directory: join(dataDir, 'log'),
    identity: { clusterId, memberId, diskId },
    onFailure: failure.reject,
    createIfEmpty: false,
    options: options.logSegmentBytes === undefined ? {} : { segmentBytes: options.logSegmentBytes },
  });
  const owner = { clusterId, memberId };
  const build = {
    owner,
    readPosition: positionOfTables,
    ...(options.mapBytes === undefined ? {} : { mapBytes: options.mapBytes }),
  };
  let others: OtherMembers | null = null;
  let fetched: Fetched | null = null;
  try {
    const { hardState, previous } = log.contents;
    const checkpointed = checkpointedPosition(dataDir, owner);
    if (checkpointed !== null && checkpointed.appliedTerm > hardState.term) {
      const what = `its state is of term ${checkpointed.appliedTerm}, and its log has only heard of term ${hardState.term}: the log is an older one`;
      throw new RepairRefused(`${dataDir}: ${what}. ${lostVotes(memberId)}`);
    }
    // One that is behind what was applied here may not know of the alarm yet, or of what happened to this member since.
    const indexMin = Math.max(previous.index, checkpointed?.appliedIndex ?? 0);
    others = new OtherMembers({ ...options, dataDir, identity, found: foundIn(log.contents) });
    fetched = await others.fetch(indexMin, readRepaired(dataDir));
    const { state, from, path } = fetched;
    const problem = state.alarm === null ? await problemOfOwnState(dataDir, previous.index, build) : explained(state.alarm);
    if (problem === null && !options.force) {
      const advice = `Start it. To replace the state all the same: --force '${forceWords}'`;
      throw new RepairRefused(
        `${dataDir}: nothing is wrong with the state of member ${memberId}: no alarm is about it, and its rows have the hashes that were kept of them. ${advice}`,
      );
    }
    // A state whose term the log has never heard of would be taken, at the start, for that of another log.
    if (state.term > hardState.term) {
      const write = { hardState: { term: state.term as Term, votedFor: null }, entries: [] };
      await Promise.race([new Promise<void>((durable) => log.append(write, durable)), failure.promise]);
    }
    options.say('The state is put in its place.');
    await putInPlace(dataDir, state.index, () => installSnapshot(dataDir, path, build));
    return {
      from,
      state,
      problem: problem ?? 'nothing that is known',
      logGoesOn: termIn(log.contents, state.index) === state.term,
    };
  } finally {
    others?.stop();
    if (fetched !== null) removeIfPossible(fetched.path);
    await log.close();
  }
}

/** What is left of a copy does not change what came of the repair: the next start removes it. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It may be what is wrong with the disk, and whoever needs to hear of that has heard of it.
  }
}

/** What has to be said to replace a state with which nothing is wrong. */
export const forceWords = 'replace a sound state';

/** What this start found on the disk: see `Hello.found`. */
function foundIn(contents: LogContents): Standing {
  const { hardState, lastIndex } = contents;
  return {
    term: hardState.term,
    votedFor: hardState.votedFor ?? 0,
    entryTerm: termIn(contents, lastIndex) ?? 0,
    entryIndex: lastIndex,
  };
}

/** The term of an entry, or of the one before the first; null for what is not held. */
function termIn({ previous, lastIndex, termRuns }: LogContents, index: number): number | null {
  if (index === previous.index) return previous.term;
  if (index < previous.index || index > lastIndex) return null;
  return termRuns.findLast(({ firstIndex }) => firstIndex <= index)?.term ?? null;
}
