import { MemoryTables } from '@env-cli/keyspace';
import type { Configuration, HardState, Index, MemberId, Term } from '@env-cli/raft';

import { RaftChecks, Violation } from './checks.ts';
import { Clients } from './clients.ts';
import { type Boundary, boundaries } from './crash.ts';
import { type DiskCounts, LogDisk } from './disk-log.ts';
import { SeenDisk } from './disk-seen.ts';
import { StateDisk } from './disk-state.ts';
import { checkAlarms, checkEqual, checkRoster, checkWrites } from './end-checks.ts';
import { type FaultKind, Faults, planFaults } from './faults.ts';
import { foundingTables } from './founding.ts';
import { Ground } from './ground.ts';
import { type HandoverCounts, noHandovers } from './handovers.ts';
import { type Disks, SimulatedMember, type World } from './member.ts';
import { isWhole } from './membership.ts';
import { fairWeather, Network } from './network.ts';
import { Random } from './random.ts';
import type { Recorder } from './recording.ts';
import { drawSettings, type RunSettings } from './settings.ts';
import { type EventKind, Timeline } from './timeline.ts';
import { type EffectCounts, noEffects } from './watched-core.ts';

export interface RunOptions {
  readonly seed: number;
  /** Is told what happens, one line a time. */
  readonly trace?: (text: string) => void;
  /** Keeps what a page of the run shows. */
  readonly recorder?: Recorder;
  /** Makes the run that the seed draws a smaller one. Defaults to the run as it was drawn. */
  readonly reduce?: (settings: RunSettings) => RunSettings;
  /** Whether the fault of this number happens. Defaults to all. */
  readonly keepsFault?: (number: number) => boolean;
}

/** What a run came to. */
export interface Run {
  readonly seed: number;
  /** Null when every check held. */
  readonly violation: Violation | null;
  readonly events: number;
  readonly eventsByKind: Readonly<Record<EventKind, number>>;
  readonly effects: Readonly<EffectCounts>;
  readonly settings: RunSettings;
  /** The numbers of the faults that were planned. */
  readonly faultNumbers: readonly number[];
  readonly disks: DiskCounts;
  /** Members whose disks were of no use any more. */
  readonly lostMembers: number;
  /** Members that came with an empty disk and a number that was never used. */
  readonly newMembers: number;
  readonly virtualMs: number;
  readonly terms: number;
  readonly committed: number;
  /** The newest marked entry after which a majority of the members reported the same state; 0: none. */
  readonly agreedIndex: number;
  readonly clients: Clients['counts'];
  readonly network: Network['counts'];
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** How often a member died at each boundary. */
  readonly deaths: ReadonlyMap<Boundary, number>;
  readonly snapshotsInstalled: number;
  /** Snapshots that came whole and could not be installed. */
  readonly installsFailed: number;
  /** Changes of the members that were committed. */
  readonly changes: number;
  /** Members that came back with an older copy of their disks, and were refused. */
  readonly olderDisksRefused: number;
  readonly handovers: Readonly<HandoverCounts>;
}

/** Events of one run: more than any run that makes progress has. */
const eventsMax = 3_000_000;
/** Election timeouts after the last fault within which everything must be right again. */
const healElections = 400;

/** How much likelier a death is where a run passes only a few times, so that it is seen at all. */
function rarityOf(boundary: Boundary): number {
  if (boundary.startsWith('snapshot') || boundary.startsWith('log reset') || boundary === 'vote sent') return 60;
  return boundary.startsWith('log release') || boundary.startsWith('checkpoint') || boundary.startsWith('term and vote') ? 20 : 1;
}

/** Runs one cluster from one seed: faults for a while, then none; then everything must be as it should. */
export function simulate(options: RunOptions): Run {
  const { seed, trace = () => undefined, recorder, reduce = (drawn) => drawn, keepsFault = () => true } = options;
  const settings = reduce(drawSettings(Random.of(seed, 'settings')));
  const timeline = new Timeline();
  const network = new Network(
    timeline,
    Random.of(seed, 'network'),
    recorder === undefined ? null : (carried) => recorder.message(carried),
  );
  const electionMs = settings.member.tickMs * settings.member.electionTicks;
  const line = (text: string): void => {
    recorder?.line(timeline.nowMs, text);
    trace(`${timeline.nowMs.toFixed(2).padStart(10)} ${text}`);
  };
  const ids = Array.from({ length: settings.memberCount }, (_, i) => (i + 1) as MemberId);
  const configuration: Configuration = { voters: ids, votersOutgoing: [], learners: [], learnersNext: [], learnersJoining: [] };
  const deaths = new Map<Boundary, number>(boundaries.map((boundary) => [boundary, 0]));
  const clients = new Clients(timeline, Random.of(seed, 'clients'), settings.clients);
  const members = new Map<MemberId, SimulatedMember>();
  const list: SimulatedMember[] = [];
  const deathDraws = Random.of(seed, 'deaths');
  let crashProbability = settings.crashProbability;
  let snapshotsInstalled = 0;
  let installsFailed = 0;
  let olderDisksRefused = 0;
  const handovers = noHandovers();
  const world: World = {
    timeline,
    random: Random.of(seed, 'members'),
    network,
    checks: new RaftChecks(list, configuration, { index: 1, term: 1 }),
    configuration,
    settings: settings.member,
    effects: noEffects(),
    members,
    dies: (_member, boundary) => {
      if (!deathDraws.chance(crashProbability * rarityOf(boundary))) return false;
      deaths.set(boundary, deaths.get(boundary)! + 1);
      return true;
    },
    installed: () => snapshotsInstalled++,
    installFailed: () => installsFailed++,
    died: (member) => ground.died(member, deathDraws.chance(0.3) ? deathDraws.span(0, 0.3) : deathDraws.span(0, 4)),
    refused: () => olderDisksRefused++,
    handsOver: (kind) => handovers[kind]++,
    trace: line,
  };
  // Numbers rise, and none is given twice.
  const make = (disks: Disks): SimulatedMember => {
    const id = (list.length + 1) as MemberId;
    const member = new SimulatedMember(id, world, disks, clients.answersOf(id));
    members.set(id, member);
    list.push(member);
    return member;
  };
  const founded = foundingTables(ids);
  for (const _ of ids) make(disksOf(founded, { index: 1 as Index, term: 1 as Term }));
  const enlist = (): SimulatedMember => {
    const newcomer = make(disksOf(new MemoryTables(), { index: 0 as Index, term: 0 as Term }));
    line(`member ${newcomer.id} is new`);
    newcomer.start();
    return newcomer;
  };
  const ground = new Ground({ timeline, network, members: list, electionMs }, enlist, clients);
  const faults = new Faults(seed, ground, line);
  const planned = planFaults(Random.of(seed, 'faults'), settings.faultEveryMs, settings.faultsMs);
  line(`seed ${seed}: ${JSON.stringify(settings)}`);

  let agreedIndex = 0;
  let violation: Violation | null = null;
  const runUntil = (done: () => boolean, untilMs: number, what: string): void => {
    while (!done()) {
      if (timeline.nowMs > untilMs || timeline.events > eventsMax)
        throw new Violation('progress after the faults are over', what);
      if (!timeline.step()) throw new Violation('progress after the faults are over', 'nothing is left to happen');
      recorder?.look(timeline.nowMs, list);
    }
  };
  try {
    for (const member of list) member.start();
    clients.start(list);
    network.weather = settings.weather;
    faults.run(planned.filter(({ number }) => keepsFault(number)));
    runUntil(() => timeline.nowMs > settings.faultsMs, Infinity, 'the faults never end');
    line('the faults are over');
    crashProbability = 0;
    network.weather = fairWeather;
    ground.end();
    clients.stop();
    const healedMs = timeline.nowMs + healElections * electionMs;
    runUntil(() => clients.finished, healedMs, 'not every client has its answers');
    runUntil(() => ground.newcomers.settled, healedMs, 'not everybody who is lost has somebody in its place');
    // Those that are lost stay away; who came in their place is among the others.
    const rest = list.filter((member) => !member.isLost);
    runUntil(() => atRest(rest), healedMs, 'not every member votes and has applied what is committed');
    ground.newcomers.dismiss();
    clients.markAtTheEnd();
    runUntil(() => clients.finished, healedMs, 'the state does not forget who is lost');
    runUntil(() => clients.isDelivered(rest[0]!.tables!), healedMs, 'not everything that changed is delivered');
    runUntil(() => atRest(rest), healedMs, 'not every member votes and has applied what is committed');
    clients.checkAtTheEnd(rest[0]!.tables!);
    agreedIndex = checkAlarms(rest[0]!.tables!);
    checkEqual(rest.map((member) => ({ id: member.id, tables: member.tables! })));
    checkWrites(rest[0]!.tables!, clients.writes);
    checkRoster(rest[0]!.tables!, rest, list.length);
  } catch (error) {
    violation = violationOf(error);
    line(`violation: ${violation.message}`);
    for (const { id, status } of list) line(`member ${id}: ${status === null ? 'dead' : JSON.stringify(status)}`);
  }
  return {
    seed,
    violation,
    events: timeline.events,
    eventsByKind: timeline.counts,
    effects: world.effects,
    settings,
    faultNumbers: planned.map(({ number }) => number).filter(keepsFault),
    disks: sumOfDisks(list),
    lostMembers: list.filter((member) => member.isLost).length,
    newMembers: list.length - ids.length,
    virtualMs: timeline.nowMs,
    terms: Math.max(...list.map((member) => member.durableTerm)),
    committed: world.checks.committedIndex,
    agreedIndex,
    clients: clients.counts,
    network: network.counts,
    faults: faults.counts,
    deaths,
    snapshotsInstalled,
    installsFailed,
    changes: world.checks.changes,
    olderDisksRefused,
    handovers,
  };
}

function sumOfDisks(members: readonly SimulatedMember[]): DiskCounts {
  const sum: DiskCounts = { tornTails: 0, unsyncedLost: 0 };
  for (const { diskCounts } of members) {
    sum.tornTails += diskCounts.tornTails;
    sum.unsyncedLost += diskCounts.unsyncedLost;
  }
  return sum;
}

/** A broken invariant is found as well as a broken rule is; anything else is a fault of the simulator and thrown on. */
function violationOf(error: unknown): Violation {
  if (error instanceof Violation) return error;
  if (error instanceof Error && error.name === 'BrokenInvariant')
    return new Violation('an invariant of the code', error.stack ?? error.message);
  throw error;
}

/** All live and vote, and nobody else; one leads, and all have applied the same. */
function atRest(members: readonly SimulatedMember[]): boolean {
  const [first] = members;
  if (first === undefined || !members.some((member) => member.status?.role === 'leader')) return false;
  if (!members.every((member) => member.status !== null && isWhole(member.status.configuration, members))) return false;
  return members.every(
    (member) =>
      member.tables !== null && member.appliedIndex === first.appliedIndex && member.status?.lastIndex === member.appliedIndex,
  );
}

/** The disks of a member that never ran: what it has applied is where its log begins. */
function disksOf(tables: MemoryTables, applied: { readonly index: Index; readonly term: Term }): Disks {
  const hardState: HardState = { term: applied.term, votedFor: null };
  return { log: new LogDisk(applied, hardState), state: new StateDisk(tables), seen: new SeenDisk() };
}
