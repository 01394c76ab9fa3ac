import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { EtcdCluster, readKey } from './etcd-cluster.ts';
import { loadEtcd } from './etcd-load.ts';
import { goPrograms, type GoPrograms } from './go-programs.ts';
import { machine, noise, type Noise } from './machine.ts';
import { summary, type Measurement, type Summary } from './measurement.ts';
import { helpText, readBenchOptions, type BenchOptions } from './options.ts';
import { startOurs } from './our-cluster.ts';
import { newTexts, variableBytes } from './payload.ts';
import { killOwnChildren } from '../support/own-children.ts';
import { profileOf } from './profile-run.ts';
import { ratioOf, reportText, type BenchReport } from './report.ts';
import { loadBySdk } from './sdk-load.ts';
import { figure } from './text-table.ts';
import { loadByUnary } from './unary-load.ts';
import { etcdRuns, ourRuns, timesOf, type EtcdRun, type OurRun } from './works.ts';

const cache = '.cache/bench';
const results = '.results';
/** How long a run that is told to stop may take to clean up. */
const afterSignalMs = 2000;

/** Measurements by run, one of each round. */
type Rounds<Run> = Map<Run, Measurement[]>;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Tells on the way what was measured, so that a long run is no silent one. */
function note<Run extends { readonly id: string }>(rounds: Rounds<Run>, run: Run, measured: Measurement): void {
  rounds.set(run, [...(rounds.get(run) ?? []), measured]);
  const { ratePerSecond, p50Ms, failures, firstFailure } = measured;
  const failed = failures === 0 ? '' : `; ${failures} failed, the first with: ${firstFailure}`;
  process.stderr.write(`bench: ${run.id}: ${figure(ratePerSecond)} a second, p50 ${figure(p50Ms)} ms${failed}\n`);
}

async function roundOfEtcd(programs: GoPrograms, data: string, options: BenchOptions, rounds: Rounds<EtcdRun>): Promise<void> {
  const needed = new Set(ourRuns.filter((run) => options.only.has(run.work)).map((run) => run.against));
  const cluster = await EtcdCluster.start(programs.etcd, join(data, 'etcd'));
  try {
    await cluster.put(readKey, newTexts(1, variableBytes)[0]!);
    for (const run of etcdRuns.filter(({ id }) => needed.has(id))) {
      note(rounds, run, await loadEtcd(cluster, programs.benchmark, run, options.measureMs));
    }
  } finally {
    await cluster.close();
  }
}

async function roundOfOurs(
  programs: GoPrograms | null,
  data: string,
  options: BenchOptions,
  rounds: Rounds<OurRun>,
): Promise<void> {
  const directory = join(data, 'ours');
  const ours = await startOurs(directory);
  try {
    for (const run of ourRuns.filter(({ work }) => options.only.has(work))) {
      const times = timesOf(run, options);
      if (run.way === 'sdk') note(rounds, run, await loadBySdk(ours, run, times));
      else if (programs !== null)
        note(rounds, run, await loadByUnary(ours, run, times, { generator: programs.unary, directory: data }));
    }
  } finally {
    await ours.cluster.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(data: string, options: BenchOptions): Promise<void> {
  const built = await goPrograms(cache);
  const programs = 'missing' in built ? null : built;
  if ('missing' in built) say(`Our own figures alone: ${built.missing}`);
  const etcd: Rounds<EtcdRun> = new Map();
  const ours: Rounds<OurRun> = new Map();
  const noises: Noise[] = [noise(data)];
  for (let round = 0; round < options.rounds; round++) {
    if (programs !== null) await roundOfEtcd(programs, data, options, etcd);
    await roundOfOurs(programs, data, options, ours);
    noises.push(noise(data));
  }
  const etcds = summaries(etcd);
  const report: BenchReport = {
    machine: machine(),
    rounds: options.rounds,
    warmMs: options.warmMs,
    measureMs: options.measureMs,
    noises,
    etcd: etcds,
    ours: summaries(ours).map(({ run, summary: own }) => {
      const other = etcds.find(({ run: { id } }) => id === run.against)?.summary;
      return { run, summary: own, ratio: ratioOf(run, own, other) };
    }),
  };
  say(reportText(report));
  writeFileSync(join(results, 'bench.json'), `${JSON.stringify(report, null, 2)}\n`);
}

function summaries<Run>(rounds: Rounds<Run>): { readonly run: Run; readonly summary: Summary }[] {
  return [...rounds].map(([run, measured]) => ({ run, summary: summary(measured) }));
}

async function profile(data: string, options: BenchOptions): Promise<void> {
  for (const run of ourRuns.filter(({ work, profiled }) => profiled && options.only.has(work))) {
    const directories = { data: join(data, 'ours'), profiles: join(results, 'profiles') };
    say(`\n${await profileOf(run, timesOf(run, options), directories)}`);
    rmSync(directories.data, { recursive: true, force: true });
  }
}

const options = readBenchOptions(process.argv.slice(2));
if (options.help) {
  say(helpText);
} else {
  mkdirSync(cache, { recursive: true });
  mkdirSync(results, { recursive: true });
  // On the repository's disk: a temporary folder may be memory, where a sync costs nothing.
  const data = mkdtempSync(join(cache, 'data-'));
  const remove = (): void => rmSync(data, { recursive: true, force: true });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      killOwnChildren();
      // By then what waited for them has ended, or it never will.
      setTimeout(() => {
        killOwnChildren();
        remove();
        process.exit(1);
      }, afterSignalMs);
    });
  }
  try {
    await (options.profile ? profile(data, options) : measure(data, options));
  } finally {
    remove();
  }
}
