import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { type Client, type ClusterStatus, connect, EnvCliError } from '@env-cli/client';

import { LocalCluster } from '../support/cluster.ts';
import { fileDifferences, hashDifferences, settled } from '../support/equality.ts';
import { Random } from '../support/random.ts';
import { changesOf, Follower, historyFlaws } from './checks.ts';
import { FaultyDisk } from './faulty.ts';
import { blockThread, inspectorAddress, type ThreadName } from './inspector.ts';
import type { FaultyNetwork } from './network.ts';
import { loadPrefix, Workload } from './workload.ts';

/** The members' election timeout, in milliseconds: each waits for one to two of it. */
export const electionMs = 1000;

/** How long everything may take to be well again once nothing is troubled any more. */
export const healMsMax = 60_000;

export interface TrialOptions {
  /** Who and what is troubled, and what clients do, follow from it; when, from the machine as well. */
  readonly seed: number;
  /** The checker of histories; see porcupine.ts. */
  readonly porcupine: string;
  /** Closed by the trial. */
  readonly network: FaultyNetwork;
  /** Whether the members' disks can be made to fail. */
  readonly faultyDisks: boolean;
  /** How long a client waits between two operations, in milliseconds: less is more load. Defaults to 10. */
  readonly paceMs?: number;
  /** Where the data lies. Defaults to a temporary folder that `close` removes. */
  readonly directory?: string;
  /** Called once the folders are known, before any member runs. */
  readonly prepare?: (cluster: LocalCluster) => void;
  /** Defaults to 3. */
  readonly memberCount?: number;
}

/** A cluster under load whose members, network and disks can be troubled, and what it promised meanwhile. */
export class Trial {
  readonly cluster: LocalCluster;
  readonly network: FaultyNetwork;
  readonly workload: Workload;
  /** For the choices of who is troubled, and how. */
  readonly random: Random;
  /** The folder of a mirror that takes in all of the load. */
  readonly mirrorDir: string;
  readonly #porcupine: string;
  readonly #disks: ReadonlyMap<number, FaultyDisk>;
  readonly #clients: Client[] = [];
  readonly #followers: Follower[] = [];
  #admin: Client | null = null;
  #memberIdLast: number;

  /** A trial whose members are ready and whose load runs. The caller closes it. */
  static async start(options: TrialOptions): Promise<Trial> {
    const { network, memberCount = 3, faultyDisks } = options;
    const disks = new Map<number, FaultyDisk>();
    let cluster: LocalCluster;
    try {
      cluster = await LocalCluster.create({
        memberCount,
        network,
        ...(options.directory === undefined ? {} : { directory: options.directory }),
        // Small, so that segments come and go.
        flags: ['--log-segment-size=1MiB', '--hash-check-interval=1s', '--heartbeat-interval=100ms', '--election-ticks=10'],
        nodeFlags: (id) => [`--inspect=${network.hostOf(id)}:0`],
        memberEnv: (id) => disks.get(id)?.env ?? {},
      });
    } catch (error) {
      await network.close();
      throw error;
    }
    const trial = new Trial(cluster, disks, options);
    try {
      if (faultyDisks) {
        const directory = join(cluster.directory, 'faulty');
        mkdirSync(directory);
        for (const { id } of cluster.members) disks.set(id, new FaultyDisk(directory, `member-${id}`));
      }
      options.prepare?.(cluster);
      for (const { id } of cluster.members) cluster.startMember(id);
      await cluster.ready(healMsMax);
      await trial.#begin();
      return trial;
    } catch (error) {
      await trial.close();
      throw error;
    }
  }

  private constructor(cluster: LocalCluster, disks: ReadonlyMap<number, FaultyDisk>, options: TrialOptions) {
    this.cluster = cluster;
    this.network = options.network;
    // Two, for how many choices clients make depends on how fast the machine is.
    this.random = new Random(options.seed);
    this.workload = new Workload(new Random(options.seed ^ 0x5bd1e995), options.paceMs ?? 10);
    this.mirrorDir = join(cluster.directory, 'mirrored');
    this.#porcupine = options.porcupine;
    this.#memberIdLast = cluster.members.length;
    this.#disks = disks;
  }

  /** The members, by the places that they are in. */
  get ids(): number[] {
    return this.cluster.members.map(({ id }) => id);
  }

  get hasFaultyDisks(): boolean {
    return this.#disks.size > 0;
  }

  disk(id: number): FaultyDisk {
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new Error('this trial has no disks that can fail');
    return disk;
  }

  /** A client that waits out all that happens. */
  get admin(): Client {
    if (this.#admin === null) throw new Error('the trial has not begun');
    return this.#admin;
  }

  /** Who leads, or the first member when nobody is known to. */
  async leaderId(): Promise<number> {
    const { leaderId } = await this.admin.cluster.status();
    return this.cluster.members.find(({ memberId }) => memberId === leaderId)?.id ?? this.ids[0]!;
  }

  /**
   * Puts a new member with a new number and an empty directory in the place of one that does not run, and waits until it votes. Answers its number.
   */
  async replace(id: number): Promise<number> {
    const { memberId } = this.cluster.member(id);
    const newMemberId = ++this.#memberIdLast;
    const joining = this.cluster.joinMember(id, newMemberId);
    await this.cluster.until(() => joining.log.includes('Add it: '), healMsMax);
    await this.#untilReached(() => this.admin.cluster.replaceMember({ memberId, newMemberId, peerAddress: joining.peerAddress }));
    const votes = new RegExp(`members that vote: [^;]*\\b${newMemberId}\\b`);
    await this.cluster.until(() => votes.test(joining.log), healMsMax);
    return newMemberId;
  }

  /** A member that does not lead. */
  async followerId(): Promise<number> {
    const leader = await this.leaderId();
    return this.random.pick(this.ids.filter((id) => id !== leader));
  }

  /** Makes a change of the members again while a trouble of the network keeps the leader from the new one, or from being sure of it. */
  async #untilReached(change: () => Promise<unknown>): Promise<void> {
    const deadline = performance.now() + healMsMax;
    for (;;) {
      try {
        await change();
        return;
      } catch (error) {
        const isTransient = error instanceof EnvCliError && ['MEMBER_UNREACHED', 'OUTCOME_UNKNOWN'].includes(error.reason);
        if (!isTransient || performance.now() > deadline) throw error;
        await pause(electionMs / 10);
      }
    }
  }

  /** The members that run. */
  get running(): number[] {
    return this.cluster.members.filter(({ process }) => process !== null).map(({ id }) => id);
  }

  /** How a member sees the cluster. */
  async viewOf(id: number): Promise<ClusterStatus> {
    const client = await connect(this.cluster.member(id).apiAddress, { followLeader: false, timeoutMs: healMsMax });
    try {
      return await client.cluster.status();
    } finally {
      await client.close();
    }
  }

  /** Starts members that do not run, and waits until all that run are ready. `except`: one that stays as it is. */
  async mend(except?: number): Promise<void> {
    for (const { id, process } of this.cluster.members) if (process === null && id !== except) this.cluster.startMember(id);
    await this.cluster.ready(healMsMax);
  }

  /** Blocks the event loop of a thread; see {@link blockThread}. */
  async block(id: number, thread: ThreadName, blockMs: number): Promise<void> {
    const address = inspectorAddress(this.cluster.member(id).log);
    if (address === null) throw new Error(`member ${id} does not say where its inspector listens`);
    await blockThread(address, thread, blockMs);
  }

  /**
   * Ends the load on a cluster without trouble, and answers what of its promises was not kept, one line each. The time in which it
   * takes a write again, is ready and comes to one state is bounded too.
   */
  async flaws(): Promise<string[]> {
    await this.network.set([]);
    for (const disk of this.#disks.values()) disk.disarm();
    for (const id of this.ids) this.cluster.signal(id, 'SIGCONT');
    await this.mend();
    await this.admin.environments.set('healed', { X: '1' }, { createIfAbsent: true, timeoutMs: healMsMax });
    await this.workload.stop();
    const { workload, admin } = this;
    const changes = await changesOf(admin, workload);
    const checked = { porcupine: this.#porcupine, directory: this.cluster.directory };
    const flaws = await historyFlaws(workload, changes, checked);
    const newest = changes.at(-1)?.revision ?? 0;
    for (const follower of this.#followers) {
      await follower.reached(newest, healMsMax);
      flaws.push(...follower.differences(changes));
    }
    const { behind } = await admin.mirrors.wait({ names: ['files'], timeoutMs: healMsMax });
    if (behind.length > 0) flaws.push('the mirror is behind although nothing is written any more');
    flaws.push(...(await fileDifferences(admin, this.mirrorDir, loadPrefix)));
    flaws.push(...hashDifferences(await settled(this.cluster, healMsMax)));
    flaws.push(...(await admin.cluster.status()).alarms.map((alarm) => `an alarm: ${alarm.kind} of member ${alarm.memberId}`));
    return flaws;
  }

  async close(): Promise<void> {
    await this.workload.stop().catch(() => undefined);
    await Promise.all(this.#followers.map((follower) => follower.stop().catch(() => undefined)));
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.cluster.close();
    await this.network.close();
  }

  async #begin(): Promise<void> {
    const addresses = this.cluster.members.map(({ apiAddress }) => apiAddress);
    mkdirSync(this.mirrorDir, { mode: 0o700 });
    this.#admin = await connect(addresses, { timeoutMs: healMsMax });
    this.#clients.push(this.#admin);
    const target = { provider: 'file', directory: this.mirrorDir, format: 'dotenv' } as const;
    await this.#admin.mirrors.create({ name: 'files', prefix: loadPrefix, target });
    for (const { id, apiAddress } of this.cluster.members) {
      const client = await connect(apiAddress, { followLeader: false });
      this.#clients.push(client);
      this.#followers.push(new Follower(client, `member ${id}`));
    }
    await this.workload.start(addresses);
  }
}
