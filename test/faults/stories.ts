import { closeSync, cpSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { readSeenDisks } from '@env-cli/store-lmdb';
import { hexOf } from '@env-cli/support';

import { failpoints } from './failpoints.ts';
import { atFailpoint, type sides } from './faults.ts';
import { LogFiller } from './much-log.ts';
import type { SmallDisk } from './small-disk.ts';
import { healMsMax, type Trial } from './trial.ts';

/** What a disk that was small grows to, in MiB. */
const largeMiB = 1024;

/** The exit code for a data directory that was refused; docs/configuration.md, "Exit codes". */
const exitOfRefusedData = 4;

/** On which sides of a failpoint members are killed; none: it is left out. */
export type SidesOf = (failpoint: string) => readonly (typeof sides)[number][];

/** Kills members at the failpoints that the load, an election or a long log brings about; each is mended before the next. */
export async function passFailpoints(trial: Trial, sidesOf: SidesOf, say: (line: string) => void): Promise<void> {
  const filler = new LogFiller(trial.admin);
  for (const { name, needs } of failpoints) {
    if (needs === 'outgrown log') continue;
    for (const side of sidesOf(name)) {
      const memberId = await trial.followerId();
      const much = { memberId, provoke: () => filler.untilGone(trial, memberId) };
      say(await atFailpoint(trial, name, side, needs === 'much log' ? much : {}));
      await trial.mend();
    }
  }
}

/**
 * A follower that was away for longer than the log reaches back gets the whole state. Whoever sends, takes in, builds or installs it
 * is killed on the way, and the next attempt begins from what is left. At last one of those that kept the log is killed when it lets go of more.
 */
export async function passSnapshot(trial: Trial, sidesOf: SidesOf, say: (line: string) => void): Promise<void> {
  const behind = await trial.followerId();
  const { lastLogIndex } = await trial.viewOf(behind);
  await trial.cluster.end(behind, 'SIGKILL');
  const leader = await trial.leaderId();
  // It is not killed with the others: a log that is opened anew keeps its whole tail again.
  const other = trial.running.find((id) => id !== leader)!;
  const filler = new LogFiller(trial.admin);
  await filler.outgrow(trial, lastLogIndex);
  const points = failpoints.filter(({ needs }) => needs === 'outgrown log');
  for (const { name, role } of points.filter((point) => point.role !== null)) {
    for (const side of sidesOf(name)) {
      const memberId = role === 'leader' ? await trial.leaderId() : behind;
      const start = async (): Promise<void> => void trial.cluster.startMember(behind);
      say(await atFailpoint(trial, name, side, { memberId, provoke: start }));
      await trial.cluster.end(behind, 'SIGKILL');
      await trial.mend(behind);
    }
  }
  await trial.mend();
  for (const { name } of points.filter(({ role }) => role === null)) {
    for (const side of sidesOf(name)) {
      say(await atFailpoint(trial, name, side, { memberId: other, provoke: () => filler.untilGone(trial, other) }));
      await trial.mend();
    }
  }
}

/** How a disk becomes full: by what its member writes to the log, or by a file that is somebody else's. */
export const fillings = ['another file', 'its log'] as const;

/**
 * A disk that is full stops its member, which says so, and catches up once there is room: the file is gone, or the disk is larger.
 * Whether the log or the state asks first for room that is not there is the moment's choice with either filling.
 */
export async function fillDisk(trial: Trial, id: number, disk: SmallDisk, by: (typeof fillings)[number]): Promise<void> {
  const full = by === 'its log' ? new LogFiller(trial.admin).untilGone(trial, id) : filledUp(trial, id);
  // Room first, so that a member that does not say the right thing keeps nothing from what follows.
  await full.finally(() => (by === 'its log' ? disk.grow(largeMiB) : rmSync(ballastOf(trial, id), { force: true })));
  says(trial, id, /(ENOSPC|the disk is full).*Make room on this disk, then start the member again/);
  await trial.mend();
}

/** Takes what a member's disk has left, until the member is gone. */
async function filledUp(trial: Trial, id: number): Promise<void> {
  const file = openSync(ballastOf(trial, id), 'wx');
  const bytes = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeSync(file, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
  await trial.cluster.exited(id, healMsMax);
}

function ballastOf(trial: Trial, id: number): string {
  return join(trial.cluster.member(id).dataDir, 'ballast');
}

/** What follows on a directory that was refused: the one that is right is put back, or another member takes the place of this one. */
export const mendings = ['put back', 'replaced'] as const;

/** A data directory that was wiped is refused, and the old one is taken when it is back. */
export async function wipe(trial: Trial, mending: (typeof mendings)[number]): Promise<void> {
  const id = await trial.followerId();
  const { dataDir } = trial.cluster.member(id);
  await trial.cluster.end(id, 'SIGKILL');
  move(dataDir, `${dataDir}-kept`);
  await refused(trial, id, /If the old directory still exists|Start it with the old directory/);
  await mended(trial, id, mending);
}

/** An older copy of a data directory is refused once the others have written down that it held more, and the newer one is taken. */
export async function takeBack(trial: Trial, mending: (typeof mendings)[number]): Promise<void> {
  const id = await trial.followerId();
  const { dataDir, memberId } = trial.cluster.member(id);
  await trial.cluster.end(id, 'SIGTERM');
  cpSync(dataDir, `${dataDir}-copy`, { recursive: true });
  await trial.mend();
  const { commitIndex } = await trial.admin.cluster.status();
  await trial.cluster.until(() => isRemembered(trial, id, commitIndex), healMsMax);
  await trial.cluster.end(id, 'SIGTERM');
  move(dataDir, `${dataDir}-kept`);
  move(`${dataDir}-copy`, dataDir);
  await refused(trial, id, new RegExp(`member ${memberId} comes with an older copy of its own disk`));
  await mended(trial, id, mending);
}

/** `put back`: what was moved away to `…-kept`. */
async function mended(trial: Trial, id: number, mending: (typeof mendings)[number]): Promise<void> {
  const { dataDir } = trial.cluster.member(id);
  if (mending === 'replaced') await trial.replace(id);
  else move(`${dataDir}-kept`, dataDir);
  await trial.mend();
}

async function refused(trial: Trial, id: number, message: RegExp): Promise<void> {
  trial.cluster.startMember(id);
  const code = await trial.cluster.exited(id, healMsMax);
  if (code !== exitOfRefusedData) throw new Error(`member ${id} ended with ${code} and not ${exitOfRefusedData}`);
  says(trial, id, message);
}

function says(trial: Trial, id: number, message: RegExp): void {
  const { log } = trial.cluster.member(id);
  if (!message.test(log))
    throw new Error(`member ${id} does not say ${String(message)}; its log ends with:\n${log.slice(-2000)}`);
}

/** Puts the files of one directory in the place of those of another. The directories stay: one may be where a disk is mounted. */
function move(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(to)) rmSync(join(to, name), { recursive: true });
  for (const name of readdirSync(from)) {
    cpSync(join(from, name), join(to, name), { recursive: true });
    rmSync(join(from, name), { recursive: true });
  }
}

/** Whether all other members have written down that a member's disk holds this entry. */
function isRemembered(trial: Trial, id: number, index: number): boolean {
  const seen = trial.cluster.members.filter((member) => member.id !== id).map(({ dataDir }) => readSeenDisks(dataDir).disks);
  // The disk that all the others have seen is the one of this member: nobody sees its own.
  const common = (seen[0] ?? []).filter(({ diskId }) =>
    seen.every((disks) => disks.some((disk) => hexOf(disk.diskId) === hexOf(diskId))),
  );
  return seen.every((disks) =>
    disks.some(
      (disk) =>
        common.some(({ diskId }) => hexOf(disk.diskId) === hexOf(diskId)) &&
        (disk.lives.at(-1)?.claimed.entryIndex ?? 0) >= index,
    ),
  );
}
