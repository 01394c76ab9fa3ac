import { type Client, connect } from '@env-cli/client';

import { LocalCluster, type MemberProcess } from '../support/cluster.ts';
import { hashDifferences, settled } from '../support/equality.ts';
import { Random } from '../support/random.ts';
import { changesOf, historyFlaws } from './checks.ts';
import { StrongReads } from './strong-reads.ts';
import { electionMs, healMsMax } from './trial.ts';
import { Workload } from './workload.ts';

/** The exit code of a member that was removed; docs/configuration.md, "Exit codes". */
export const exitOfRemoved = 4;

const memberCount = 5;
/** Those that come are there before those go whom they replace. */
const atOnceMax = 2;
/** How the SDK's clients are called among the readers; the other readers are called after their member. */
const sdkReaders = ['the SDK at the leader', 'the SDK where it is'] as const;

export interface SwapOptions {
  /** Of what clients write. */
  readonly seed: number;
  /** How long a client waits between two operations, in milliseconds. */
  readonly paceMs: number;
  readonly say?: (line: string) => void;
}

/** Five members under load, whose strong reads are noted, and who are swapped: new ones come, and then the old ones go. */
export class Swap {
  readonly cluster: LocalCluster;
  readonly workload: Workload;
  readonly reads: StrongReads;
  readonly #admin: Client;
  readonly #say: (line: string) => void;
  #memberIdLast = memberCount;

  static async start(options: SwapOptions): Promise<Swap> {
    const cluster = await LocalCluster.create({
      memberCount,
      spareCount: atOnceMax,
      flags: [
        '--log-segment-size=1MiB',
        '--hash-check-interval=1s',
        '--heartbeat-interval=100ms',
        `--election-ticks=${electionMs / 100}`,
      ],
    });
    let swap: Swap | null = null;
    try {
      for (const { id, memberId } of cluster.members) if (memberId > 0) cluster.startMember(id);
      await cluster.ready(healMsMax);
      swap = new Swap(cluster, await connect(cluster.addresses, { timeoutMs: healMsMax, connectTimeoutMs: healMsMax }), options);
      await swap.#begin();
      return swap;
    } catch (error) {
      await (swap ?? cluster).close();
      throw error;
    }
  }

  private constructor(cluster: LocalCluster, admin: Client, { seed, paceMs, say = () => undefined }: SwapOptions) {
    this.cluster = cluster;
    this.workload = new Workload(new Random(seed), paceMs);
    this.reads = new StrongReads(this.workload);
    this.#admin = admin;
    this.#say = say;
  }

  /** The places whose members are of the cluster. */
  get #taken(): MemberProcess[] {
    return this.cluster.members.filter(({ memberId }) => memberId > 0);
  }

  /** The members' numbers, as the cluster knows them. */
  async memberIds(): Promise<number[]> {
    return (await this.#admin.cluster.members()).members.map(({ memberId }) => memberId);
  }

  /**
   * Puts new members in the place of all, so many at a time; the one that leads is among the first that go. Answers the exit codes and last words of
   * those that went.
   */
  async swapAll(atOnce: number): Promise<{ readonly memberId: number; readonly code: number | null; readonly said: string }[]> {
    const { leaderId } = await this.#admin.cluster.status();
    const all = this.#taken.toSorted((a, b) => Number(b.memberId === leaderId) - Number(a.memberId === leaderId));
    const gone = [];
    for (let at = 0; at < all.length; at += atOnce) {
      const leaving = all.slice(at, at + atOnce);
      const leavingIds = leaving.map(({ memberId }) => memberId);
      const coming = await this.#come(leaving.length);
      gone.push(...(await this.#go(leaving)));
      this.#say(`${performance.now().toFixed(0)} ms: members ${leavingIds.join(', ')} went, and ${coming.join(', ')} are there`);
    }
    return gone;
  }

  /** Ends the load, and answers what of its promises was not kept, one line each. */
  async flaws(porcupine: string): Promise<string[]> {
    await this.reads.endAll();
    await this.workload.stop();
    const changes = await changesOf(this.#admin, this.workload);
    const { directory } = this.cluster;
    return [
      ...(await historyFlaws(this.workload, changes, { porcupine, directory })),
      ...hashDifferences(await settled(this.cluster, healMsMax)),
      ...(await this.#admin.cluster.status()).alarms.map((alarm) => `an alarm: ${alarm.kind} of member ${alarm.memberId}`),
    ];
  }

  async close(): Promise<void> {
    await this.reads.endAll().catch(() => undefined);
    await this.workload.stop().catch(() => undefined);
    await this.#admin.close();
    await this.cluster.close();
  }

  async #begin(): Promise<void> {
    const { cluster, reads, workload } = this;
    await workload.start(
      cluster.members.map(({ apiAddress }) => apiAddress),
      [],
    );
    await reads.begin(sdkReaders[0], cluster.addresses, { followLeader: true });
    await reads.begin(sdkReaders[1], cluster.addresses, { followLeader: false });
    for (const member of this.#taken) await this.#readAt(member);
  }

  #readAt({ memberId, apiAddress }: MemberProcess): Promise<void> {
    return this.reads.begin(`member ${memberId}`, apiAddress, { followLeader: false });
  }

  /** Starts so many new members, adds them in one change, and waits until they vote. Answers their numbers. */
  async #come(count: number): Promise<number[]> {
    const { cluster } = this;
    const free = cluster.members.filter(({ memberId }) => memberId === 0).slice(0, count);
    for (const { id } of free) cluster.joinMember(id, ++this.#memberIdLast);
    const ids = free.map(({ memberId }) => memberId);
    await cluster.until(() => free.every(({ log }) => log.includes('Add it: ')), healMsMax);
    await this.#admin.cluster.changeMembers({ add: free });
    await cluster.ready(healMsMax);
    for (const { log, votes } of free.map((member) => ({
      log: () => member.log,
      votes: new RegExp(`members that vote: [^;]*\\b${member.memberId}\\b`),
    })))
      await cluster.until(() => votes.test(log()), healMsMax);
    for (const member of free) await this.#readAt(member);
    return ids;
  }

  /** Removes members in one change, and waits until they have ended. */
  async #go(leaving: readonly MemberProcess[]): Promise<{ memberId: number; code: number | null; said: string }[]> {
    const { cluster, reads } = this;
    // Whoever takes a member away sends it nobody any more; the SDK's clients find out by themselves.
    await Promise.all(leaving.map(({ memberId }) => reads.end(`member ${memberId}`)));
    const ended = leaving.map(({ id }) => cluster.exited(id, healMsMax));
    this.#say(`${performance.now().toFixed(0)} ms: ${leaving.map(({ memberId }) => memberId).join(', ')} are to go`);
    const removed = this.#admin.cluster.changeMembers({ remove: leaving.map(({ memberId }) => memberId) });
    const [codes] = await Promise.all([Promise.all(ended), removed]);
    const gone = leaving.map(({ memberId, log }, at) => ({ memberId, code: codes[at]!, said: log.slice(-2000) }));
    for (const { id } of leaving) cluster.vacate(id);
    return gone;
  }
}
