import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, test } from '@jest/globals';

import type { Missed } from './coverage.ts';
import type { Seeds } from './seeds.ts';
import { simulate } from './simulate.ts';

// A run of CI can be given seeds that nobody has seen yet; without it every run is the same, and green stays green.
const firstSeed = process.env['SIMULATION_FIRST_SEED'] ?? '1';

type Standard = Omit<Seeds, 'deaths' | 'faults' | 'failed'> & {
  readonly deaths: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly failed: { readonly seed: number; readonly message: string } | null;
  readonly cpuSeconds: number;
  readonly coverage: { readonly functions: number; readonly missed: readonly Missed[] };
};

/** A branch by its file and how its source begins, and why. */
type Listed = readonly [file: string, begins: string, why: string];

/** Branches that no run can come to. */
const unreachable: readonly Listed[] = [
  ['leading.ts', '{ const leader = leaderOf(member); const refusal', 'the loop proposes only while it leads'],
  ['leading.ts', "{ const refusal = { code: 'too-large'", 'the loop packs no entry as large as that'],
  ['membership.ts', 'if (progress === undefined) continue;', 'a leader keeps the progress of every member'],
  ['raft.ts', "return member.role.kind === 'leader' ? becomeFollower(", 'the loop tells only a leader to step down'],
  ['raft.ts', 'default: return unreachable(message);', 'there is no other kind'],
  [
    'reading.ts',
    "return out.push({ kind: 'read-refused', id, refusal: { code: 'no-leader' } });",
    'the loop asks a leader that it knows',
  ],
  ['receiving.ts', 'default: return unreachable(message);', 'there is no other kind'],
  ['receiving.ts', 'default: return unreachable(kind);', 'there is no other kind'],
  ['replication.ts', 'if (progress === undefined || matchIndex > ', 'the answer of whoever is no member is not looked at'],
  ['replication.ts', 'if (progress === undefined) return;', 'the answer of whoever is no member is not looked at'],
  ['replication.ts', 'if (progress === undefined || round > ', 'the answer of whoever is no member is not looked at'],
  ['replication.ts', 'voter === member.id ? log.flushedIndex', 'a leader keeps the progress of every voter'],
  ['rounds.ts', 'voter === member.id ? reads.begun', 'a leader keeps the progress of every voter'],
  ['transfer.ts', 'if (reign.transfer === null) return;', 'only a transfer that runs is ended'],
];

/** Branches that a run comes to so seldom that the standard one may do without. */
const seldom: readonly Listed[] = [
  [
    'election.ts',
    'if (!mayStand(member)) return;',
    'the lead is handed to one that has everything, and learns meanwhile that it may not stand',
  ],
  [
    'following.ts',
    "out.send(from, { kind: 'committed'",
    'whoever told what it knows to be committed knows less than who hears it',
  ],
  ['membership.ts', "return { code: 'change-in-flight'", 'a change is asked for while a joint configuration stands'],
  ['receiving.ts', "member.out.push({ kind: 'discard-snapshot'", 'a snapshot of an earlier term comes after all'],
  ['transfer.ts', '&& !configuration.voters.includes(reign.transfer.to)', 'the target is removed while the lead is handed to it'],
  ['transfer.ts', "endTransfer(member, reign, 'target-left');", 'the target is removed while the lead is handed to it'],
];

function isListed({ file, text }: Missed): boolean {
  return [...unreachable, ...seldom].some(([one, begins]) => one === file && text.startsWith(begins));
}

test('the same seed makes the same run', () => {
  const lines = [0, 1].map(() => {
    const trace: string[] = [];
    simulate({ seed: 7, trace: (text) => trace.push(text) });
    return trace;
  });
  expect(lines[0]!.length).toBeGreaterThan(10);
  expect(lines[1]).toEqual(lines[0]);
});

describe(`the run of the standard length, from seed ${firstSeed}`, () => {
  let run: Standard;
  beforeAll(async () => {
    const flags = ['--conditions=@env-cli/source', '--disable-warning=ExperimentalWarning'];
    const args = [...flags, 'libs/simulation/src/main.ts', '--standard', '--from', firstSeed];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 16 * 1024 * 1024 });
    run = JSON.parse(stdout) as Standard;
    const rate = Math.round(run.events / run.cpuSeconds);
    process.stdout.write(`${run.runs} seeds, ${run.events} events, ${rate} a second of one core, its branches counted\n`);
  }, 1_200_000);

  test('every rule holds after every event', () => {
    expect(run.failed && `seed ${run.failed.seed}: ${run.failed.message}`).toBeNull();
  });

  // What never happened was not tested.
  test('every kind of fault, of death, of event and of effect occurs', () => {
    const { faults, deaths, effects, eventsByKind, network, disks, clients, handovers } = run;
    const counts = { ...faults, ...deaths, ...effects, ...eventsByKind, ...network, ...disks, ...clients, ...handovers };
    expect(Object.entries(counts).filter(([, count]) => count === 0)).toEqual([]);
    expect(run.installsFailed).toBeGreaterThan(0);
    expect(run.changes).toBeGreaterThan(run.runs);
    expect(run.lostMembers).toBeGreaterThan(50);
    // As many come as are lost, at the least: no cluster only shrinks.
    expect(run.newMembers).toBeGreaterThan(run.lostMembers);
    expect(run.snapshotsInstalled).toBeGreaterThan(100);
    expect(run.olderDisksRefused).toBeGreaterThan(50);
    expect(clients.replayed).toBeGreaterThan(1000);
    expect(clients.reads).toBeGreaterThan(1000);
    expect(run.agreed).toBeGreaterThan(0.9 * run.runs);
  });

  test('every branch of the role functions occurs that can', () => {
    expect(run.coverage.functions).toBeGreaterThan(50);
    expect(run.coverage.missed.filter((missed) => !isListed(missed))).toEqual([]);
  });

  test('no branch is listed as unreachable that occurs', () => {
    const { missed } = run.coverage;
    const stale = unreachable.filter(([file, begins]) => !missed.some((one) => one.file === file && one.text.startsWith(begins)));
    expect(stale).toEqual([]);
  });
});
