import { StateMachine } from '@env-cli/environments';
import {
  type Configuration,
  type HardState,
  type Index,
  type InitialState,
  type MemberId,
  Raft,
  type RaftOptions,
  type Term,
} from '@env-cli/raft';
import {
  DiskMemory,
  type RememberedDisk,
  type Replica,
  type Standing,
  type StateMachine as StateMachinePort,
} from '@env-cli/replica';

import { RaftChecks, Violation, type Watched } from './checks.ts';
import { Clients } from './clients.ts';
import { type Boundary, boundaries } from './crash.ts';
import { type DiskLies, LogDisk } from './disk-log.ts';
import { SeenDisk } from './disk-seen.ts';
import { StateDisk } from './disk-state.ts';
import { checkAlarms, checkEqual, checkWrites } from './end-checks.ts';
import { type FaultKind, Faults } from './faults.ts';
import { foundingTables } from './founding.ts';
import { type Core, SimulatedMember, type World } from './member.ts';
import { isWhole } from './membership.ts';
import { fairWeather, Network } from './network.ts';
import { Random } from './random.ts';
import { drawSettings } from './settings.ts';
import { Timeline } from './timeline.ts';

/** How a run differs from the real thing: the bugs that are planted to see whether the checks find them. */
export interface Plants {
  /** Defaults to the real core. */
  readonly createRaft?: (options: RaftOptions, initial: InitialState) => Core;
  /** Defaults to the real state machine. */
  readonly createStateMachine?: () => StateMachinePort;
  /** Defaults to a disk that tells the truth. */
  readonly lies?: DiskLies;
  /** What is remembered of other disks. Defaults to the real memory. */
  readonly createMemory?: (remembered: readonly RememberedDisk[]) => DiskMemory;
  /** What a member says of its own disk. Defaults to what the real loop says. */
  readonly claimOf?: (replica: Replica, core: Core) => Standing;
}

export interface RunOptions {
  readonly seed: number;
  readonly plants?: Plants;
  /** Is told what happens, one line a time. */
  readonly trace?: (text: string) => void;
}

/** What a run came to. */
export interface Run {
  readonly seed: number;
  /** Null when every check held. */
  readonly violation: Violation | null;
  readonly events: number;
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
  /** Changes of the members that were committed. */
  readonly changes: number;
  /** Members that came back with an older copy of their disks, and were refused. */
  readonly olderDisksRefused: number;
}

const honest: DiskLies = { acknowledgesBeforeSync: false, forgetsVotes: false };
/** Events of one run: more than any run that makes progress has. */
const eventsMax = 3_000_000;
/** Election timeouts after the last fault within which everything must be right again. */
const healElections = 400;

/** Runs one cluster from one seed: faults for a while, then none; then everything must be as it should. */
export function simulate({ seed, plants = {}, trace = () => undefined }: RunOptions): Run {
  const random = new Random(seed);
  const settings = drawSettings(random);
  const timeline = new Timeline();
  const network = new Network(timeline, random);
  const electionMs = settings.member.tickMs * settings.member.electionTicks;
  const line = (text: string): void => trace(`${timeline.nowMs.toFixed(2).padStart(10)} ${text}`);
  const ids = Array.from({ length: settings.memberCount }, (_, i) => (i + 1) as MemberId);
  const configuration: Configuration = { voters: ids, votersOutgoing: [], learners: [], learnersNext: [], learnersJoining: [] };
  const deaths = new Map<Boundary, number>(boundaries.map((boundary) => [boundary, 0]));
  const clients = new Clients(timeline, random, settings.clients);
  const members = new Map<MemberId, SimulatedMember>();
  let crashProbability = settings.crashProbability;
  let snapshotsInstalled = 0;
  let olderDisksRefused = 0;
  const world: World = {
    timeline,
    random,
    network,
    checks: new RaftChecks(memberList(members, ids), configuration, { index: 1, term: 1 }),
    configuration,
    settings: settings.member,
    createRaft: plants.createRaft ?? ((options, initial) => new Raft(options, initial)),
    createStateMachine: plants.createStateMachine ?? (() => new StateMachine()),
    createMemory: plants.createMemory ?? ((remembered) => new DiskMemory(remembered)),
    claimOf: plants.claimOf ?? ((replica) => replica.standing),
    members,
    dies: (_member, boundary) => {
      // A switch of the whole state is rare: there it must be likelier to be seen at all.
      const likelier =
        boundary.startsWith('snapshot') || boundary.startsWith('log reset') || boundary.startsWith('checkpoint') ? 20 : 1;
      if (!random.chance(crashProbability * likelier)) return false;
      deaths.set(boundary, deaths.get(boundary)! + 1);
      return true;
    },
    installed: () => snapshotsInstalled++,
    died: (member) => faults.died(member),
    refused: () => olderDisksRefused++,
    trace: line,
  };
  const founded = foundingTables(ids);
  const hardState: HardState = { term: 1 as Term, votedFor: null };
  for (const id of ids) {
    const log = new LogDisk({ index: 1 as Index, term: 1 as Term }, hardState, plants.lies ?? honest);
    members.set(
      id,
      new SimulatedMember(id, world, { log, state: new StateDisk(founded), seen: new SeenDisk() }, clients.answersOf(id)),
    );
  }
  const list = [...members.values()];
  const faults = new Faults(timeline, random, network, list, electionMs, line);
  line(`seed ${seed}: ${JSON.stringify(settings)}`);

  let events = 0;
  let agreedIndex = 0;
  let violation: Violation | null = null;
  const runUntil = (done: () => boolean, untilMs: number, what: string): void => {
    while (!done()) {
      if (timeline.nowMs > untilMs || events > eventsMax) throw new Violation('progress after the faults are over', what);
      if (!timeline.step()) throw new Violation('progress after the faults are over', 'nothing is left to happen');
      events++;
    }
  };
  try {
    for (const member of list) member.start();
    clients.start(list);
    network.weather = settings.weather;
    faults.run(settings.faultEveryMs);
    runUntil(() => timeline.nowMs > settings.faultsMs, Infinity, 'the faults never end');
    line('the faults are over');
    crashProbability = 0;
    network.weather = fairWeather;
    faults.end();
    clients.stop();
    const healedMs = timeline.nowMs + healElections * electionMs;
    runUntil(() => clients.finished, healedMs, 'not every client has its answers');
    runUntil(() => atRest(list), healedMs, 'not every member has applied what is committed');
    agreedIndex = checkAlarms(list[0]!.tables!);
    checkEqual(list.map((member) => ({ id: member.id, tables: member.tables! })));
    checkWrites(list[0]!.tables!, clients.writes);
  } catch (error) {
    violation = violationOf(error);
    line(`violation: ${violation.message}`);
    for (const { id, status } of list) line(`member ${id}: ${status === null ? 'dead' : JSON.stringify(status)}`);
  }
  return {
    seed,
    violation,
    events,
    virtualMs: timeline.nowMs,
    terms: Math.max(...list.map((member) => member.durableTerm)),
    committed: world.checks.committedIndex,
    agreedIndex,
    clients: clients.counts,
    network: network.counts,
    faults: faults.counts,
    deaths,
    snapshotsInstalled,
    changes: world.checks.changes,
    olderDisksRefused,
  };
}

/** A broken invariant is found as well as a broken rule is; anything else is a fault of the simulator and thrown on. */
function violationOf(error: unknown): Violation {
  if (error instanceof Violation) return error;
  if (error instanceof Error && error.name === 'BrokenInvariant')
    return new Violation('an invariant of the code', error.stack ?? error.message);
  throw error;
}

/** All live and vote, one leads, and all have applied the same. */
function atRest(members: readonly SimulatedMember[]): boolean {
  const [first] = members;
  if (first === undefined || !members.some((member) => member.status?.role === 'leader')) return false;
  if (!members.every((member) => member.status !== null && isWhole(member.status.configuration, members))) return false;
  return members.every(
    (member) =>
      member.tables !== null && member.appliedIndex === first.appliedIndex && member.status?.lastIndex === member.appliedIndex,
  );
}

/** The members as a list, although they are made after what looks at them. */
function memberList(members: ReadonlyMap<MemberId, SimulatedMember>, ids: readonly MemberId[]): Watched[] {
  return ids.map((id) => ({
    id,
    durableTermAt: (index: number) => members.get(id)!.durableTermAt(index),
    get durableTerm() {
      return members.get(id)!.durableTerm;
    },
  }));
}
