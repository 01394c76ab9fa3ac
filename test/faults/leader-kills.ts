import { setTimeout as pause } from 'node:timers/promises';

import { type Client, connect } from '@env-cli/client';

import { LocalCluster } from '../support/cluster.ts';
import { electionMs, healMsMax } from './trial.ts';

/** Writers that notice the end of the gap, each with one write under way: more than one, for one of them may be asleep. */
const writersCount = 8;
/** How long the load runs before the leader is killed. */
const warmMs = 1500;

/**
 * Kills the leader of three members under load, time and again. Answers for each the time from the last write that was acknowledged
 * before it to the first after it, in milliseconds.
 */
export async function leaderKillGaps(count: number, say: (line: string) => void): Promise<number[]> {
  const cluster = await LocalCluster.start({
    flags: ['--heartbeat-interval=100ms', `--election-ticks=${electionMs / 100}`],
  });
  try {
    const gaps: number[] = [];
    for (let trial = 1; trial <= count; trial++) {
      gaps.push(await gapOf(cluster));
      say(`${trial}: ${gaps.at(-1)!.toFixed(0)} ms`);
    }
    return gaps;
  } finally {
    await cluster.close();
  }
}

async function gapOf(cluster: LocalCluster): Promise<number> {
  const clients = await Promise.all(
    Array.from({ length: writersCount }, () => connect(cluster.addresses, { timeoutMs: healMsMax })),
  );
  const acknowledgedMs: number[] = [];
  let killedMs = Infinity;
  let isOver = false;
  const write = async (client: Client, lane: number): Promise<void> => {
    for (let n = 0; !isOver; n++) {
      const startMs = performance.now();
      await client.environments.set(`gap/${lane}`, { X: String(n) }, { createIfAbsent: true });
      acknowledgedMs.push(performance.now());
      // Only such a one is surely the next leader's: an answer of the old one may have been on its way.
      isOver ||= startMs > killedMs;
    }
  };
  try {
    const lanes = Promise.all(clients.map(write));
    lanes.catch(() => undefined);
    await pause(warmMs);
    const { leaderId } = await clients[0]!.cluster.status();
    killedMs = performance.now();
    await cluster.end(leaderId, 'SIGKILL');
    await lanes;
    cluster.startMember(leaderId);
    await cluster.ready();
    const around = acknowledgedMs.filter((ms) => ms > killedMs - warmMs / 2);
    return Math.max(...around.slice(1).map((ms, i) => ms - around[i]!));
  } finally {
    isOver = true;
    await Promise.all(clients.map((client) => client.close()));
  }
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
