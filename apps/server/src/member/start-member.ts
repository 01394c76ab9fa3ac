import { randomBytes, randomInt } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { featureLevelMax } from '@env-cli/environments';
import { joiningId } from '@env-cli/replica';
import { DataDirectory, type FoundedIdentity } from '@env-cli/store-lmdb';

import type { ConsensusReport } from './consensus-thread.ts';
import { formCluster } from './forming.ts';
import { joinCluster } from './joining.ts';
import { FoundingFiles, formingIdOf, readOwnFounding } from './founding.ts';
import type { Member } from './member.ts';
import { MemberRefused } from './member-refused.ts';
import type { TlsPaths } from '../security/tls-files.ts';
import { readRestored } from './restored-file.ts';
import { ThreadedMember } from './threaded-member.ts';
import type { ApplyStart, ConsensusStart, StateReport, ThreadLog } from './thread-messages.ts';
import { WorkerHandle } from './worker-handle.ts';

export interface MemberOptions {
  /** 1 … 2^32 − 1. */
  readonly memberId: number;
  readonly dataDir: string;
  /** Where other members reach this one. Port 0 takes a free one, which only a cluster of one member can use. */
  readonly peerListen: { readonly host: string; readonly port: number };
  /** The member's certificate, and whom it believes. Defaults to null: members believe one another's word. */
  readonly tls?: TlsPaths | null;
  /** Where clients are told to find this member, as host:port. */
  readonly apiAddress: string;
  /**
   * To found a new cluster: its members and their peer addresses, the same list on all of them. Null for a member that has been part of
   * one: then an empty data directory is a lost disk, and refused. A directory that belongs to a cluster is left as it is in both cases.
   */
  readonly found: {
    readonly members: readonly { readonly memberId: number; readonly address: string }[];
    /** Tells clusters apart that are founded with the same list. Defaults to the empty text. */
    readonly token?: string;
  } | null;
  /**
   * To join a cluster that runs, which then has to add this member: members of it, and this one, with their peer addresses. Not both this and
   * `found`. A directory that belongs to a cluster is left as it is. Defaults to null.
   */
  readonly join?: { readonly members: readonly { readonly memberId: number; readonly address: string }[] } | null;
  /** Milliseconds of one tick: the interval of heartbeats. Defaults to 100. */
  readonly tickMs?: number;
  /** Ticks without a leader after which a follower stands; up to twice as many. Defaults to 10. */
  readonly electionTicks?: number;
  /** See `ReplicaOptions.slowLeaderMs`. */
  readonly slowLeaderMs?: number;
  /** Bytes a second of all copies of the state together that go out to other members. Defaults to 64 MiB. */
  readonly snapshotBytesPerSecondMax?: number;
  /** Bytes kept for the day on which the disk is full. Defaults to 16 MiB. */
  readonly reserveBytes?: number;
  /** Address space of the state's file. Defaults to 64 GiB. */
  readonly mapBytes?: number;
  /** Bytes of one segment of the log. Defaults to 64 MiB. */
  readonly logSegmentBytes?: number;
  /** Entries that the log keeps for members that were away for a moment. Defaults to 100,000, and to 64 MiB of them. */
  readonly logTailEntriesMax?: number;
  /** Milliseconds between two scrubs of the state. Defaults to an hour. */
  readonly scrubIntervalMs?: number;
  /** Gives up the start, which otherwise waits for as long as a new cluster's members do. */
  readonly signal?: AbortSignal;
}

const tickMsDefault = 100;
const electionTicksDefault = 10;
const scrubIntervalMsDefault = 3_600_000;

/**
 * Starts a member: its data directory, the thread of its state, the thread of its consensus. Resolves once it takes part in its cluster;
 * for a new cluster, that is when all of its members have met.
 *
 * Rejects, with a message for people, when the directory, log or state cannot be used or belongs elsewhere, when the peer address is
 * taken, and when the cluster knows this member with another disk.
 */
export async function startMember(options: MemberOptions, log: (log: ThreadLog) => void): Promise<Member> {
  const directory = DataDirectory.open(options.dataDir, {
    bootstrapped: options.found === null && (options.join ?? null) === null,
    ...(options.reserveBytes === undefined ? {} : { reserveBytes: options.reserveBytes }),
  });
  const started: { terminate(): Promise<unknown> }[] = [];
  const abort = (): void => {
    for (const worker of started) void worker.terminate();
  };
  try {
    claim(directory, options);
    options.signal?.throwIfAborted();
    options.signal?.addEventListener('abort', abort);
    const startNonce = randomInt(0x1_0000_0000);
    const founding = await foundingOf(directory, options, startNonce, log, started);
    options.signal?.throwIfAborted();
    return await startThreads({ directory, options, founding, startNonce, log, started });
  } catch (error) {
    await Promise.all(started.map((worker) => worker.terminate()));
    directory.close();
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

function claim(directory: DataDirectory, { memberId, found, join = null }: MemberOptions): void {
  const formingId = found !== null ? formingIdOf(found.token ?? '', found.members) : join === null ? null : joiningId;
  if (formingId !== null) {
    if (directory.identity === null)
      directory.claim({ formingId, clusterId: null, memberId, diskId: new Uint8Array(randomBytes(16)) });
    // One that was restored forms its cluster by what it was restored with.
    else if (directory.identity.clusterId === null && !directory.restored) directory.formAs(formingId);
  }
  directory.expect({ memberId });
}

/** The data of the cluster's first entry: kept here, or what the cluster is founded with now. */
async function foundingOf(
  directory: DataDirectory,
  options: MemberOptions,
  startNonce: number,
  log: (log: ThreadLog) => void,
  started: { terminate(): Promise<unknown> }[],
): Promise<Uint8Array> {
  const files = new FoundingFiles(directory.path);
  if (files.founding !== null) return files.founding;
  const restored = readRestored(directory.path);
  const { formingId, diskId, memberId } = directory.identity!;
  const common = {
    memberId,
    diskId,
    startNonce,
    apiAddress: options.apiAddress,
    listen: options.peerListen,
    tls: options.tls ?? null,
    files,
    log,
    onBegun: (peers: { close(): Promise<void> }) => {
      started.push({ terminate: () => peers.close() });
      // It may have been given up while the address was being taken.
      if (options.signal?.aborted === true) void peers.close();
    },
  };
  const { join = null } = options;
  if (join !== null && restored === null) return joinCluster({ ...common, members: join.members });
  return formCluster({ ...common, formingId, restored, initialMembers: restored?.members ?? options.found?.members ?? [] });
}

interface StartParts {
  readonly directory: DataDirectory;
  readonly options: MemberOptions;
  readonly founding: Uint8Array;
  readonly startNonce: number;
  readonly log: (log: ThreadLog) => void;
  readonly started: { terminate(): Promise<unknown> }[];
}

async function startThreads({ directory, options, founding, startNonce, log, started }: StartParts): Promise<Member> {
  const isFounded = directory.identity!.clusterId !== null;
  const { clusterId, epoch } = readOwnFounding(directory.path, founding);
  // A founding that another cluster's directory was given is not this member's.
  if (isFounded) directory.expect({ clusterId });
  const identity: FoundedIdentity = { ...directory.identity!, clusterId };
  const between = new MessageChannel();
  const toConsensus = new MessageChannel();
  const toApply = new MessageChannel();
  const tickMs = options.tickMs ?? tickMsDefault;
  const electionTicks = options.electionTicks ?? electionTicksDefault;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const common = {
    ...identity,
    dataDir: directory.path,
    startNonce,
  };
  const onFailed = (error: Error, diskFull: boolean): void => {
    // Room for the log's end and the next start, which otherwise could not even begin.
    if (diskFull) directory.reserve.giveBack();
    failure.reject(error);
  };

  const applyStart: ApplyStart = {
    ...common,
    consensus: between.port1,
    api: toApply.port1,
    mapBytes: options.mapBytes ?? null,
    scrubIntervalMs: options.scrubIntervalMs ?? scrubIntervalMsDefault,
  };
  const apply = new WorkerHandle<StateReport>({
    name: 'apply-worker',
    start: applyStart,
    ports: [between.port1, toApply.port1],
    log,
    onFailed,
  });
  started.push(apply);
  const state = await apply.opened;
  if (state.featureLevel > featureLevelMax) {
    const found = `its state is of feature level ${state.featureLevel}, and this program understands up to ${featureLevelMax}`;
    throw new MemberRefused(
      'feature-level',
      `${directory.path}: ${found}. Start it with the version that the other members run.`,
    );
  }
  if (directory.restored && state.epoch === 0) {
    const next = 'Remove the directory, and restore the backup into it again.';
    throw new MemberRefused(
      'restored-state-lost',
      `${directory.path}: its state is not the one that was restored from a backup. ${next}`,
    );
  }

  const consensusStart: ConsensusStart = {
    ...common,
    apply: between.port2,
    api: toConsensus.port1,
    founding,
    joinMembers: options.join?.members ?? [],
    isFounded,
    listen: options.peerListen,
    apiAddress: options.apiAddress,
    tls: options.tls ?? null,
    tickMs,
    electionTicks,
    slowLeaderMs: options.slowLeaderMs ?? null,
    snapshotBytesPerSecondMax: options.snapshotBytesPerSecondMax ?? null,
    logSegmentBytes: options.logSegmentBytes ?? null,
    logTailEntriesMax: options.logTailEntriesMax ?? null,
    state,
  };
  const consensus = new WorkerHandle<ConsensusReport>({
    name: 'consensus-worker',
    start: consensusStart,
    ports: [between.port2, toConsensus.port1],
    log,
    onFailed,
  });
  started.push(consensus);
  // The state's thread may end meanwhile.
  await Promise.race([consensus.opened, failure.promise]);

  return ThreadedMember.create({
    identity,
    epoch,
    startNonce,
    state,
    directory,
    apply,
    consensus,
    applyPort: toApply.port2,
    consensusPort: toConsensus.port2,
    mapBytes: options.mapBytes ?? null,
    leaderWaitMs: tickMs * electionTicks,
    failed: failure.promise,
    log,
  });
}
