import { type Clients, noClientCounts } from './clients.ts';
import { type Boundary, boundaries } from './crash.ts';
import type { DiskCounts } from './disk-log.ts';
import { type FaultKind, faultKinds } from './faults.ts';
import { type HandoverCounts, noHandovers } from './handovers.ts';
import type { Network } from './network.ts';
import { type Run, simulate } from './simulate.ts';
import type { EventKind } from './timeline.ts';
import { type EffectCounts, noEffects } from './watched-core.ts';

/** What many runs came to together. */
export interface Seeds {
  readonly runs: number;
  /** The first run that broke a rule, if one did. */
  readonly failed: Run | null;
  readonly events: number;
  readonly effects: Readonly<EffectCounts>;
  readonly eventsByKind: Readonly<Record<EventKind, number>>;
  readonly network: Readonly<Network['counts']>;
  readonly disks: Readonly<DiskCounts>;
  readonly lostMembers: number;
  readonly newMembers: number;
  readonly virtualMs: number;
  readonly committed: number;
  readonly clients: Readonly<Clients['counts']>;
  readonly elections: number;
  /** Runs in which a majority of the members reported the same state after a marked entry. */
  readonly agreed: number;
  readonly snapshotsInstalled: number;
  readonly installsFailed: number;
  /** Changes of the members that were committed. */
  readonly changes: number;
  readonly olderDisksRefused: number;
  readonly handovers: Readonly<HandoverCounts>;
  readonly deaths: ReadonlyMap<Boundary, number>;
  readonly faults: ReadonlyMap<FaultKind, number>;
}

export interface SeedsOptions {
  readonly firstSeed: number;
  /** Asked before each run with the number of runs so far; false ends. */
  readonly goesOn: (runs: number) => boolean;
}

/** Runs one seed after another until one breaks a rule or there are enough. */
export function runSeeds({ firstSeed, goesOn }: SeedsOptions): Seeds {
  const deaths = new Map<Boundary, number>(boundaries.map((boundary) => [boundary, 0]));
  const faults = new Map<FaultKind, number>(faultKinds.map((kind) => [kind, 0]));
  const effects = noEffects();
  const eventsByKind: Record<EventKind, number> = { delivery: 0, tick: 0, turn: 0, disk: 0, client: 0, fault: 0 };
  const network: Network['counts'] = { sent: 0, lost: 0, doubled: 0, slowed: 0, overtaken: 0, cut: 0 };
  const disks: DiskCounts = { tornTails: 0, unsyncedLost: 0 };
  const clients = noClientCounts();
  const handovers = noHandovers();
  const sums = {
    runs: 0,
    lostMembers: 0,
    newMembers: 0,
    events: 0,
    virtualMs: 0,
    committed: 0,
    elections: 0,
    agreed: 0,
    snapshotsInstalled: 0,
    installsFailed: 0,
    changes: 0,
    olderDisksRefused: 0,
  };
  let failed: Run | null = null;
  while (failed === null && goesOn(sums.runs)) {
    const run = simulate({ seed: firstSeed + sums.runs });
    sums.runs++;
    sums.events += run.events;
    sums.virtualMs += run.virtualMs;
    sums.committed += run.committed;
    sums.elections += run.terms;
    if (run.agreedIndex > 0) sums.agreed++;
    sums.snapshotsInstalled += run.snapshotsInstalled;
    sums.installsFailed += run.installsFailed;
    sums.changes += run.changes;
    sums.olderDisksRefused += run.olderDisksRefused;
    for (const [boundary, count] of run.deaths) deaths.set(boundary, deaths.get(boundary)! + count);
    for (const [kind, count] of run.faults) faults.set(kind, faults.get(kind)! + count);
    sums.lostMembers += run.lostMembers;
    sums.newMembers += run.newMembers;
    add(effects, run.effects);
    add(eventsByKind, run.eventsByKind);
    add(network, run.network);
    add(disks, run.disks);
    add(clients, run.clients);
    add(handovers, run.handovers);
    if (run.violation !== null) failed = run;
  }
  return { ...sums, failed, deaths, faults, effects, eventsByKind, network, disks, clients, handovers };
}

function add<Kind extends string>(sum: Record<Kind, number>, counts: Readonly<Record<Kind, number>>): void {
  for (const kind in counts) sum[kind] += counts[kind];
}
