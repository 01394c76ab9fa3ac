import { featureLevelMax, StateMachine } from '@env-cli/environments';
import {
  HashScrub,
  type MemoryTables,
  metaKeys,
  readClusterIdentity,
  readMembers,
  readMembership,
  readProgress,
  readRoster,
} from '@env-cli/keyspace';
import {
  type Configuration,
  decodeConfiguration,
  type Entry,
  type Index,
  type MemberId,
  type MembershipChange,
  type PeerMessage,
  Raft,
  type RaftOptions,
  type Status,
  type Term,
} from '@env-cli/raft';
import {
  type AppliedBatch,
  ApplyLoop,
  DiskMemory,
  type Forward,
  type ForwardAnswer,
  higherOf,
  lackOf,
  noStanding,
  planStart,
  type ProposalBatch,
  type ProposalRefusedCode,
  type ReadRefusedCode,
  refuseHello,
  Replica,
  type ReplicaLimits,
  Speaker,
  type Standing,
} from '@env-cli/replica';
import { assert } from '@env-cli/support';

import { type RaftChecks, Violation, type Watched } from './checks.ts';
import { type Boundary, Crashed } from './crash.ts';
import type { DiskCounts, DiskHost, LogDisk, OpenLog } from './disk-log.ts';
import type { SeenDisk } from './disk-seen.ts';
import type { OpenState, StateDisk } from './disk-state.ts';
import { diskIdOf } from './founding.ts';
import { type HandoverKind, handoverIn } from './handovers.ts';
import { MemberClock } from './member-clock.ts';
import type { Introduction, Listener, Network } from './network.ts';
import type { Random } from './random.ts';
import { type Spool, spoolOf } from './spools.ts';
import type { EventKind, Timeline } from './timeline.ts';
import { type EffectCounts, WatchedCore } from './watched-core.ts';

/** What all members of a run share. */
export interface World {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly network: Network;
  readonly checks: RaftChecks;
  /** Of the founded cluster. */
  readonly configuration: Configuration;
  readonly settings: MemberSettings;
  readonly effects: EffectCounts;
  readonly members: ReadonlyMap<MemberId, SimulatedMember>;
  /** Asked at each boundary: whether the member dies there. */
  readonly dies: (member: SimulatedMember, boundary: Boundary) => boolean;
  /** A member switched to a state that came whole. */
  readonly installed: () => void;
  /** A member could not install a snapshot that had come whole. */
  readonly installFailed: () => void;
  /** A member died, of whatever: somebody starts it again. */
  readonly died: (member: SimulatedMember) => void;
  /** A leader that is paused or slow, or what came of that. */
  readonly handsOver: (kind: HandoverKind) => void;
  /** A member that came with an older copy of its disk was refused. */
  readonly refused: (member: SimulatedMember) => void;
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
  readonly slowLeaderMs: number;
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
  readonly raft: WatchedCore;
  readonly replica: Replica;
  readonly applyLoop: ApplyLoop;
  readonly log: OpenLog;
  readonly state: OpenState;
  readonly memory: DiskMemory;
  readonly hello: Introduction;
}

/** What a member keeps on disk. */
export interface Disks {
  readonly log: LogDisk;
  readonly state: StateDisk;
  readonly seen: SeenDisk;
}

/** Ticks between two looks at the disks of others, and the chance with each that what was learnt is written. */
const standingTicks = 3;
const rememberProbability = 0.2;
/** The chance with which a message comes on a stream that was dialed anew. */
const redialProbability = 0.05;
/** The chance that a sender hears of a message that went nowhere. */
const unreachableProbability = 0.05;
/** The chance that a sender takes a snapshot for lost that has arrived whole. */
const brokenProbability = 0.2;
/** The chance that a snapshot takes so long that its sender has given it up when it arrives. */
const lateProbability = 0.15;
/** The chance that a snapshot arrives whole and cannot be installed all the same: its disk is full, its file is gone. */
const spoiltProbability = 0.1;

/** One member: two disks that outlive it, and a process that runs the real loop, dies and comes back. */
export class SimulatedMember implements Watched, Listener {
  readonly id: MemberId;
  readonly #world: World;
  #disks: Disks;
  /** The newer disks of a member that runs on an older copy. */
  #setAside: Disks | null = null;
  readonly #answers: Answers;
  /** Open while the process lives; the rest of it exists once the log fits the state. */
  #log: OpenLog | null = null;
  #life: Life | null = null;
  /** Counts the processes of this member; what was meant for an earlier one does not arrive. */
  #lives = 0;
  /** While the process is stopped, what should happen waits here. */
  #asleep: (() => void)[] | null = null;
  readonly #clock: MemberClock;
  /** Ticks that are held back; null: none is. */
  #heldTicks: number | null = null;
  #isLost = false;
  /** Of somebody new: whether whoever knows of it has let it in. */
  #isFormed = false;
  /** Who was let in, by member. */
  readonly #admitted = new Map<MemberId, Speaker>();
  /** The row `members` of the state, as the core was told of it last. */
  #rosterRow: Uint8Array | undefined;
  readonly #spools = new Map<MemberId, Spool>();
  #waitingInstall: { readonly spool: Spool; readonly index: Index } | null = null;
  /** Multiplies how long a sync takes. */
  diskSlowness = 1;

  constructor(id: MemberId, world: World, disks: Disks, answers: Answers) {
    this.id = id;
    this.#world = world;
    this.#disks = disks;
    this.#answers = answers;
    this.#clock = new MemberClock(world.timeline);
    world.network.attach(id, this);
  }

  get alive(): boolean {
    return this.#log !== null;
  }

  /** Whether it takes part: its start has ended, and it is not stopped. */
  get running(): boolean {
    return this.#life !== null && this.#asleep === null;
  }

  /** Whether it came when the cluster was founded already. */
  get isNew(): boolean {
    return !this.#world.configuration.voters.includes(this.id);
  }

  /** Whether its disk is of no use any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether its newest disk holds something, or is about to, that is not what was written. */
  get isDamaged(): boolean {
    const { log } = this.#setAside ?? this.#disks;
    return log.problem !== null || log.misdirectsNextWrite;
  }

  /** What its monotonic clock shows. */
  get clockMs(): number {
    return this.#clock.monotonicMs();
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
    return this.#disks.log.durableHardState.term;
  }

  /** Of the newest disk: what is put aside is not lost. */
  readonly durableTermAt = (index: number): number => (this.#setAside ?? this.#disks).log.durableTermAt(index);

  get diskCounts(): DiskCounts {
    return (this.#setAside ?? this.#disks).log.counts;
  }

  get onOlderDisk(): boolean {
    return this.#setAside !== null;
  }

  /** What somebody who copies the whole directory now gets. */
  copyDisks(): Disks {
    const { log, state, seen } = this.#disks;
    return { log: log.copy(), state: state.copy(), seen: seen.copy() };
  }

  /** Whether this member would refuse another one with these disks, whatever crash comes first. */
  certainlyRefuses(other: MemberId, disks: Disks): boolean {
    const remembered = this.#disks.seen.durable.find(({ diskId }) => diskId[0] === other);
    if (remembered === undefined) return false;
    const claimed = remembered.lives.reduce((most, life) => higherOf(most, life.claimed), remembered.earlier);
    const { appliedIndex, appliedTerm } = readProgress(disks.state.durable);
    // A start begins a log anew that a snapshot's state has overtaken.
    const found = higherOf(disks.log.standing, { ...noStanding, entryTerm: appliedTerm, entryIndex: appliedIndex });
    return lackOf(found, claimed) !== null;
  }

  /** Whether it could lead with these disks without meeting anybody: by a configuration that is on them, it is the only voter. */
  leadsAlone(disks: Disks): boolean {
    return this.#configurationsOn(disks).some(({ voters }) => voters.length === 1 && voters.includes(this.id));
  }

  /** All that its newest disks hold, or are about to. */
  get configurations(): Configuration[] {
    const asked = this.#log?.configurationsBefore(Infinity) ?? [];
    return [
      ...this.#configurationsOn(this.#setAside ?? this.#disks),
      ...asked.map(({ data }) => decodeConfiguration(data)),
      ...(this.#life === null ? [] : [this.#life.raft.status().configuration]),
    ];
  }

  #configurationsOn({ log, state }: Disks): Configuration[] {
    return [this.#configurationOf(state.durable), ...log.configurations.map((bytes) => decodeConfiguration(bytes))];
  }

  /** An older copy takes the place of the disks of a member that is dead. */
  putBack(older: Disks): void {
    assert(this.#log === null && this.#setAside === null, 'disks are changed while the member is down');
    this.#setAside = this.#disks;
    this.#disks = older;
  }

  /** What the message of the refusal asks for: the newer disks come back. */
  putRight(): void {
    assert(this.#log === null, 'disks are changed while the member is down');
    if (this.#setAside !== null) this.#disks = this.#setAside;
    this.#setAside = null;
  }

  start(): void {
    assert(this.#log === null, 'a member that runs is not started');
    const { random, settings, trace } = this.#world;
    const { problem } = this.#disks.log;
    // Its log let go of what is damaged there since: the newest disk is as good as before.
    if (problem !== null && this.onOlderDisk) {
      trace(`member ${this.id} is refused a start on its older disk: ${problem}`);
      this.putRight();
      return this.start();
    }
    if (problem !== null) return this.#lose(`it is refused a start: ${problem}`);
    const life = ++this.#lives;
    const host: DiskHost = {
      later: (delayMs, happen) => this.#later(delayMs, 'disk', happen),
      crashPoint: (boundary) => {
        if (this.#world.dies(this, boundary)) throw new Crashed(boundary);
      },
    };
    const log = this.#disks.log.open(host, random, () => settings.syncMsMax * this.diskSlowness);
    this.#log = log;
    const state = this.#disks.state.open(host, random, settings.checkpointMs);
    const { appliedIndex, appliedTerm } = readProgress(state.tables);
    const configuration = this.#configurationOf(state.tables);
    const plan = planStart(log.contents, { appliedIndex, appliedTerm, configuration, configurationIndex: 0 });
    if (plan.kind === 'refused')
      throw new Violation('a member that only crashed comes back', `member ${this.id}: ${plan.problem}`);
    trace(`member ${this.id} starts (life ${life}): applied ${appliedIndex}, log to ${log.contents.lastIndex}, ${plan.kind}`);
    const clock = this.#clock;
    this.#heldTicks = null;
    const begin = (): void => {
      const options = { electionTicks: settings.electionTicks, id: this.id, random: (bound: number) => random.below(bound) };
      const raft = new WatchedCore(new Raft({ ...settings.raft, ...options }, plan.initial), this.#world.effects);
      const applyLoop = new ApplyLoop(
        { memberId: this.id, startNonce: life, appliedIndex },
        {
          store: state,
          machine: new StateMachine(),
          clock,
          wake: () => this.#soon(() => this.#applyTurn()),
          observer: {
            applied: (batch) => {
              this.#answers.applied(batch);
              this.#knowReplacements(replica, state.tables);
              this.#later(hopMs, 'turn', () => this.#running.replica.applied(batch.index));
            },
            checkpointed: (index) => this.#running.replica.checkpointed(index),
            backgroundDue: () => this.#later(hopMs, 'turn', () => this.#running.replica.backgroundDue()),
          },
        },
      );
      const replica = new Replica(
        {
          memberId: this.id,
          tickMs: settings.tickMs,
          electionTicks: settings.electionTicks,
          slowLeaderMs: settings.slowLeaderMs,
          limits: settings.replica,
        },
        {
          raft: raft as Pick<Raft, keyof Raft> as Raft,
          log: {
            contents: log.contents,
            append: (write, durable) => {
              const first = write.entries[0];
              if (first !== undefined)
                this.#world.checks.stored(this.id, write.entries, log.termAt(first.index - 1), () =>
                  log.configurationsBefore(first.index).filter(({ index }) => index > raft.status().commitIndex),
                );
              log.append(write, durable);
            },
            read: (from, to, maxBytes, done) => log.read(from, to, maxBytes, done),
            release: (upTo) => log.release(upTo),
            reset: (index, term, done) => log.reset(index, term, done),
            close: () => log.close(),
          },
          peers: {
            send: (to, message) => {
              this.#sends(to, message);
            },
            flush: () => undefined,
            forward: (to, forward) => this.#world.network.forward(this.id, to, withDeadlines(forward, -this.clockMs)),
            answerForward: (to, answer) => this.#world.network.answerForward(this.id, to, answer),
          },
          applier: {
            apply: (entries: readonly Entry[]) => {
              this.#world.checks.applied(this, entries);
              this.#answers.committed(entries);
              this.#later(hopMs, 'turn', () => applyLoop.apply(entries));
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
          report: (text) => {
            trace(`member ${this.id}: ${text}`);
            const kind = handoverIn(text);
            if (kind !== null) this.#world.handsOver(kind);
          },
        },
      );
      const hello = { memberId: this.id, diskId: diskIdOf(this.id), startNonce: life, found: replica.found };
      this.#life = { raft, replica, applyLoop, log, state, memory: new DiskMemory(this.#disks.seen.durable), hello };
      this.#admitted.clear();
      this.#rosterRow = undefined;
      this.#knowReplacements(replica, state.tables);
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
    this.#disks.log.crash(log, this.#world.random);
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
    for (const happen of waiting ?? []) this.#world.timeline.after(0, 'turn', happen);
  }

  /** The wall clock is set. */
  stepClock(byMs: number): boolean {
    this.#clock.stepWall(byMs);
    return true;
  }

  /** From now on its monotonic clock and its timers run at another rate. */
  driftClock(rate: number): void {
    this.#clock.rate = rate;
  }

  freezeClock(): void {
    this.#clock.freeze();
  }

  thawClock(catchesUp: boolean): void {
    this.#clock.thaw(catchesUp);
  }

  holdTicks(): void {
    this.#heldTicks ??= 0;
  }

  /** All ticks that were held back come at once. */
  releaseTicks(): void {
    const ticks = this.#heldTicks ?? 0;
    this.#heldTicks = null;
    for (let i = 0; i < ticks; i++) this.#do(({ replica }) => replica.tick());
  }

  putClocksRight(): void {
    this.thawClock(false);
    this.releaseTicks();
    this.driftClock(1);
  }

  /** From now on a sync of its log takes up to so long. */
  slowDisk(syncMsMax: number): void {
    this.diskSlowness = syncMsMax / this.#world.settings.syncMsMax;
  }

  failNextSync(): void {
    this.#disks.log.failsNextSync = true;
  }

  failNextCheckpoint(): void {
    this.#disks.state.failsNextCheckpoint = true;
  }

  /** Its disks do from now on what they should; what is damaged stays so. */
  putDisksRight(): void {
    this.diskSlowness = 1;
    for (const { log, state } of [this.#disks, this.#setAside ?? this.#disks]) {
      log.failsNextSync = false;
      log.misdirectsNextWrite = false;
      state.failsNextCheckpoint = false;
    }
  }

  /** A bit of an entry on its disk flips. It is found when the entry is read, or at the next start. */
  rotLog(random: Random): boolean {
    return this.#disks.log.rot(random);
  }

  misdirectNextWrite(): boolean {
    this.#disks.log.misdirectsNextWrite = true;
    return true;
  }

  /** A bit of a row of its state flips: the scrub must find it, and then the member stops. */
  rotState(random: Random): boolean {
    const { state } = this.#running;
    const rows = state.tables.range('environments', { limit: 1000 });
    if (rows.length === 0) return false;
    const { key, value } = random.pick(rows);
    value[random.below(value.length)]! ^= 1 << random.below(8);
    state.tables.put('environments', key, value);
    const scrub = new HashScrub();
    let found = scrub.step(state.tables, 10);
    while (found.kind === 'more') found = scrub.step(state.tables, 10);
    if (!found.broken.includes('environments'))
      throw new Violation('the scrub finds what rotted', `member ${this.id}: ${found.broken.join(', ') || 'nothing'}`);
    this.crash('its scrub finds that its state is not what it wrote');
    this.#lose('its state rotted');
    return true;
  }

  /** Its directory is empty, and it comes back with another disk: whoever it meets must refuse it. */
  loseDisk(random: Random): boolean {
    const identity = readClusterIdentity(this.#running.state.tables);
    // It is new, and its disk is still empty.
    if (identity === null) return false;
    const { clusterId, epoch } = identity;
    this.crash('its disk is lost');
    const own = {
      formingId: new Uint8Array(16),
      memberId: this.id,
      diskId: random.bytes(16),
      protocolMin: 1,
      protocolMax: 1,
      featureLevel: featureLevelMax,
      apiAddress: '',
      founderDiskId: null,
      startNonce: this.#lives + 1,
      found: noStanding,
    };
    for (const other of this.#world.members.values()) {
      // Whoever has no state yet takes everybody at their word.
      if (other === this || other.tables === null || readClusterIdentity(other.tables) === null) continue;
      const { members: known, memberIdLast } = readRoster(other.tables);
      const diskIds = new Map(known.map(({ memberId, diskId }) => [memberId, diskId]));
      const expectation = {
        formingId: own.formingId,
        clusterId,
        epoch,
        memberId: other.id,
        diskIds,
        memberIdLast,
        initialMembers: [],
        featureLevel: 1,
      };
      const refusal = refuseHello(expectation, { ...own, clusterId: null, epoch: 0, toMemberId: other.id });
      if (refusal === null)
        throw new Violation('a member with an empty disk is refused', `member ${other.id} lets in member ${this.id}`);
    }
    this.#lose('its disk is lost');
    return true;
  }

  /** Whoever operates it was told that it is no member any more. */
  switchOff(): void {
    this.crash('it was removed, and is switched off');
    this.#lose('it was removed, and is switched off');
  }

  #lose(why: string): void {
    this.#world.trace(`member ${this.id} is lost for the run: ${why}`);
    this.#isLost = true;
  }

  propose(batch: ProposalBatch): void {
    this.#do((life) => life.replica.propose(batch));
  }

  /** What comes of it shows in the configuration, and `done` hears of it; what does not come about is asked for again by nobody. */
  changeMembership(changes: readonly MembershipChange[], done: () => void = () => undefined): void {
    this.#do((life) =>
      life.replica.changeMembership(changes, (answer) => {
        if (answer.kind === 'done') done();
      }),
    );
  }

  transferLead(to: MemberId | null): void {
    this.#do((life) =>
      life.replica.transferLead(to, (answer) => this.#world.trace(`member ${this.id} hands over: ${JSON.stringify(answer)}`)),
    );
  }

  read(id: number, deadlineMs: number): void {
    this.#do((life) => life.replica.read(id, deadlineMs));
  }

  received(from: MemberId, hello: Introduction, message: PeerMessage): void {
    this.#do((life) => {
      const speaker = this.#admit(life, hello);
      if (speaker === null) return;
      life.memory.received(speaker, this.id, message);
      life.replica.received(from, message);
    });
  }

  stands(_from: MemberId, hello: Introduction, standing: Standing): void {
    this.#do((life) => {
      if (this.#admit(life, hello) !== null) life.memory.claimed(hello.diskId, hello.startNonce, standing);
    });
  }

  /** Looks at the hellos of the stream that something comes on, on both of its ends. What was let in stays so until it is dialed anew. */
  #admit(life: Life, hello: Introduction): Speaker | null {
    const sender = this.#world.members.get(hello.memberId as MemberId)!;
    const known = this.#admitted.get(sender.id);
    if (known?.startNonce === hello.startNonce && !this.#world.random.chance(redialProbability)) return known;
    // Late, from a process that is gone: it never had a stream to an older disk, which nobody lets in.
    const dialer = sender.#life?.hello === hello ? sender.#life : null;
    if (this.#isRefusedBy(sender, dialer, life.hello) || sender.#isRefusedBy(this, life, hello)) return null;
    const speaker = new Speaker(hello);
    this.#admitted.set(sender.id, speaker);
    return speaker;
  }

  /** Whether `other` refuses this member, which introduces itself; then it hears of that. */
  #isRefusedBy(other: SimulatedMember, life: Life | null, hello: Introduction): boolean {
    if (life === null) return this.onOlderDisk;
    if (this.isNew && !this.#isFormed) {
      if (!isNamedBy(life.state.tables, this.id)) return true;
      this.#isFormed = true;
    }
    other.#noteFollowers(life);
    const refusal = life.memory.refuse(hello);
    const lives = this.#life?.hello === hello;
    if (refusal !== null && lives) this.#world.timeline.after(0, 'delivery', () => this.#refused(hello, refusal.message));
    if (refusal === null && lives && this.onOlderDisk) {
      throw new Violation('a disk of which all others know more is refused', `member ${other.id} lets in member ${this.id}`);
    }
    return refusal !== null;
  }

  #refused(hello: Introduction, message: string): void {
    if (this.#life?.hello !== hello) return;
    if (!this.onOlderDisk) throw new Violation('a member with its own newest disk is let in', message);
    this.#world.refused(this);
    this.crash(message);
    this.putRight();
  }

  #noteFollowers({ replica, memory }: Life): void {
    replica.eachFollower((memberId, standing) => {
      const speaker = this.#admitted.get(memberId);
      if (speaker !== undefined) memory.claimed(speaker.diskId, speaker.startNonce, standing);
    });
  }

  /** Now and then: tells the others how the own disk stands, and writes what was learnt of theirs. */
  #remember(): void {
    this.#do((life) => {
      const { network, members, random } = this.#world;
      for (const to of members.keys()) if (to !== this.id) network.tell(this.id, life.hello, to, life.replica.standing);
      this.#noteFollowers(life);
      if (random.chance(rememberProbability)) this.#disks.seen.write(life.memory);
    });
  }

  forwarded(from: MemberId, forward: Forward): void {
    this.#do((life) => life.replica.forwarded(from, withDeadlines(forward, this.clockMs)));
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
    let ticks = 0;
    const next = (): void => {
      this.#world.timeline.after((settings.tickMs * random.span(0.95, 1.05)) / this.#clock.rate, 'tick', () => {
        if (this.#lives !== life || this.#life === null) return;
        if (this.#heldTicks === null) this.#do(({ replica }) => replica.tick());
        else this.#heldTicks++;
        if (++ticks % standingTicks === 0) this.#remember();
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

  #sends(to: MemberId, message: PeerMessage): void {
    const { checks, network, members, random } = this.#world;
    checks.sent(this, to, message);
    network.send(this.id, this.#running.hello, to, message);
    if (message.kind === 'vote-reply' && message.granted && this.#world.dies(this, 'vote sent')) throw new Crashed('vote sent');
    // Of a connection that broke the sender may hear.
    const broken = !network.connected(this.id, to) || members.get(to)?.alive !== true;
    if (broken && random.chance(unreachableProbability))
      this.#later(network.delayMs(), 'delivery', () => this.#running.replica.unreachable(to));
  }

  #sendSnapshot(to: MemberId, term: Term): void {
    const { random, network, members, timeline, trace } = this.#world;
    const spool = spoolOf(this.#running.state.tables, this.id, this.#lives, term);
    trace(`member ${this.id} sends a snapshot at ${spool.index} to ${to}`);
    this.#later(0, 'turn', () => this.#running.replica.snapshotBegun(to, term, spool.index));
    const isLate = random.chance(lateProbability);
    const electionMs = this.#world.settings.tickMs * this.#world.settings.electionTicks;
    // The sender has given it up, and the next one may overtake it.
    if (isLate) this.#later(random.span(1, 100), 'delivery', () => this.#running.replica.snapshotFailed(to, term));
    const wayMs = isLate ? random.span(0.5, 6) * electionMs : random.span(1, 100);
    timeline.after(wayMs + network.delayMs(), 'delivery', () => {
      const receiver = members.get(to)!;
      const arrives = network.connected(this.id, to) && receiver.#life !== null && !random.chance(0.1);
      if (arrives) receiver.#spooled(spool);
      // The stream may break when all of it has come: the sender does not know that, and sends another.
      if (!isLate && (!arrives || random.chance(brokenProbability)))
        this.#ofLife(spool.fromLife, (life) => life.replica.snapshotFailed(to, term));
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
      this.#later(0, 'turn', () => this.#running.replica.snapshotRefused());
      return;
    }
    // What was handed to the applier before is on its way to it.
    const { random, settings } = this.#world;
    // A large one takes longer than an election.
    const longestMs = random.chance(0.3) ? 3 * settings.tickMs * settings.electionTicks : 50;
    this.#later(random.span(1, longestMs), 'disk', () => {
      if (random.chance(spoiltProbability)) {
        this.#world.installFailed();
        this.#tellSender(spool, false);
        this.#running.replica.snapshotRefused();
        return;
      }
      this.#waitingInstall = { spool, index };
      this.#applyTurn();
    });
  }

  #installNow(): void {
    const { spool } = this.#waitingInstall!;
    const { trace } = this.#world;
    const { state, applyLoop, replica } = this.#running;
    const configuration = this.#configurationOf(spool.rows);
    this.#waitingInstall = null;
    state.replace(spool.rows);
    applyLoop.replaced(spool.index);
    this.#answers.stateReplaced();
    this.#knowReplacements(replica, state.tables);
    trace(`member ${this.id} installs a snapshot at ${spool.index}`);
    this.#world.installed();
    replica.snapshotInstalled({ index: spool.index, term: spool.indexTerm, configuration, configurationIndex: 0 as Index });
    this.#tellSender(spool, true);
  }

  /** Tells the core who comes in the place of whom, when that may have changed. */
  #knowReplacements(replica: Replica, tables: MemoryTables): void {
    const row = tables.get('meta', metaKeys.members);
    if (row === this.#rosterRow) return;
    this.#rosterRow = row;
    replica.replacements(readRoster(tables).replacements);
  }

  /** What a state says; before the first change of it, what the cluster was founded with. */
  #configurationOf(tables: MemoryTables): Configuration {
    const membership = readMembership(tables);
    return membership === null ? this.#world.configuration : decodeConfiguration(membership);
  }

  #tellSender(spool: Spool, sent: boolean): void {
    const { network, timeline, members } = this.#world;
    const sender = members.get(spool.from)!;
    if (this.#spools.get(spool.from) === spool) this.#spools.delete(spool.from);
    timeline.after(network.delayMs(), 'delivery', () =>
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
    // What took no step is what it was.
    if (life === null || !life.raft.stepped) return;
    life.raft.stepped = false;
    this.#world.checks.after(this, this.#lives, life.raft.status(), (index) => life.log.termAt(index));
  }

  #soon(happen: () => void): void {
    this.#later(this.#world.random.span(0.005, 0.05), 'turn', happen);
  }

  #later(delayMs: number, kind: EventKind, happen: () => void): void {
    const life = this.#lives;
    this.#world.timeline.after(delayMs, kind, () => {
      // While a start resets the log there is no loop yet, and its completion belongs to this life all the same.
      if (this.#life === null && this.#lives === life && this.#log !== null) this.#guarded(happen);
      else this.#ofLife(life, happen);
    });
  }
}

/** Whether a state names a member. */
function isNamedBy(tables: MemoryTables, id: MemberId): boolean {
  return readMembers(tables).some(({ memberId }) => memberId === id);
}

/** As the wire carries it, deadlines of a clock become what remains until them, and at the other end deadlines of another clock. */
function withDeadlines(forward: Forward, laterMs: number): Forward {
  const { batch } = forward;
  return { ...forward, batch: { ...batch, deadlinesMs: batch.deadlinesMs.map((atMs) => atMs + laterMs) } };
}
