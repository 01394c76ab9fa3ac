import { setTimeout as pause } from 'node:timers/promises';

import { unreachable } from '@env-cli/support';

import { type Failpoint, failpoints } from './failpoints.ts';
import type { DiskCall } from './faulty.ts';
import { threads } from './inspector.ts';
import { allWays, between, type Trouble, type Way, way } from './network.ts';
import { electionMs, type Trial } from './trial.ts';

/** What can be done to a cluster. Those of a process, of its disk and of the network. */
export const processFaults = [
  'kill one',
  'kill the leader',
  'kill all',
  'restart one',
  'replace one',
  'stop one',
  'block a thread',
] as const;
export const diskFaults = ['failpoint', 'sync fails', 'write fails', 'slow disk'] as const;
export const networkFaults = [
  'isolate the leader',
  'isolate one',
  'one-way partition',
  'partial partition',
  'ring partition',
  'bridge partition',
  'delay',
  'loss',
] as const;

export type FaultKind = (typeof processFaults)[number] | (typeof diskFaults)[number] | (typeof networkFaults)[number];

/** The kinds that a trial can make. */
export function kindsOf(trial: Trial): FaultKind[] {
  const network = networkFaults.filter((kind) => trial.network.kinds.includes(troubleOf[kind]));
  return [...processFaults, ...(trial.hasFaultyDisks ? diskFaults : []), ...network];
}

const troubleOf: Readonly<Record<(typeof networkFaults)[number], Trouble['kind']>> = {
  'isolate the leader': 'cut',
  'isolate one': 'cut',
  'one-way partition': 'cut',
  'partial partition': 'cut',
  'ring partition': 'cut',
  'bridge partition': 'cut',
  delay: 'delay',
  loss: 'loss',
};

export function isNetworkFault(kind: FaultKind): kind is (typeof networkFaults)[number] {
  return kind in troubleOf;
}

/** How long it may take until a member has come to the call at which it ends. */
const endMsMax = 60_000;

/** Makes one fault and lets it pass. Answers what it was, for people. What it leaves behind is mended by `trial.mend`. */
export async function makeFault(trial: Trial, kind: FaultKind): Promise<string> {
  if (isNetworkFault(kind)) return await troubleNetwork(trial, kind);
  const { random, cluster } = trial;
  const one = kind === 'kill the leader' ? await trial.leaderId() : random.pick(trial.ids);
  switch (kind) {
    case 'kill one':
    case 'kill the leader':
      await cluster.end(one, 'SIGKILL');
      await pause(random.span(0, 2 * electionMs));
      return `member ${one}`;
    case 'kill all':
      await Promise.all(trial.ids.map((id) => cluster.end(id, 'SIGKILL')));
      return 'all members';
    case 'restart one':
      await cluster.end(one, 'SIGTERM');
      return `member ${one}`;
    case 'replace one': {
      const { memberId } = cluster.member(one);
      await cluster.end(one, 'SIGKILL');
      return `member ${memberId} by member ${await trial.replace(one)}`;
    }
    case 'stop one': {
      // Short ones are as likely as long ones.
      const stopMs = electionMs * 10 ** random.span(-1, 1);
      cluster.signal(one, 'SIGSTOP');
      await pause(stopMs);
      cluster.signal(one, 'SIGCONT');
      return `member ${one} for ${Math.round(stopMs)} ms`;
    }
    case 'block a thread': {
      const blockMs = Math.round(50 * 100 ** random.fraction());
      const thread = random.pick(threads);
      await trial.block(one, thread, blockMs);
      return `${thread} of member ${one} for ${blockMs} ms`;
    }
    case 'failpoint':
      return await atFailpoint(
        trial,
        random.pick(failpoints.filter(({ needs }) => needs === 'nothing')).name,
        random.pick(sides),
      );
    case 'sync fails':
      return await failDisk(trial, one, 'sync', 'EIO');
    case 'write fails':
      return await failDisk(trial, one, 'write', 'ENOSPC');
    case 'slow disk': {
      const delayMs = random.span(20, 400);
      const { dataDir } = cluster.member(one);
      trial.disk(one).arm({ calls: ['sync'], pattern: `${dataDir}/*`, action: 'slow', delayMicros: Math.round(delayMs * 1000) });
      await pause(random.span(500, 3000));
      trial.disk(one).disarm();
      return `member ${one}, ${Math.round(delayMs)} ms a sync`;
    }
    default:
      return unreachable(kind);
  }
}

export const sides = ['kill before', 'kill after'] as const;

/** Lets a member die at a failpoint, that of its role unless one is given. `provoke` brings the moment about where the load alone does not. */
export async function atFailpoint(
  trial: Trial,
  name: string,
  side: (typeof sides)[number],
  { memberId, provoke }: { readonly memberId?: number; readonly provoke?: () => Promise<unknown> } = {},
): Promise<string> {
  const point = failpoints.find((one) => one.name === name);
  if (point === undefined) throw new Error(`there is no failpoint ${name}`);
  const id = memberId ?? (await memberOf(trial, point.role));
  const number = 1 + Math.floor(trial.random.span(0, point.numberMax));
  const { dataDir } = trial.cluster.member(id);
  const what = `${side} ${name} ${number} of member ${id}`;
  trial.disk(id).arm({ ...point.at({ dataDir, mirrorDir: trial.mirrorDir }), action: side, number });
  try {
    if (point.needs === 'election') await trial.cluster.end(await trial.leaderId(), 'SIGKILL');
    await provoke?.();
    await ended(trial, id, what);
    if (trial.disk(id).done !== 1) throw new Error(`member ${id} ended, but not by the fault "${what}"`);
    return what;
  } finally {
    trial.disk(id).disarm();
  }
}

async function memberOf(trial: Trial, role: Failpoint['role']): Promise<number> {
  if (role === 'leader') return await trial.leaderId();
  return role === 'follower' ? await trial.followerId() : trial.random.pick(trial.ids);
}

/** A disk that fails from some call on: the member has to stop by itself, and to say why. */
async function failDisk(trial: Trial, id: number, call: DiskCall, error: 'EIO' | 'ENOSPC'): Promise<string> {
  const { cluster, random } = trial;
  const { dataDir } = cluster.member(id);
  const place = random.pick(['log/0*.log', 'state-*/data.mdb']);
  trial
    .disk(id)
    .arm({ calls: [call], pattern: `${dataDir}/${place}`, action: 'fail', error, number: 1 + Math.floor(random.span(0, 5)) });
  const what = `${error} at each ${call} of ${place} of member ${id}`;
  try {
    await ended(trial, id, what);
    return what;
  } finally {
    trial.disk(id).disarm();
  }
}

async function ended(trial: Trial, id: number, what: string): Promise<void> {
  try {
    await trial.cluster.exited(id, endMsMax);
  } catch (cause) {
    throw new Error(`member ${id} goes on: ${what}; its log ends with:\n${trial.cluster.member(id).log.slice(-2000)}`, { cause });
  }
}

async function troubleNetwork(trial: Trial, kind: (typeof networkFaults)[number]): Promise<string> {
  const { random, network, ids } = trial;
  const leader = await trial.leaderId();
  const trouble = { ...measures(trial, kind), kind: troubleOf[kind], ways: waysOf(trial, kind, leader) };
  const lastsMs = random.span(0.5, 4) * electionMs;
  await network.set([trouble]);
  await pause(lastsMs);
  await network.set([]);
  const ways =
    trouble.ways.length === ids.length * (ids.length - 1)
      ? 'all ways'
      : trouble.ways.map(({ from, to }) => `${from}→${to}`).join(' ');
  return `${ways} for ${Math.round(lastsMs)} ms, ${leader} led`;
}

function measures({ random }: Trial, kind: (typeof networkFaults)[number]): { delayMs?: number; lossPercent?: number } {
  if (kind === 'delay') return { delayMs: random.span(5, 300) };
  return kind === 'loss' ? { lossPercent: Math.round(random.span(5, 40)) } : {};
}

function waysOf({ random, ids }: Trial, kind: (typeof networkFaults)[number], leader: number): Way[] {
  const one = kind === 'isolate the leader' ? leader : random.pick(ids);
  const others = ids.filter((id) => id !== one);
  switch (kind) {
    case 'isolate the leader':
    case 'isolate one':
      return between([one], others);
    case 'one-way partition':
      // It hears the others and cannot answer, or the other way round.
      return random.fraction() < 0.5 ? others.map((to) => way(one, to)) : others.map((from) => way(from, one));
    case 'partial partition':
      return between([one], [random.pick(others)]);
    case 'ring partition':
      // Each sends to its next neighbour alone.
      return allWays(ids).filter(({ from, to }) => ids[(ids.indexOf(from) + 1) % ids.length] !== to);
    case 'bridge partition': {
      // Two halves, and one member that sees both.
      const half = Math.ceil(others.length / 2);
      return between(others.slice(0, half), others.slice(half));
    }
    case 'delay':
    case 'loss':
      return allWays(ids);
    default:
      return unreachable(kind);
  }
}
