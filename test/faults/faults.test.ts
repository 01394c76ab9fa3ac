import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { describeWhere } from '../support/capability.ts';
import { type FaultKind, makeFault, networkFaults, processFaults, sides } from './faults.ts';
import { faultyMissing } from './faulty.ts';
import { Namespaces, namespacesMissing } from './namespaces.ts';
import { buildPorcupine } from './porcupine.ts';
import { SmallDisk, smallDiskMissing } from './small-disk.ts';
import { fillDisk, fillings, passFailpoints, passSnapshot, type SidesOf, wipe } from './stories.ts';
import { Trial } from './trial.ts';

const seed = Number(process.env['FAULTS_SEED'] ?? 1);
const porcupine = await buildPorcupine();
const checker = typeof porcupine === 'string' ? porcupine : '';
const missing =
  namespacesMissing() ?? faultyMissing() ?? smallDiskMissing() ?? (typeof porcupine === 'string' ? null : porcupine.missing);

/** The member whose disk is small at first. */
const small = 3;
/** Less than the log grows to, and more than a start takes. */
const smallMiB = 48;

/** What every change has to pass: the boundaries that differ most, each on one side. `npm run test:faults` passes all of them, on both. */
const chosen: Readonly<Record<string, (typeof sides)[number]>> = {
  'log append': 'kill after',
  'log sync': 'kill before',
  'hard state': 'kill after',
  'apply transaction': 'kill after',
  'checkpoint rename': 'kill before',
  'outbox commit': 'kill before',
  'snapshot receive': 'kill after',
  'snapshot install': 'kill before',
  'log truncation': 'kill after',
};
const sidesOf: SidesOf = (name) => (chosen[name] === undefined ? [] : [chosen[name]]);
/** Clients leave the machine room to start members in. */
const paceMs = 40;

describeWhere(`three members under load, and all that can happen to them (seed ${seed})`, missing, () => {
  let directory: string;
  let disk: SmallDisk;
  let trial: Trial;
  beforeAll(async () => {
    // In memory where there is such a place: a log is filled to its limits, several times.
    directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'env-cli-faults-'));
    const place = join(directory, `member-${small}`);
    mkdirSync(place, { mode: 0o700 });
    disk = new SmallDisk(place, smallMiB);
    trial = await Trial.start({
      seed,
      network: new Namespaces([1, 2, 3]),
      porcupine: checker,
      paceMs,
      directory,
      faultyDisks: true,
    });
  }, 120_000);
  afterAll(async () => {
    try {
      await trial?.close();
    } finally {
      disk?.unmount();
      rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);

  test.each(fillings)(
    'a disk that %s fills stops its member, which says what to do, and catches up once there is room',
    async (by) => {
      await fillDisk(trial, small, disk, by);
      expect(trial.running).toEqual(trial.ids);
    },
    120_000,
  );

  // Namespaces cannot delay, and at the failpoints members are killed often enough.
  const left = new Set<string>(['delay', 'kill one', 'kill the leader']);
  const kinds = [...processFaults, 'sync fails', 'slow disk', ...networkFaults].filter((kind) => !left.has(kind)) as FaultKind[];
  test.each(kinds)(
    '%s: the cluster is ready again',
    async (kind) => {
      await makeFault(trial, kind);
      await trial.mend();
      expect(trial.running).toEqual(trial.ids);
    },
    120_000,
  );

  test('a data directory that was wiped is refused, and the old one is taken when it is back', async () => {
    await wipe(trial, 'put back');
    expect(trial.running).toEqual(trial.ids);
  }, 120_000);

  test('a member that is killed at a boundary of its disk starts again on what it left', async () => {
    const passed: string[] = [];
    await passFailpoints(trial, sidesOf, (line) => passed.push(line));
    expect(passed).toHaveLength(6);
  }, 300_000);

  test('a follower that the log no longer reaches gets the state, whoever is killed on the way', async () => {
    const passed: string[] = [];
    await passSnapshot(trial, sidesOf, (line) => passed.push(line));
    expect(passed).toHaveLength(3);
  }, 300_000);

  test('no write that was acknowledged is lost or done twice, every answer has its place in one order, and all other promises held', async () => {
    expect(await trial.flaws()).toEqual([]);
    const { counts, failures } = trial.workload;
    expect(counts.written).toBeGreaterThan(1000);
    expect(counts.strongReads).toBeGreaterThan(500);
    expect(counts.tokenReads).toBeGreaterThan(500);
    expect(counts.boundedReads).toBeGreaterThan(500);
    process.stdout.write(`${JSON.stringify(counts)}; failures told: ${JSON.stringify(Object.fromEntries(failures))}\n`);
  }, 240_000);
});
