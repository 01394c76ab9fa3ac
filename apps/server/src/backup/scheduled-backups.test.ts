import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { checkBackup } from '@env-cli/snapshot-file';

import { TwinMember } from '../testing/twin-member.ts';
import { backupName, backupsAmong, superfluous } from './backup-name.ts';
import { ScheduledBackups, type ScheduleOptions } from './scheduled-backups.ts';

const hour = 3_600_000;
const begin = Date.parse('2026-11-26T10:00:00Z');
const cluster = 'c1'.repeat(16);

let parent: string;
let folder: string;
let member: TwinMember;
let nowMs: number;
let schedules: ScheduledBackups[];
/** Errors that were logged. */
let errors: string[];

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'env-cli-scheduled-'));
  folder = join(parent, 'backups');
  member = TwinMember.alone();
  nowMs = begin;
  schedules = [];
  errors = [];
});
afterEach(async () => {
  for (const schedule of schedules) await schedule.stop();
  rmSync(parent, { recursive: true });
});

/** A schedule on a clock that the test moves. `waits` answers what it waits for next, and passes that time when it is called. */
function scheduled(options: Partial<ScheduleOptions> = {}, of: TwinMember = member) {
  let waiting: { readonly milliseconds: number; readonly run: () => void } | null = null;
  let wake: (() => void) | undefined;
  const made = new ScheduledBackups(of, {
    folder,
    intervalMs: hour,
    keepCount: 0,
    keepMs: 0,
    storageBytes: () => 0,
    log: { error: (facts: { problem: string }) => errors.push(facts.problem), info: () => undefined } as never,
    nowMs: () => nowMs,
    after: (milliseconds, run) => {
      waiting = { milliseconds, run };
      wake?.();
      return () => {
        waiting = null;
      };
    },
    ...options,
  });
  schedules.push(made);
  const waits = async (): Promise<number> => {
    if (waiting === null) await new Promise<void>((resolve) => (wake = resolve));
    return waiting!.milliseconds;
  };
  const pass = async (): Promise<void> => {
    nowMs += await waits();
    const { run } = waiting!;
    waiting = null;
    run();
  };
  return { made, waits, pass, idle: () => waiting === null };
}

const names = (): string[] => (existsSync(folder) ? readdirSync(folder).toSorted() : []);

describe('scheduled backups', () => {
  test('are taken by the leader alone, at each interval, into files that are whole and sort by time', async () => {
    const { pass, waits, idle } = scheduled();
    expect([idle(), names()]).toEqual([true, []]);
    member.tellLeadership({ term: 1 });
    expect(await waits()).toBe(hour);
    await pass();
    await pass();
    await waits();
    expect(names()).toEqual([
      'env-cli-c1c1c1c1-20261126T100000Z-r0000000000000000.backup',
      'env-cli-c1c1c1c1-20261126T110000Z-r0000000000000000.backup',
      'env-cli-c1c1c1c1-20261126T120000Z-r0000000000000000.backup',
    ]);
    for (const name of names()) {
      expect(await checkBackup(join(folder, name))).toMatchObject({ clusterId: cluster });
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    }
    member.tellLeadership(null);
    expect(idle()).toBe(true);
  });

  test('of a new leader go on where the folder says', async () => {
    const first = scheduled();
    member.tellLeadership({ term: 1 });
    await first.waits();
    member.tellLeadership(null);
    nowMs += hour / 4;
    const other = member.follower(2);
    const second = scheduled({}, other);
    other.tellLeadership({ term: 2 });
    expect(await second.waits()).toBe((hour * 3) / 4);
    expect(names()).toHaveLength(1);
  });

  test('that fail are logged, counted and tried again; nothing is left of them, and older ones stay', async () => {
    const { made, pass, waits } = scheduled({ keepCount: 1 });
    member.tellLeadership({ term: 1 });
    await waits();
    const [first] = names();
    member.backUp = (path) => {
      writeFileSync(path, 'half');
      return Promise.reject(new Error('the disk is full'));
    };
    await pass();
    expect(await waits()).toBe(300_000);
    expect([errors, names()]).toEqual([['the disk is full'], [first]]);
    expect(await made.figures()).toMatchObject({
      'backup_scheduled_total{outcome="taken"}': 1,
      'backup_scheduled_total{outcome="failed"}': 1,
      backup_last_timestamp_seconds: begin / 1_000,
    });
    Reflect.deleteProperty(member, 'backUp');
    await pass();
    expect(await waits()).toBe(hour);
    expect(names()).toEqual(['env-cli-c1c1c1c1-20261126T110500Z-r0000000000000000.backup']);
  });

  test('into a folder that cannot be written, or a disk without room, are refused with the reason', async () => {
    const blocked = scheduled({ folder: join(parent, 'no', 'such') });
    member.tellLeadership({ term: 1 });
    await blocked.waits();
    expect(errors).toEqual([expect.stringContaining('ENOENT')]);
    const full = scheduled({ storageBytes: () => 2 ** 60 });
    member.tellLeadership({ term: 2 });
    await full.waits();
    expect(errors.at(-1)).toMatch(/bytes free, and a backup may need/);
    expect(names()).toEqual([]);
  });

  test('that a crash cut off are removed by the same member, and those of others are left alone', async () => {
    const first = scheduled();
    member.tellLeadership({ term: 1 });
    await first.waits();
    const own = join(folder, '.new-env-cli-c1c1c1c1-member-1-abc');
    const foreign = join(folder, '.new-env-cli-c1c1c1c1-member-2-abc');
    const others = ['env-cli-00000000-20201126T100000Z-r0000000000000000.backup', 'notes.txt'];
    for (const path of [own, foreign, ...others.map((name) => join(folder, name))]) writeFileSync(path, '');
    await first.pass();
    await first.waits();
    expect([existsSync(own), existsSync(foreign)]).toEqual([false, true]);
    expect(names()).toEqual(expect.arrayContaining(others));
  });
});

describe('what is kept of a folder', () => {
  const at = (hours: number) => backupName(cluster, begin + hours * hour, 7);
  const all = backupsAmong([0, 1, 2, 3, 4].map(at), cluster);
  const cases = [
    // why                               count  time      now  gone
    ['everything, without limits', 0, 0, 100, []],
    ['the newest of a number', 2, 0, 100, [2, 1, 0]],
    ['those that are young enough', 0, 2 * hour, 5, [2, 1, 0]],
    ['what both limits allow', 4, 3 * hour, 5, [1, 0]],
    ['the newest, however old it is', 0, hour, 100, [3, 2, 1, 0]],
    ['the newest, of one', 1, 0, 4, [3, 2, 1, 0]],
  ] as const;
  test.each(cases)('%s', (_why, keepCount, keepMs, hours, gone) => {
    const found = superfluous(all, { keepCount, keepMs }, begin + hours * hour).map(({ name }) => name);
    expect(found).toEqual(gone.map(at));
  });
});
