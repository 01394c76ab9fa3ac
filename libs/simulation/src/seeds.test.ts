import { expect, test } from '@jest/globals';

import { runSeeds } from './seeds.ts';
import { simulate } from './simulate.ts';

/** How long seeds are run, and the fewest that make the test worth its name: a slow machine runs longer instead of less. */
const runMs = 120_000;
const runsMin = 300;
// A run of CI can be given seeds that nobody has seen yet; without it every run is the same, and green stays green.
const firstSeed = Number(process.env['SIMULATION_FIRST_SEED'] ?? 1);

test('the same seed makes the same run', () => {
  const lines = [0, 1].map(() => {
    const trace: string[] = [];
    simulate({ seed: 7, trace: (text) => trace.push(text) });
    return trace;
  });
  expect(lines[0]!.length).toBeGreaterThan(10);
  expect(lines[1]).toEqual(lines[0]);
});

test(`every rule holds after every event, seed after seed for ${runMs / 1000} s (from seed ${firstSeed})`, () => {
  const endMs = performance.now() + runMs;
  const seeds = runSeeds({ firstSeed, goesOn: (runs) => runs < runsMin || performance.now() < endMs });
  expect(seeds.failed && `seed ${seeds.failed.seed}: ${seeds.failed.violation?.message}`).toBeNull();
  // What never happened was not tested.
  expect([...seeds.deaths].filter(([, count]) => count === 0)).toEqual([]);
  expect([...seeds.faults].filter(([, count]) => count === 0)).toEqual([]);
  expect(seeds.snapshotsInstalled).toBeGreaterThan(100);
  expect(seeds.changes).toBeGreaterThan(seeds.runs);
  expect(seeds.olderDisksRefused).toBeGreaterThan(50);
  expect(seeds.replayed).toBeGreaterThan(1000);
  expect(seeds.reads).toBeGreaterThan(1000);
  expect(seeds.agreed).toBeGreaterThan(0.9 * seeds.runs);
  process.stdout.write(
    `${seeds.runs} seeds: ${Math.round(seeds.virtualMs / 1000)} s of virtual time, ${seeds.committed} entries, ${seeds.acknowledged} writes acknowledged\n`,
  );
}, 600_000);
