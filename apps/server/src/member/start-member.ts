import { randomBytes, randomInt } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { DataDirectory } from '@env-cli/store-lmdb';

import type { ConsensusReport } from './consensus-thread.ts';
import { foundedClusterId } from './founding.ts';
import type { Member } from './member.ts';
import { ThreadedMember } from './threaded-member.ts';
import type { ApplyStart, ConsensusStart, StateReport, ThreadLog } from './thread-messages.ts';
import { WorkerHandle } from './worker-handle.ts';

export interface MemberOptions {
  /** 1 … 2^32 − 1. */
  readonly memberId: number;
  readonly dataDir: string;
  /** Where other members reach this one. Port 0 takes a free one, which only a cluster of one member can use. */
  readonly peerListen: { readonly host: string; readonly port: number };
  /** Where clients are told to find this member, as host:port. */
  readonly apiAddress: string;
  /**
   * To found a new cluster: its members and their peer addresses, the same list on all of them. Null for a member that has been part of
   * one: then a missing data directory is a lost disk, and refused. A directory that belongs to a cluster is left as it is in both cases.
   */
  readonly found: {
    readonly members: readonly { readonly memberId: number; readonly address: string }[];
    /** Tells clusters apart that are founded with the same list. Defaults to the empty text. */
    readonly token?: string;
  } | null;
  /** Milliseconds of one tick: the interval of heartbeats. Defaults to 100. */
  readonly tickMs?: number;
  /** Ticks without a leader after which a follower stands; up to twice as many. Defaults to 10. */
  readonly electionTicks?: number;
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
    bootstrapped: options.found === null,
    ...(options.reserveBytes === undefined ? {} : { reserveBytes: options.reserveBytes }),
  });
  const started: { terminate(): Promise<void> }[] = [];
  const abort = (): void => {
    for (const worker of started) void worker.terminate();
  };
  try {
    claim(directory, options);
    options.signal?.throwIfAborted();
    options.signal?.addEventListener('abort', abort);
    return await startThreads(directory, options, log, started);
  } catch (error) {
    await Promise.all(started.map((worker) => worker.terminate()));
    directory.close();
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

function claim(directory: DataDirectory, { memberId, found }: MemberOptions): void {
  if (directory.identity === null && found !== null) {
    const clusterId = foundedClusterId(found.token ?? '', found.members);
    directory.claim({ clusterId, memberId, diskId: new Uint8Array(randomBytes(16)) });
  }
  directory.expect({ memberId });
}

async function startThreads(
  directory: DataDirectory,
  options: MemberOptions,
  log: (log: ThreadLog) => void,
  started: { terminate(): Promise<void> }[],
): Promise<Member> {
  const identity = directory.identity!;
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
    startNonce: randomInt(0x1_0000_0000),
  };
  const onFailed = (message: string, diskFull: boolean): void => {
    // Room for the log's end and the next start, which otherwise could not even begin.
    if (diskFull) directory.reserve.giveBack();
    failure.reject(new Error(message));
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

  const consensusStart: ConsensusStart = {
    ...common,
    apply: between.port2,
    api: toConsensus.port1,
    initialMembers: options.found?.members ?? [],
    listen: options.peerListen,
    apiAddress: options.apiAddress,
    tickMs,
    electionTicks,
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
  // While a cluster forms this takes as long as its members do; the state's thread may end meanwhile.
  await Promise.race([consensus.opened, failure.promise]);

  return ThreadedMember.create({
    identity,
    startNonce: common.startNonce,
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
