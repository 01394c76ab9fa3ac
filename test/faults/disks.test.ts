import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readSeenDisks } from '@env-cli/store-lmdb';
import { hexOf } from '@env-cli/support';

import { describeWhere } from '../support/capability.ts';
import { Random } from '../support/random.ts';
import { failpoints } from './failpoints.ts';
import { atFailpoint, makeFault, sides } from './faults.ts';
import { faultyMissing } from './faulty.ts';
import { LogFiller } from './much-log.ts';
import { buildPorcupine } from './porcupine.ts';
import { Proxies, proxiesMissing } from './proxies.ts';
import { SmallDisk, smallDiskMissing } from './small-disk.ts';
import { Trial } from './trial.ts';

const seed = Number(process.env['FAULTS_SEED'] ?? 1);
const porcupine = await buildPorcupine();
const missing =
  faultyMissing() ?? proxiesMissing() ?? smallDiskMissing() ?? (typeof porcupine === 'string' ? null : porcupine.missing);

/** The member whose disk is small at first. */
const small = 3;
/** Less than the log grows to, and more than a start takes. */
const smallMiB = 48;
const largeMiB = 1024;
/** The exit code for a data directory that was refused; docs/configuration.md, "Exit codes". */
const exitOfRefusedData = 4;

function moveContents(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(from)) {
    cpSync(join(from, name), join(to, name), { recursive: true });
    rmSync(join(from, name), { recursive: true });
  }
}

/** Whether all other members have written down that a member's disk holds this entry. */
function remembers(trial: Trial, id: number, index: number): boolean {
  const files = trial.cluster.members.filter((member) => member.id !== id).map((member) => readSeenDisks(member.dataDir).disks);
  const [one = [], other = []] = files;
  // Of three members, each has seen the disks of two: the one that both have seen is the third's.
  const disk = one.find(({ diskId }) => other.some((each) => hexOf(each.diskId) === hexOf(diskId)));
  const both = [one, other].map((disks) =>
    disks.find(({ diskId }) => disk !== undefined && hexOf(diskId) === hexOf(disk.diskId)),
  );
  return both.every((seen) => (seen?.lives.at(-1)?.claimed.entryIndex ?? 0) >= index);
}

/** Both sides of all failpoints that come about in the same way. */
const of = (...needs: readonly (typeof failpoints)[number]['needs'][]): [(typeof sides)[number], string][] =>
  failpoints
    .filter((point) => needs.includes(point.needs))
    .flatMap(({ name }) => sides.map((side): [(typeof sides)[number], string] => [side, name]));

describeWhere(`disks that fail, under load (seed ${seed})`, missing, () => {
  let directory: string;
  let trial: Trial;
  let filler: LogFiller;
  let disk: SmallDisk;
  beforeAll(async () => {
    // In memory where there is such a place: a log is filled to its limits, several times.
    directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'env-cli-disks-'));
    mkdirSync(join(directory, `member-${small}`), { mode: 0o700 });
    disk = new SmallDisk(join(directory, `member-${small}`), smallMiB);
    const random = new Random(seed);
    const network = new Proxies(() => random.fraction());
    trial = await Trial.start({ seed, network, porcupine: String(porcupine), directory, faultyDisks: true });
    filler = new LogFiller(trial.admin);
  }, 90_000);
  afterAll(async () => {
    await trial?.close();
    disk?.unmount();
    rmSync(directory, { recursive: true, force: true });
  });

  test('a disk that is full stops its member, which says what to do, and catches up once there is room', async () => {
    await filler.untilGone(trial, small);
    expect(trial.cluster.member(small).log).toMatch(/failed \(ENOSPC.*Make room on this disk, then start the member again/);
    disk.grow(largeMiB);
    await trial.mend();
  }, 90_000);

  test.each(['sync fails', 'write fails', 'slow disk', 'delay', 'isolate the leader'] as const)(
    '%s',
    async (kind) => {
      await makeFault(trial, kind);
      await trial.mend();
    },
    90_000,
  );

  test('a data directory that was wiped is refused, and taken when the old one is back', async () => {
    const id = await trial.followerId();
    const { dataDir } = trial.cluster.member(id);
    await trial.cluster.end(id, 'SIGKILL');
    // The directory itself may be where a disk is mounted.
    moveContents(dataDir, `${dataDir}-kept`);
    trial.cluster.startMember(id);
    expect(await trial.cluster.exited(id)).toBe(exitOfRefusedData);
    expect(trial.cluster.member(id).log).toMatch(/If the old directory still exists|Start it with the old directory/);
    for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name), { recursive: true });
    moveContents(`${dataDir}-kept`, dataDir);
    await trial.mend();
  }, 90_000);

  test('an older copy of a data directory is refused once others have heard more of it, and the newer one taken', async () => {
    const id = await trial.followerId();
    const { dataDir } = trial.cluster.member(id);
    await trial.cluster.end(id, 'SIGTERM');
    cpSync(dataDir, `${dataDir}-copy`, { recursive: true });
    await trial.mend();
    const { commitIndex } = await trial.admin.cluster.status();
    await trial.cluster.until(() => remembers(trial, id, commitIndex), 30_000);
    await trial.cluster.end(id, 'SIGTERM');
    moveContents(dataDir, `${dataDir}-kept`);
    moveContents(`${dataDir}-copy`, dataDir);
    trial.cluster.startMember(id);
    expect(await trial.cluster.exited(id)).toBe(exitOfRefusedData);
    expect(trial.cluster.member(id).log).toMatch(new RegExp(`member ${id} comes with an older copy of its own disk`));
    for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name), { recursive: true });
    moveContents(`${dataDir}-kept`, dataDir);
    await trial.mend();
  }, 90_000);

  test.each(of('nothing', 'election'))(
    '%s %s: it starts again on what it left',
    async (side, name) => {
      await atFailpoint(trial, name, side);
      await trial.mend();
    },
    90_000,
  );

  test.each(of('much log'))(
    '%s %s: it starts again on what it left',
    async (side, name) => {
      const memberId = await trial.followerId();
      await atFailpoint(trial, name, side, { memberId, provoke: () => filler.untilGone(trial, memberId) });
      await trial.mend();
    },
    90_000,
  );

  test('a follower that the log no longer reaches gets the state in the end, whoever is killed on the way and when', async () => {
    const behind = await trial.followerId();
    await trial.cluster.end(behind, 'SIGKILL');
    await filler.outgrowTail();
    for (const [side, name] of of('snapshot')) {
      // The last of them comes after the switch to the new state: there is nothing to be installed any more.
      const sends = name === 'snapshot write';
      const memberId = sends ? await trial.leaderId() : behind;
      const start = async (): Promise<void> => void (trial.cluster.member(behind).process ?? trial.cluster.startMember(behind));
      await atFailpoint(trial, name, side, { memberId, provoke: start });
      await trial.cluster.end(behind, 'SIGKILL');
      for (const member of trial.cluster.members)
        if (member.id !== behind && member.process === null) trial.cluster.startMember(member.id);
      await trial.cluster.ready();
    }
    await trial.mend();
  }, 120_000);

  test('nothing that clients, watches or the mirror were promised was broken meanwhile', async () => {
    expect(await trial.flaws()).toEqual([]);
    expect(trial.workload.counts.written).toBeGreaterThan(500);
    expect(trial.workload.counts.strongReads).toBeGreaterThan(500);
  }, 240_000);
});
