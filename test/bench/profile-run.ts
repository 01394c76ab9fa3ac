import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { threadOf, threadTime, type CpuProfile } from './cpu-profile.ts';
import { startOurs } from './our-cluster.ts';
import { figure, textTable } from './text-table.ts';
import { loadBySdk, type Window } from './sdk-load.ts';
import { ownerOf, sourcePlace } from './source-place.ts';
import type { OurRun, Times } from './works.ts';

const samplingUs = 500;
const hottestCount = 10;
const ownersCount = 9;

/** Runs one load on members that are profiled, and answers the hottest functions of every thread of the leader and of a follower. */
export async function profileOf(
  run: OurRun,
  times: Times,
  directories: { readonly data: string; readonly profiles: string },
): Promise<string> {
  const directory = resolve(directories.profiles, run.id.replaceAll(' ', '-'));
  rmSync(directory, { recursive: true, force: true });
  const of = (memberId: number): string => join(directory, `member-${memberId}`);
  const ours = await startOurs(directories.data, (id) => {
    mkdirSync(of(id), { recursive: true });
    return ['--cpu-prof', `--cpu-prof-dir=${of(id)}`, `--cpu-prof-interval=${samplingUs}`];
  });
  const { cluster, leaderId } = ours;
  const followerId = cluster.members.find(({ id }) => id !== leaderId)!.id;
  try {
    const { window, ratePerSecond, p50Ms, p99Ms, cpu } = await loadBySdk(ours, run, times);
    // Profiles are written when a process ends by itself.
    await Promise.all(cluster.members.map(({ id }) => cluster.end(id, 'SIGTERM')));
    const figures =
      `${run.id}, profiled: ${figure(ratePerSecond)} a second, p50 ${figure(p50Ms)} ms, p99 ${figure(p99Ms)} ms; ` +
      `cores: members ${figure(cpu?.members)}, clients ${figure(cpu?.clients)}, others ${figure(cpu?.others)}`;
    return [
      figures,
      `\nleader (member ${leaderId})`,
      ...threads(of(leaderId), window),
      `\nfollower (member ${followerId})`,
      ...threads(of(followerId), window),
    ].join('\n');
  } finally {
    await cluster.close();
  }
}

function threads(directory: string, window: Window): string[] {
  const files = readdirSync(directory).filter((name) => name.endsWith('.cpuprofile'));
  const profiles = files.map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as CpuProfile);
  return (['API', 'consensus', 'apply'] as const).map((thread) => {
    const profile = profiles.find((candidate) => threadOf(candidate) === thread);
    return profile === undefined ? `\n${thread}: wrote no profile` : threadText(thread, profile, window);
  });
}

function threadText(thread: string, profile: CpuProfile, window: Window): string {
  const { windowUs, idleUs, functions } = threadTime(profile, window);
  const share = (us: number): string => `${((us / windowUs) * 100).toFixed(1)} %`;
  const rows = functions.slice(0, hottestCount).map((one) => [`${one.name}  ${sourcePlace(one)}`, share(one.selfUs)]);
  const byOwner = new Map<string, number>();
  for (const one of functions) {
    const owner = one.name.startsWith('(') && one.url === '' ? one.name : ownerOf(sourcePlace(one));
    byOwner.set(owner, (byOwner.get(owner) ?? 0) + one.selfUs);
  }
  const owners = [...byOwner]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, ownersCount)
    .map(([owner, us]) => `${owner} ${share(us)}`);
  return `\n${textTable([`${thread} thread: busy ${share(windowUs - idleUs)} of the time`, 'self'], rows)}\nby owner: ${owners.join(', ')}`;
}
