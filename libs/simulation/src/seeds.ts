import { type Boundary, boundaries } from './crash.ts';
import { type FaultKind, faultKinds } from './faults.ts';
import { type Plants, type Run, simulate } from './simulate.ts';

/** What many runs came to together. */
export interface Seeds {
  readonly runs: number;
  /** The first run that broke a rule, if one did. */
  readonly failed: Run | null;
  readonly events: number;
  readonly virtualMs: number;
  readonly committed: number;
  readonly acknowledged: number;
  readonly replayed: number;
  readonly reads: number;
  readonly elections: number;
  /** Runs in which a majority of the members reported the same state after a marked entry. */
  readonly agreed: number;
  readonly snapshotsInstalled: number;
  readonly changes: number;
  readonly olderDisksRefused: number;
  readonly deaths: ReadonlyMap<Boundary, number>;
  readonly faults: ReadonlyMap<FaultKind, number>;
}

export interface SeedsOptions {
  readonly firstSeed: number;
  readonly plants?: Plants;
  /** Asked before each run with the number of runs so far; false ends. */
  readonly goesOn: (runs: number) => boolean;
}

/** Runs one seed after another until one breaks a rule or there are enough. */
export function runSeeds({ firstSeed, plants = {}, goesOn }: SeedsOptions): Seeds {
  const deaths = new Map<Boundary, number>(boundaries.map((boundary) => [boundary, 0]));
  const faults = new Map<FaultKind, number>(faultKinds.map((kind) => [kind, 0]));
  const sums = {
    runs: 0,
    events: 0,
    virtualMs: 0,
    committed: 0,
    acknowledged: 0,
    replayed: 0,
    reads: 0,
    elections: 0,
    agreed: 0,
    snapshotsInstalled: 0,
    changes: 0,
    olderDisksRefused: 0,
  };
  let failed: Run | null = null;
  while (failed === null && goesOn(sums.runs)) {
    const run = simulate({ seed: firstSeed + sums.runs, plants });
    sums.runs++;
    sums.events += run.events;
    sums.virtualMs += run.virtualMs;
    sums.committed += run.committed;
    sums.acknowledged += run.clients.acknowledged;
    sums.replayed += run.clients.replayed;
    sums.reads += run.clients.reads;
    sums.elections += run.terms;
    if (run.agreedIndex > 0) sums.agreed++;
    sums.snapshotsInstalled += run.snapshotsInstalled;
    sums.changes += run.changes;
    sums.olderDisksRefused += run.olderDisksRefused;
    for (const [boundary, count] of run.deaths) deaths.set(boundary, deaths.get(boundary)! + count);
    for (const [kind, count] of run.faults) faults.set(kind, faults.get(kind)! + count);
    if (run.violation !== null) failed = run;
  }
  return { ...sums, failed, deaths, faults };
}
