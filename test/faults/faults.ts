import { setTimeout as pause } from 'node:timers/promises';

import type { LocalCluster } from '../support/cluster.ts';
import type { Random } from '../support/random.ts';

export const faultKinds = ['kill one', 'kill the leader', 'stop one', 'kill all', 'restart one'] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Makes `count` faults, one after another, each mended before the next. Answers how many there were of each kind. */
export async function makeFaults(
  cluster: LocalCluster,
  random: Random,
  count: number,
  leaderOf: () => Promise<number>,
): Promise<Map<FaultKind, number>> {
  const made = new Map<FaultKind, number>(faultKinds.map((kind) => [kind, 0]));
  for (let i = 0; i < count; i++) {
    // Each kind comes in turn, so that none is missed; on whom and for how long is drawn.
    const kind = faultKinds[i % faultKinds.length]!;
    await makeFault(cluster, random, kind, leaderOf);
    made.set(kind, made.get(kind)! + 1);
    await pause(random.span(300, 1200));
  }
  return made;
}

async function makeFault(cluster: LocalCluster, random: Random, kind: FaultKind, leaderOf: () => Promise<number>): Promise<void> {
  const ids = cluster.members.map((member) => member.id);
  const one = kind === 'kill the leader' ? await leaderOf() : random.pick(ids);
  switch (kind) {
    case 'kill one':
    case 'kill the leader':
      await cluster.end(one, 'SIGKILL');
      await pause(random.span(0, 2000));
      cluster.startMember(one);
      break;
    case 'stop one':
      cluster.signal(one, 'SIGSTOP');
      await pause(random.span(100, 4000));
      cluster.signal(one, 'SIGCONT');
      break;
    case 'kill all':
      await Promise.all(ids.map((id) => cluster.end(id, 'SIGKILL')));
      for (const id of ids) cluster.startMember(id);
      break;
    case 'restart one':
      await cluster.end(one, 'SIGTERM');
      cluster.startMember(one);
      break;
  }
  await cluster.ready();
}
