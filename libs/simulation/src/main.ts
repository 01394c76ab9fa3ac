import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

import { inNeither, missedOf, RoleCoverage, type Uncovered } from './coverage.ts';
import { findMutants, type Found, inOrder, recordedIn, tableOf, writeRecorded } from './mutant-table.ts';
import { inParts, type Part, partOf, sumOf } from './parts.ts';
import { readProgress, sourcesDigest, writeProgress } from './resume.ts';
import type { Seeds } from './seeds.ts';
import { asDrawn, type Smaller } from './smaller.ts';

const usage = `Runs clusters in one process, each from one seed, with faults, and checks every rule after every event.

  npm run simulate -- --seeds N [--from S] [--fresh]   N runs from seed S (default: 1), until one breaks a rule. It may be stopped at any
                                                       time: the same call goes on from there, --fresh begins anew
  npm run simulate -- --seed X [--trace]               one run; with --trace every line of what happens
                      [--html [FILE]]                  a page to look at (default: .data/simulation/seed-X.html)
                      [--members N] [--clients N] [--faults-ms N] [--faults 1,2,… | none] [--calm] [--deathless]
                                                       the same run made smaller, as a failing one was shrunk to
  npm run simulate -- --mutants [--name TEXT] [--within N] [--shrink] [--write]
                                                       plants each known bug and counts the seeds until it is found; --write keeps
                                                       the table in docs/simulator.md
  npm run simulate -- --standard [--from S]            what CI runs: prints the counts, and what never happened, as JSON

docs/simulator.md says what is checked, and how to read a trace and a page.
`;

const folder = '.data/simulation';
/** Runs of the standard length: CI asserts that in them everything happens that can. */
const standardRuns = 250;
/** Seeds within which every planted bug is found. */
const mutantSeedsMax = 500;
const saveEveryRuns = 20;

// `--html` may stand alone.
const args = process.argv.slice(2);
const htmlAt = args.indexOf('--html');
if (htmlAt >= 0 && (args[htmlAt + 1] ?? '--').startsWith('--')) args.splice(htmlAt + 1, 0, '');

const { values } = parseArgs({
  args,
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    fresh: { type: 'boolean', default: false },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    html: { type: 'string' },
    members: { type: 'string' },
    clients: { type: 'string' },
    'faults-ms': { type: 'string' },
    faults: { type: 'string' },
    calm: { type: 'boolean', default: false },
    deathless: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    name: { type: 'string' },
    within: { type: 'string', default: String(mutantSeedsMax) },
    recorded: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    standard: { type: 'boolean', default: false },
    part: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function refuse(problem: string): never {
  process.stderr.write(`simulate: ${problem}\n\n${usage}`);
  process.exit(2);
}

/** A whole number above 0, or the end of the program. */
function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value <= 0) refuse(`--${name} must be a whole number above 0, not '${text}'`);
  return value;
}

function numberOrNull(name: 'members' | 'clients' | 'faults-ms'): number | null {
  const text = values[name];
  return text === undefined ? null : number(name, text);
}

function smallerOf(): Smaller {
  const { faults } = values;
  const members = numberOrNull('members');
  if (members !== null && members > 7) refuse('a cluster of a run has at most 7 members');
  return {
    ...asDrawn,
    members,
    clients: numberOrNull('clients'),
    faultsMs: numberOrNull('faults-ms'),
    faults: faults === undefined ? null : faults === 'none' ? [] : faults.split(',').map((text) => number('faults', text)),
    calm: values.calm,
    deathless: values.deathless,
  };
}

function list(counts: ReadonlyMap<string, number> | Readonly<Record<string, number>>): string {
  const entries = counts instanceof Map ? [...counts] : Object.entries(counts);
  return entries.map(([name, count]) => `    ${name}: ${count}`).join('\n');
}

type Counted = Omit<Seeds, 'failed' | 'deaths' | 'faults'> & {
  readonly deaths: Seeds['deaths'] | Readonly<Record<string, number>>;
  readonly faults: Seeds['faults'] | Readonly<Record<string, number>>;
};

function show(seeds: Counted, seconds: number): string {
  return [
    `${seeds.runs} runs in ${seconds.toFixed(1)} s: ${(seeds.virtualMs / 1000).toFixed(0)} s of virtual time, ${seeds.events} events`,
    `  ${seeds.committed} entries committed in ${seeds.elections} terms, ${seeds.snapshotsInstalled} snapshots installed, ${seeds.installsFailed} not,` +
      ` ${seeds.olderDisksRefused} older disks refused, ${seeds.changes} changes of the members, ${seeds.lostMembers} members lost, ${seeds.newMembers} new`,
    `  clients:\n${list(seeds.clients)}`,
    `  deaths at a boundary:\n${list(seeds.deaths)}`,
    `  faults:\n${list(seeds.faults)}`,
    `  messages:\n${list(seeds.network)}`,
    `  disks:\n${list(seeds.disks)}`,
    `  the lead handed over unasked:\n${list(seeds.handovers)}`,
    `  effects of the core:\n${list(seeds.effects)}`,
    `  events:\n${list(seeds.eventsByKind)}`,
  ].join('\n');
}

async function one(seed: number): Promise<void> {
  const { simulate } = await import('./simulate.ts');
  const { optionsOf } = await import('./smaller.ts');
  const { Recorder } = await import('./recording.ts');
  const recorder = values.html === undefined ? undefined : new Recorder();
  const run = simulate({
    seed,
    ...optionsOf(smallerOf()),
    ...(values.trace && { trace: (text: string) => process.stdout.write(`${text}\n`) }),
    ...(recorder !== undefined && { recorder }),
  });
  if (recorder !== undefined) {
    const { pageOf } = await import('./page.ts');
    const file = values.html || `${folder}/seed-${seed}.html`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, pageOf(run, recorder));
    process.stdout.write(`the page: ${file}\n`);
  }
  const held = run.violation === null ? 'every rule held' : `BROKEN: ${run.violation.message}`;
  process.stdout.write(`seed ${seed}: ${held}; ${run.events} events, ${run.committed} entries committed in ${run.terms} terms\n`);
  process.exitCode = run.violation === null ? 0 : 1;
}

async function many(wanted: number, firstSeed: number): Promise<void> {
  const { runSeeds } = await import('./seeds.ts');
  const sources = sourcesDigest();
  const file = `${folder}/from-${firstSeed}.json`;
  const before = values.fresh ? null : readProgress(file, sources, firstSeed);
  if (before !== null)
    process.stdout.write(`goes on at seed ${before.nextSeed}, after ${before.runs} runs in ${before.seconds.toFixed(0)} s\n`);
  const began = performance.now();
  let stopped = false;
  process.once('SIGINT', () => (stopped = true));
  process.once('SIGTERM', () => (stopped = true));
  const done = before?.runs ?? 0;
  let saved = 0;
  const save = (runs: number, events: number, virtualMs: number): void => {
    saved = runs;
    writeProgress(file, {
      sources,
      firstSeed,
      nextSeed: firstSeed + done + runs,
      runs: done + runs,
      events: (before?.events ?? 0) + events,
      virtualMs: (before?.virtualMs ?? 0) + virtualMs,
      seconds: (before?.seconds ?? 0) + (performance.now() - began) / 1000,
    });
  };
  const sums = { events: 0, virtualMs: 0 };
  let seeds = null as Seeds | null;
  // A turn of the event loop now and then, so that a signal is heard.
  for (;;) {
    if (stopped || done + saved >= wanted || (seeds !== null && seeds.failed !== null)) break;
    const count = Math.min(saveEveryRuns, wanted - done - saved);
    const part = runSeeds({ firstSeed: firstSeed + done + saved, goesOn: (runs) => runs < count });
    sums.events += part.events;
    sums.virtualMs += part.virtualMs;
    seeds = part;
    if (part.failed === null) save(saved + part.runs, sums.events, sums.virtualMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - began) / 1000;
  process.stdout.write(
    `${saved} runs in ${seconds.toFixed(1)} s: ${(sums.virtualMs / 1000).toFixed(0)} s of virtual time, ${sums.events} events; ${done + saved} runs in all\n`,
  );
  if (seeds?.failed != null) await tell(seeds.failed);
}

async function tell(failed: NonNullable<Seeds['failed']>): Promise<void> {
  const { flagsOf, shrink } = await import('./smaller.ts');
  const { seed, violation } = failed;
  process.stdout.write(`BROKEN by seed ${seed}: ${violation?.message}\n`);
  const { smaller, run, tries } = shrink(failed);
  process.stdout.write(
    `shrunk by ${tries} runs from ${failed.events} events to ${run.events}: ${run.violation?.message}\n` +
      `  replay it: npm run simulate -- --seed ${seed}${flagsOf(smaller)} --trace\n` +
      `  look at it: npm run simulate -- --seed ${seed}${flagsOf(smaller)} --html\n`,
  );
  process.exitCode = 1;
}

/** What a part of the run of the standard length came to. */
interface StandardPart {
  readonly counts: Omit<Seeds, 'failed' | 'deaths' | 'faults'> & {
    readonly deaths: Readonly<Record<string, number>>;
    readonly faults: Readonly<Record<string, number>>;
    readonly cpuSeconds: number;
  };
  readonly failed: { readonly seed: number; readonly message: string } | null;
  readonly uncovered: Uncovered;
}

/** Runs the standard seeds with the branches of the core counted, a part of them on each core. */
async function standard(): Promise<void> {
  const parts = await inParts<StandardPart>(process.argv.slice(2));
  const counts = parts.map((part) => part.counts).reduce(sumOf);
  process.stderr.write(`${show(counts, counts.cpuSeconds)}\n`);
  const failed = parts.find((part) => part.failed !== null)?.failed ?? null;
  const coverage = missedOf(parts.map((part) => part.uncovered).reduce(inNeither));
  process.stdout.write(`${JSON.stringify({ ...counts, failed, coverage })}\n`);
}

async function partOfStandard(firstSeed: number, { at, count }: Part): Promise<void> {
  const coverage = new RoleCoverage();
  const { runSeeds } = await import('./seeds.ts');
  const [from, to] = [at, at + 1].map((parts) => Math.round((standardRuns * parts) / count)) as [number, number];
  const cpu = process.cpuUsage();
  const { failed, deaths, faults, ...sums } = runSeeds({ firstSeed: firstSeed + from, goesOn: (runs) => runs < to - from });
  const { user, system } = process.cpuUsage(cpu);
  const result: StandardPart = {
    counts: {
      ...sums,
      deaths: Object.fromEntries(deaths),
      faults: Object.fromEntries(faults),
      cpuSeconds: (user + system) / 1e6,
    },
    failed: failed && { seed: failed.seed, message: failed.violation?.message ?? '' },
    uncovered: coverage.take(),
  };
  process.send!(result);
}

async function partOfPlant({ name, recorded }: typeof values, part: Part): Promise<void> {
  const found = await findMutants({
    ...(name !== undefined && { name }),
    part,
    recorded: recorded ? recordedIn() : null,
    seedsMax: number('within', values.within),
    shrinks: values.shrink,
    tell: (text) => process.stdout.write(`${text}\n`),
  });
  process.send!(found);
}

async function plant(): Promise<void> {
  const { recorded, write } = values;
  const found = inOrder((await inParts<Found[]>(process.argv.slice(2))).flat());
  if (write) writeRecorded(found);
  else if (!recorded) process.stdout.write(`\n${tableOf(found)}`);
  process.exitCode = found.every(({ seed }) => seed !== null) ? 0 : 1;
}

const part = partOf(values.part);
const asked =
  [values.seed, values.seeds].filter((value) => value !== undefined).length + Number(values.mutants) + Number(values.standard);
if (values.help) process.stdout.write(usage);
else if (asked !== 1) refuse('say one of --seeds, --seed, --mutants and --standard');
else if (values.seed !== undefined) await one(number('seed', values.seed));
else if (values.seeds !== undefined) await many(number('seeds', values.seeds), number('from', values.from));
else if (values.mutants) await (part === null ? plant() : partOfPlant(values, part));
else await (part === null ? standard() : partOfStandard(number('from', values.from), part));
