import { randomInt } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { featureLevelMax } from '@env-cli/environments';
import { LogFile } from '@env-cli/log-file';
import { FetchFailed, fetchSnapshot, noSecurity, type PeerSecurity } from '@env-cli/peers-grpc';
import type { Index, Term } from '@env-cli/raft';
import type { LogContents, Standing } from '@env-cli/replica';
import {
  checkpointedPosition,
  DataDirectory,
  DataDirectoryRefused,
  type FoundedIdentity,
  installSnapshot,
  newSpoolPath,
  readRepaired,
  SpoolReceiver,
  writeRepaired,
} from '@env-cli/store-lmdb';

import { explained } from '../integrity/alarm-text.ts';
import { FoundingFiles, readFounding } from '../member/founding.ts';
import { Neighbours } from '../member/neighbours.ts';
import { positionOfTables } from '../member/position-of-tables.ts';
import type { TlsPaths } from '../security/tls-files.ts';
import { TlsIdentity } from '../security/tls-identity.ts';
import { examineFetched, type FetchedState, StateUnfit, type StateWanted } from './fetched-state.ts';
import { problemOfOwnState } from './own-state.ts';

interface Address {
  readonly memberId: number;
  readonly address: string;
}

export interface RepairOptions {
  /** The data directory of the member, which does not run. */
  readonly dataDir: string;
  readonly memberId: number;
  /** Where other members are, as far as that is stated; else they are looked for where they were when the cluster was founded. */
  readonly members: readonly Address[];
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

/** What was wrong with a repair, where, and what to do next. Nothing was changed. */
export class RepairRefused extends Error {
  override readonly name = 'RepairRefused';
}

/** Said by a member that knows more of this one than it knows itself: nobody else is asked. */
const finalRefusals: ReadonlySet<string> = new Set([
  'other-disk',
  'older-disk',
  'removed-member',
  'other-certificate',
  'same-member',
]);

const lostVotes = (memberId: number): string =>
  `With the log the votes are gone that member ${memberId} gave, and it must not come back under its number: start a new one with an empty directory, and put it in its place ` +
  `('env-cli member replace ${memberId} NEW-NUMBER PEER-ADDRESS'; docs/operating.md, "Members come and go")`;

/**
 * Gives a member whose state is wrong or lost the state of another member (docs/decisions/0034-repair.md). Its log, with term and vote, is kept.
 *
 * Each step leaves, in any crash, the member as it was or with the new state: the copy is fetched and examined beside everything else; the log hears of the
 * state's term, if that is a later one; the new state is built beside the old one and takes its place by one rename; and only then it is noted that what is known of the
 * old one is not about the new one. Throws {@link RepairRefused}, `DataDirectoryRefused`, `LogFileError`, `StoreFailed`.
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
    fetched = await fetchFromAny(dataDir, identity, { contents: log.contents, indexMin }, options);
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
    await installSnapshot(dataDir, path, build);
    writeRepaired(dataDir, state.index);
    return {
      from,
      state,
      problem: problem ?? 'nothing that is known',
      logGoesOn: termIn(log.contents, state.index) === state.term,
    };
  } finally {
    if (fetched !== null) rmSync(fetched.path, { force: true });
    await log.close();
  }
}

/** What has to be said to replace a state with which nothing is wrong. */
export const forceWords = 'replace a sound state';

interface Fetched {
  readonly from: number;
  readonly path: string;
  readonly state: FetchedState;
}

/** Asks the other members one after another, until one has a state that will do. */
async function fetchFromAny(
  dataDir: string,
  identity: FoundedIdentity,
  { contents, indexMin }: { readonly contents: LogContents; readonly indexMin: number },
  options: RepairOptions,
): Promise<Fetched> {
  const { clusterId, memberId, diskId, formingId } = identity;
  const founding = new FoundingFiles(dataDir).founding!;
  const { epoch, members } = readFounding(founding);
  const others = [...new Map([...members, ...options.members].map((member) => [member.memberId, member.address]))]
    .map(([otherId, address]) => ({ memberId: otherId, address }))
    .filter((other) => other.memberId !== memberId);
  if (others.length === 0) {
    const next = 'Restore a backup (docs/backup.md), or name the members with --members if there are any';
    throw new RepairRefused(`${dataDir}: member ${memberId} is alone in its cluster, so that nobody has its state. ${next}`);
  }
  const { apiAddress } = options;
  const startNonce = randomInt(0x1_0000_0000);
  const self = new Neighbours({
    formingId,
    clusterId,
    epoch,
    memberId,
    diskId,
    apiAddress,
    featureLevelMax,
    startNonce,
    founding,
  });
  // What its own state says of the members is not to be trusted.
  self.beNew();
  const security =
    options.tls === null ? null : new TlsIdentity(options.tls, { memberId, log: (_level, message) => options.say(message) });
  const wanted = { clusterId, epoch, memberId, diskId, indexMin, repairedIndex: readRepaired(dataDir) };
  const found = foundIn(contents);
  try {
    const reasons: string[] = [];
    for (const other of others) {
      const fetched = await fetchFrom(
        dataDir,
        other,
        { ...wanted, from: other.memberId },
        { self, found, security: security ?? noSecurity, options },
      );
      if (typeof fetched !== 'string') return fetched;
      options.say(fetched);
      reasons.push(fetched);
    }
    const next = 'See to it that one of them runs, that --members names them where they are now, and repair again';
    throw new RepairRefused(`${dataDir}: no other member gave a state: ${reasons.join('; ')}. ${next}`);
  } finally {
    security?.stop();
  }
}

interface Fetching {
  readonly self: Neighbours;
  readonly found: Standing;
  readonly security: PeerSecurity;
  readonly options: RepairOptions;
}

/** What a member gave; or, for people, why it gave nothing that can be used. */
async function fetchFrom(dataDir: string, other: Address, wanted: StateWanted, fetching: Fetching): Promise<Fetched | string> {
  const { memberId: from, address } = other;
  const { self, found, security, options } = fetching;
  const received = new Set<SpoolReceiver>();
  let used: string | null = null;
  try {
    let path = '';
    await fetchSnapshot({
      address,
      hello: () => self.hello(from, found),
      credentials: () => security.dial(from),
      refuse: (hello) => self.refuse(hello),
      indexMin: wanted.indexMin as Index,
      begin: async () => {
        path = newSpoolPath(dataDir);
        const file = await SpoolReceiver.create(path);
        received.add(file);
        return file;
      },
      progress: (receivedBytes, sizeBytes) => options.progress(receivedBytes, sizeBytes, from),
    });
    options.say(`Member ${from} at ${address} gave its state. It is examined.`);
    const state = await examineFetched(path, wanted);
    used = path;
    return { from, path, state };
  } catch (error) {
    if (error instanceof FetchFailed && error.refusal !== null && finalRefusals.has(error.refusal.code))
      throw new RepairRefused(`${dataDir}: member ${from} refuses this one: ${error.message.replace(/\.$/, '')}`);
    if (error instanceof FetchFailed) return `member ${from} at ${address} gave none (${error.message.replace(/\.$/, '')})`;
    if (error instanceof StateUnfit) return `what member ${from} at ${address} gave is not used (${error.message})`;
    throw error;
  } finally {
    for (const file of received) {
      await file.close();
      if (file.path !== used) rmSync(file.path, { force: true });
    }
  }
}

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
