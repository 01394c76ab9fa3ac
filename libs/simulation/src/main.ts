import { parseArgs } from 'node:util';

import { runSeeds, type Seeds } from './seeds.ts';
import { simulate } from './simulate.ts';

const usage = `Runs clusters in one process, each from one seed, with faults, and checks every rule after every event.

  npm run simulate -- --seeds N [--from S]    N runs, from seed S (default: 1); ends with the first that breaks a rule
  npm run simulate -- --seed X [--trace]      one run; with --trace every line of what happens
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** A whole number above 0, or the end of the program. */
function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value <= 0) {
    process.stderr.write(`simulate: --${name} must be a whole number above 0, not '${text}'\n\n${usage}`);
    process.exit(2);
  }
  return value;
}

function list(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `    ${name}: ${count}`).join('\n');
}

function show(seeds: Seeds, seconds: number): string {
  return [
    `${seeds.runs} runs in ${seconds.toFixed(1)} s: ${(seeds.virtualMs / 1000).toFixed(0)} s of virtual time, ${seeds.events} events`,
    `  ${seeds.committed} entries committed in ${seeds.elections} terms, ${seeds.changes} changes of the members, ${seeds.snapshotsInstalled} snapshots installed, ${seeds.olderDisksRefused} older disks refused`,
    `  ${seeds.acknowledged} writes acknowledged, ${seeds.replayed} of them by a retry of one that had happened; ${seeds.reads} strong reads`,
    `  deaths at a boundary:\n${list(seeds.deaths)}`,
    `  faults:\n${list(seeds.faults)}`,
  ].join('\n');
}

if (values.help || (values.seed === undefined) === (values.seeds === undefined)) {
  process[values.help ? 'stdout' : 'stderr'].write(usage);
  process.exitCode = values.help ? 0 : 2;
} else if (values.seed !== undefined) {
  const run = simulate({
    seed: number('seed', values.seed),
    ...(values.trace && { trace: (text: string) => process.stdout.write(`${text}\n`) }),
  });
  const held = run.violation === null ? 'every rule held' : `BROKEN: ${run.violation.message}`;
  process.stdout.write(
    `seed ${run.seed}: ${held}; ${run.events} events, ${run.committed} entries committed in ${run.terms} terms\n`,
  );
  process.exitCode = run.violation === null ? 0 : 1;
} else if (values.seeds !== undefined) {
  const began = performance.now();
  const wanted = number('seeds', values.seeds);
  const seeds = runSeeds({ firstSeed: number('from', values.from), goesOn: (runs) => runs < wanted });
  process.stdout.write(`${show(seeds, (performance.now() - began) / 1000)}\n`);
  if (seeds.failed !== null) {
    const { seed, violation } = seeds.failed;
    process.stdout.write(
      `BROKEN by seed ${seed}: ${violation?.message}\n  replay it: npm run simulate -- --seed ${seed} --trace\n`,
    );
    process.exitCode = 1;
  }
}
