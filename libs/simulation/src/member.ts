import { type MemoryTables, readProgress } from '@env-cli/keyspace';
import type {
  Configuration,
  Entry,
  Index,
  MemberId,
  PeerMessage,
  Raft,
  RaftOptions,
  InitialState,
  Status,
  Term,
} from '@env-cli/raft';
import {
  type AppliedBatch,
  ApplyLoop,
  type Forward,
  type ForwardAnswer,
  planStart,
  type ProposalBatch,
  type ProposalRefusedCode,
  type ReadRefusedCode,
  Replica,
  type ReplicaLimits,
  type StateMachine,
} from '@env-cli/replica';
import { assert } from '@env-cli/support';

import { type RaftChecks, Violation, type Watched } from './checks.ts';
import { type Boundary, Crashed } from './crash.ts';
import type { DiskHost, LogDisk, OpenLog } from './disk-log.ts';
import type { OpenState, StateDisk } from './disk-state.ts';
import type { Listener, Network } from './network.ts';
import type { Random } from './random.ts';
import { type Spool, spoolOf } from './spools.ts';
import type { Timeline } from './timeline.ts';

/** What all members of a run share. */
export interface World {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly network: Network;
  readonly checks: RaftChecks;
  readonly configuration: Configuration;
  readonly settings: MemberSettings;
  /** Makes the core. A planted bug gives another one. */
  readonly createRaft: (options: RaftOptions, initial: InitialState) => Pick<Raft, 'step' | 'status'>;
  readonly createStateMachine: () => StateMachine;
  readonly members: ReadonlyMap<MemberId, SimulatedMember>;
  /** Asked at each boundary: whether the member dies there. */
  readonly dies: (member: SimulatedMember, boundary: Boundary) => boolean;
  /** A member switched to a state that came whole. */
  readonly installed: () => void;
  /** A member died, of whatever: somebody starts it again. */
  readonly died: (member: SimulatedMember) => void;
  readonly trace: (text: string) => void;
}

/** Drawn once a run, from its seed. */
export interface MemberSettings {
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly raft: Omit<RaftOptions, 'id' | 'random' | 'electionTicks'>;
  readonly replica: Partial<ReplicaLimits>;
  readonly checkpointMs: number;
  readonly syncMsMax: number;
}

/** Who waits for answers of one life of a member. */
export interface Answers {
  refused(counters: readonly number[], code: ProposalRefusedCode): void;
  forwarded(counters: readonly number[], term: Term): void;
  readReady(id: number, index: Index): void;
  readRefused(id: number, code: ReadRefusedCode): void;
  applied(batch: AppliedBatch): void;
  /** Entries that this member was handed to apply. */
  committed(entries: readonly Entry[]): void;
  stateReplaced(): void;
  died(): void;
}

/** From one thread of a member to another. Always the same, for what goes that way keeps its order. */
const hopMs = 0.05;

/** What exists only while the process runs. */
interface Life {
  readonly raft: Pick<Raft, 'step' | 'status'>;
  readonly replica: Replica;
  readonly applyLoop: ApplyLoop;
  readonly log: OpenLog;
  readonly state: OpenState;
}

/** One member: two disks that outlive it, and a process that runs the real loop, dies and comes back. */
export class SimulatedMember implements Watched, Listener {
  readonly id: MemberId;
  readonly #world: World;
  readonly #logDisk: LogDisk;
  readonly #stateDisk: StateDisk;
  readonly #answers: Answers;
  /** Open while the process lives; the rest of it exists once the log fits the state. */
  #log: OpenLog | null = null;
  #life: Life | null = null;
  /** Counts the processes of this member; what was meant for an earlier one does not arrive. */
  #lives = 0;
  /** While the process is stopped, what should happen waits here. */
  #asleep: (() => void)[] | null = null;
  #wallSkewMs = 0;
  readonly #spools = new Map<MemberId, Spool>();
  #waitingInstall: { readonly spool: Spool; readonly index: Index } | null = null;
  /** Multiplies how long a sync takes. */
  diskSlowness = 1;

  constructor(id: MemberId, world: World, disks: { readonly log: LogDisk; readonly state: StateDisk }, answers: Answers) {
    this.id = id;
    this.#world = world;
    this.#logDisk = disks.log;
    this.#stateDisk = disks.state;
    this.#answers = answers;
    world.network.attach(id, this);
  }

  get alive(): boolean {
    return this.#log !== null;
  }

  get paused(): boolean {
    return this.#asleep !== null;
  }

  /** The number of the process that runs, or ran last. */
  get lives(): number {
    return this.#lives;
  }

  get status(): Status | null {
    return this.#life?.raft.status() ?? null;
  }

  /** What readers see now. Null while the process is dead. */
  get tables(): MemoryTables | null {
    return this.#life?.state.tables ?? null;
  }

  get appliedIndex(): number {
    return this.#life?.applyLoop.appliedIndex ?? -1;
  }

  get durableTerm(): Term {
    return this.#logDisk.durableHardState.term;
  }

  durableTermAt(index: number): number {
    return this.#logDisk.durableTermAt(index);
  }

  start(): void {
    assert(this.#log === null, 'a member that runs is not started');
    const { timeline, random, settings, configuration, createRaft, createStateMachine, trace } = this.#world;
    const life = ++this.#lives;
    const host: DiskHost = {
      later: (delayMs, happen) => this.#later(delayMs, happen),
      crashPoint: (boundary) => {
        if (this.#world.dies(this, boundary)) throw new Crashed(boundary);
      },
    };
    const log = this.#logDisk.open(host, random, () => settings.syncMsMax * this.diskSlowness);
    this.#log = log;
    const state = this.#stateDisk.open(host, random, settings.checkpointMs);
    const { appliedIndex, appliedTerm } = readProgress(state.tables);
    const plan = planStart(log.contents, { appliedIndex, appliedTerm, configuration, configurationIndex: 0 });
    if (plan.kind === 'refused')
      throw new Violation('a member that only crashed comes back', `member ${this.id}: ${plan.problem}`);
    trace(`member ${this.id} starts (life ${life}): applied ${appliedIndex}, log to ${log.contents.lastIndex}, ${plan.kind}`);
    const clock = { monotonicMs: () => timeline.nowMs, wallMs: () => 1_700_000_000_000 + timeline.nowMs + this.#wallSkewMs };
    const begin = (): void => {
      const raft = createRaft(
        { ...settings.raft, electionTicks: settings.electionTicks, id: this.id, random: (bound) => random.below(bound) },
        plan.initial,
      );
      const applyLoop = new ApplyLoop(
        { memberId: this.id, startNonce: life, appliedIndex },
        {
          store: state,
          machine: createStateMachine(),
          clock,
          wake: () => this.#soon(() => this.#applyTurn()),
          observer: {
            applied: (batch) => {
              this.#answers.applied(batch);
              this.#later(hopMs, () => this.#running.replica.applied(batch.index));
            },
            checkpointed: (index) => this.#running.replica.checkpointed(index),
            backgroundDue: () => this.#later(hopMs, () => this.#running.replica.backgroundDue()),
          },
        },
      );
      const replica = new Replica(
        { memberId: this.id, tickMs: settings.tickMs, electionTicks: settings.electionTicks, limits: settings.replica },
        {
          raft: raft as Raft,
          log: {
            contents: log.contents,
            append: (write, durable) => {
              const first = write.entries[0];
              if (first !== undefined) this.#world.checks.stored(this.id, write.entries, log.termAt(first.index - 1));
              log.append(write, durable);
            },
            read: (from, to, maxBytes, done) => log.read(from, to, maxBytes, done),
            release: (upTo) => log.release(upTo),
            reset: (index, term, done) => log.reset(index, term, done),
            close: () => log.close(),
          },
          peers: {
            send: (to, message) => {
              if (message.kind === 'vote-reply' && message.granted) this.#world.checks.voted(this.id, message.term, to);
              this.#world.network.send(this.id, to, message);
            },
            flush: () => undefined,
            forward: (to, forward) => this.#world.network.forward(this.id, to, forward),
            answerForward: (to, answer) => this.#world.network.answerForward(this.id, to, answer),
          },
          applier: {
            apply: (entries: readonly Entry[]) => {
              this.#world.checks.applied(this.id, entries);
              this.#answers.committed(entries);
              this.#later(hopMs, () => applyLoop.apply(entries));
            },
          },
          snapshots: {
            send: (to, term) => this.#sendSnapshot(to, term),
            install: (from, index) => this.#install(from, index),
            discard: (from, index) => this.#discard(from, index),
          },
          origin: {
            refused: (counters, code) => this.#answers.refused(counters, code),
            forwarded: (counters, term) => this.#answers.forwarded(counters, term),
            readReady: (id, index) => this.#answers.readReady(id, index),
            readRefused: (id, code) => this.#answers.readRefused(id, code),
            view: () => undefined,
          },
          clock,
          wake: () => this.#soon(() => this.#running.replica.turn()),
          report: (text) => trace(`member ${this.id}: ${text}`),
        },
      );
      this.#life = { raft, replica, applyLoop, log, state };
      this.#tickFrom(life);
    };
    if (plan.kind === 'start') this.#guarded(begin);
    else {
      this.#guarded(() =>
        log.reset(plan.index, plan.term, () => {
          if (this.#lives === life && this.#life === null) begin();
        }),
      );
    }
  }

  /** The process dies where it stands. */
  crash(why: string): void {
    const log = this.#log;
    if (log === null) return;
    this.#world.trace(`member ${this.id} dies: ${why}`);
    this.#log = null;
    this.#life = null;
    this.#asleep = null;
    // The streams that they came on break.
    for (const spool of this.#spools.values()) this.#tellSender(spool, false);
    this.#waitingInstall = null;
    this.#logDisk.crash(log, this.#world.random);
    this.#world.network.died(this.id);
    this.#answers.died();
    this.#world.died(this);
  }

  /** SIGSTOP: time goes on, the process does not. */
  pause(): void {
    if (this.#life !== null) this.#asleep ??= [];
  }

  resume(): void {
    const waiting = this.#asleep;
    this.#asleep = null;
    for (const happen of waiting ?? []) this.#world.timeline.after(0, happen);
  }

  /** The wall clock is set. */
  stepClock(byMs: number): void {
    this.#wallSkewMs += byMs;
  }

  propose(batch: ProposalBatch): void {
    this.#do((life) => life.replica.propose(batch));
  }

  read(id: number, deadlineMs: number): void {
    this.#do((life) => life.replica.read(id, deadlineMs));
  }

  received(from: MemberId, message: PeerMessage): void {
    this.#do((life) => life.replica.received(from, message));
  }

  forwarded(from: MemberId, forward: Forward): void {
    this.#do((life) => life.replica.forwarded(from, forward));
  }

  forwardAnswered(from: MemberId, answer: ForwardAnswer): void {
    this.#do((life) => life.replica.forwardAnswered(from, answer));
  }

  forwardsBroken(to: MemberId): void {
    this.#do((life) => life.replica.forwardsBroken(to));
  }

  get #running(): Life {
    assert(this.#life !== null, 'what happens in a process happens while it runs');
    return this.#life;
  }

  #tickFrom(life: number): void {
    const { random, settings } = this.#world;
    const next = (): void => {
      this.#world.timeline.after(settings.tickMs * random.span(0.95, 1.05), () => {
        if (this.#lives !== life || this.#life === null) return;
        this.#do(({ replica }) => replica.tick());
        next();
      });
    };
    next();
  }

  #applyTurn(): void {
    const { applyLoop } = this.#running;
    applyLoop.turn();
    if (applyLoop.idle && this.#waitingInstall !== null) this.#installNow();
  }

  #sendSnapshot(to: MemberId, term: Term): void {
    const { random, network, members, timeline, trace } = this.#world;
    const spool = spoolOf(this.#running.state.tables, this.id, this.#lives, term);
    trace(`member ${this.id} sends a snapshot at ${spool.index} to ${to}`);
    this.#later(0, () => this.#running.replica.snapshotBegun(to, term, spool.index));
    timeline.after(random.span(1, 100) + network.delayMs(), () => {
      const receiver = members.get(to)!;
      const arrives = network.connected(this.id, to) && receiver.#life !== null && !random.chance(0.1);
      if (arrives) receiver.#spooled(spool);
      else this.#ofLife(spool.fromLife, (life) => life.replica.snapshotFailed(to, term));
    });
  }

  #spooled(spool: Spool): void {
    this.#do((life) => {
      this.#spools.set(spool.from, spool);
      if (this.#world.dies(this, 'snapshot received')) throw new Crashed('snapshot received');
      const { term, index, indexTerm } = spool;
      life.replica.received(spool.from, { kind: 'snapshot', term, index, indexTerm });
    });
  }

  #discard(from: MemberId, index: Index): void {
    const spool = this.#spools.get(from);
    if (spool?.index === index) this.#tellSender(spool, true);
  }

  #install(from: MemberId, index: Index): void {
    const spool = this.#spools.get(from);
    if (spool?.index !== index) {
      this.#later(0, () => this.#running.replica.snapshotRefused());
      return;
    }
    this.#waitingInstall = { spool, index };
    // What was handed to the applier before is on its way to it.
    this.#later(1, () => this.#applyTurn());
  }

  #installNow(): void {
    const { spool } = this.#waitingInstall!;
    const { configuration, trace } = this.#world;
    const { state, applyLoop, replica } = this.#running;
    this.#waitingInstall = null;
    state.replace(spool.rows);
    applyLoop.replaced(spool.index);
    this.#answers.stateReplaced();
    trace(`member ${this.id} installs a snapshot at ${spool.index}`);
    this.#world.installed();
    replica.snapshotInstalled({ index: spool.index, term: spool.indexTerm, configuration, configurationIndex: 0 as Index });
    this.#tellSender(spool, true);
  }

  #tellSender(spool: Spool, sent: boolean): void {
    const { network, timeline, members } = this.#world;
    const sender = members.get(spool.from)!;
    this.#spools.delete(spool.from);
    timeline.after(network.delayMs(), () =>
      sender.#ofLife(spool.fromLife, ({ replica }) => {
        if (sent && network.connected(this.id, spool.from)) replica.snapshotSent(this.id, spool.term, spool.index);
        else replica.snapshotFailed(this.id, spool.term);
      }),
    );
  }

  /** Does something in the running process; it may die of it. Nothing if it is dead; later if it is stopped. */
  #do(work: (life: Life) => void): void {
    this.#ofLife(this.#lives, work);
  }

  #ofLife(number: number, work: (life: Life) => void): void {
    if (this.#life === null || this.#lives !== number) return;
    if (this.#asleep !== null) {
      this.#asleep.push(() => this.#ofLife(number, work));
      return;
    }
    this.#guarded(() => work(this.#running));
    this.#check();
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Crashed)) throw error;
      this.crash(error.message);
    }
  }

  #check(): void {
    const life = this.#life;
    if (life !== null) this.#world.checks.after(this, this.#lives, life.raft.status(), (index) => life.log.termAt(index));
  }

  #soon(happen: () => void): void {
    this.#later(this.#world.random.span(0.005, 0.05), happen);
  }

  #later(delayMs: number, happen: () => void): void {
    const life = this.#lives;
    this.#world.timeline.after(delayMs, () => {
      // While a start resets the log there is no loop yet, and its completion belongs to this life all the same.
      if (this.#life === null && this.#lives === life && this.#log !== null) this.#guarded(happen);
      else this.#ofLife(life, happen);
    });
  }
}
