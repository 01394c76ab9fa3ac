import { MemoryTables } from '@env-cli/keyspace';
import { encodeEntryData } from '@env-cli/environments';
import { type Entry, type Index, type MemberId, type PeerMessage, Raft, type Term } from '@env-cli/raft';

import { ApplyLoop } from '../apply-loop.ts';
import type { Forward, ForwardAnswer } from '../forward.ts';
import type { ReplicaLimits } from '../limits.ts';
import type { AppliedResult, ProposalRefusedCode, ReadRefusedCode } from '../ports.ts';
import type { ProposalBatch } from '../proposal-batch.ts';
import { Replica } from '../replica.ts';
import { planStart } from '../start-plan.ts';
import type { ReplicaView } from '../view.ts';
import { countingCommand, countingMachine, readState, stateKey } from './counting-machine.ts';
import { MemoryLog } from './memory-log.ts';

type Parcel = { readonly from: MemberId; readonly to: MemberId } & (
  | { readonly kind: 'message'; readonly message: PeerMessage }
  | { readonly kind: 'forward'; readonly forward: Forward }
  | { readonly kind: 'answer'; readonly answer: ForwardAnswer }
);

export const tickMs = 100;

/** What a member's API was told. */
export class Heard {
  readonly results = new Map<number, AppliedResult>();
  readonly refused = new Map<number, ProposalRefusedCode>();
  readonly forwarded = new Map<number, Term>();
  readonly readsReady = new Map<number, Index>();
  readonly readsRefused = new Map<number, ReadRefusedCode>();
  view: ReplicaView | null = null;
}

/** One process life of a member, with everything around its loop in memory. */
export class VirtualMember {
  readonly id: MemberId;
  readonly startNonce: number;
  readonly log: MemoryLog;
  readonly tables: MemoryTables;
  readonly replica: Replica;
  readonly heard = new Heard();
  readonly reports: string[] = [];
  /** Who was so far behind that it needed a snapshot. There is none in this cluster. */
  readonly snapshotsFor: MemberId[] = [];
  /** Whether the disk of the log answers by itself. */
  syncing = true;
  /** Whether entries that are handed out are applied. */
  applying = true;
  readonly #apply: ApplyLoop;
  #awake = false;
  #applyAwake = false;
  #counter = 0;

  constructor(cluster: VirtualCluster, id: MemberId, startNonce: number, log: MemoryLog, tables: MemoryTables) {
    this.id = id;
    this.startNonce = startNonce;
    this.log = log;
    this.tables = tables;
    const state = readState(tables.get('meta', stateKey));
    const plan = planStart(log.contents, {
      appliedIndex: state.index,
      appliedTerm: state.term,
      configuration: { voters: cluster.voters, votersOutgoing: [], learners: [], learnersNext: [], learnersJoining: [] },
      configurationIndex: 0,
    });
    if (plan.kind !== 'start') throw new Error('a virtual member starts from its log');
    const clock = { monotonicMs: () => cluster.nowMs, wallMs: () => 1_000_000 + cluster.nowMs };
    this.#apply = new ApplyLoop(
      { memberId: id, startNonce, appliedIndex: state.index },
      {
        store: {
          transact: (work) => work(tables),
          checkpointDue: () => true,
          checkpoint: (_nowMs, done) => done(this.#apply.appliedIndex),
        },
        machine: countingMachine,
        observer: {
          applied: (batch) => {
            for (const result of batch.results) this.heard.results.set(result.counter, result);
            this.replica.applied(batch.index);
          },
          checkpointed: (index) => this.replica.checkpointed(index),
          backgroundDue: () => this.replica.backgroundDue(),
        },
        clock,
        wake: () => {
          this.#applyAwake = true;
        },
      },
    );
    this.replica = new Replica(
      { memberId: id, tickMs, electionTicks: 10, limits: cluster.limits },
      {
        raft: new Raft({ id, random: cluster.random }, plan.initial),
        log,
        peers: {
          send: (to, message) => cluster.post({ kind: 'message', from: id, to, message }),
          flush: () => undefined,
          forward: (to, forward) => cluster.connected(id, to) && cluster.post({ kind: 'forward', from: id, to, forward }),
          answerForward: (to, answer) => cluster.post({ kind: 'answer', from: id, to, answer }),
        },
        applier: { apply: (entries) => this.#apply.apply(entries) },
        snapshots: { send: (to) => void this.snapshotsFor.push(to), install: () => undefined, discard: () => undefined },
        origin: {
          refused: (counters, code) => counters.forEach((counter) => this.heard.refused.set(counter, code)),
          forwarded: (counters, term) => counters.forEach((counter) => this.heard.forwarded.set(counter, term)),
          readReady: (readId, index) => this.heard.readsReady.set(readId, index),
          readRefused: (readId, code) => this.heard.readsRefused.set(readId, code),
          view: (view) => {
            this.heard.view = view;
          },
        },
        clock,
        wake: () => {
          this.#awake = true;
        },
        report: (message) => this.reports.push(message),
      },
    );
  }

  get revision(): number {
    return readState(this.tables.get('meta', stateKey)).revision;
  }

  get appliedIndex(): number {
    return this.#apply.appliedIndex;
  }

  get lastIndex(): number {
    return this.heard.view?.lastLogIndex ?? 0;
  }

  /** A batch of so many new commands; answers their counters. */
  batch(count: number, options: { readonly deadlineMs?: number; readonly commandBytes?: number } = {}): ProposalBatch {
    const { deadlineMs = Number.POSITIVE_INFINITY, commandBytes = 16 } = options;
    const counters = Float64Array.from({ length: count }, () => ++this.#counter);
    const bytes = new Uint8Array(count * commandBytes);
    counters.forEach((counter, place) => {
      bytes.set(countingCommand({ member: this.id, startNonce: this.startNonce, counter }), place * commandBytes);
    });
    return {
      counters,
      deadlinesMs: new Float64Array(count).fill(deadlineMs),
      rows: new Uint32Array(count).fill(1),
      ends: Uint32Array.from({ length: count }, (_, place) => (place + 1) * commandBytes),
      bytes,
    };
  }

  /** Whether something happened. */
  run(): boolean {
    const busy = this.#awake || (this.#applyAwake && this.applying) || (this.syncing && this.log.waiting > 0);
    if (this.#awake) {
      this.#awake = false;
      this.replica.turn();
    }
    if (this.syncing) this.log.sync();
    if (this.#applyAwake && this.applying) {
      this.#applyAwake = false;
      this.#apply.turn();
    }
    return busy;
  }
}

/** Some members in one process: time passes and messages arrive when the test says so. */
export class VirtualCluster {
  readonly ids: readonly MemberId[];
  /** Who votes in the beginning. */
  readonly voters: readonly MemberId[];
  readonly members: VirtualMember[] = [];
  readonly limits: Partial<ReplicaLimits>;
  nowMs = 1000;
  readonly #cut = new Set<string>();
  #parcels: Parcel[] = [];
  #seed: number;

  constructor(
    options: {
      readonly size?: number;
      /** How many of them are no members yet. Defaults to 0. */
      readonly spares?: number;
      readonly seed?: number;
      readonly limits?: Partial<ReplicaLimits>;
    } = {},
  ) {
    const { size = 3, spares = 0, seed = 1, limits = {} } = options;
    this.ids = Array.from({ length: size }, (_, place) => (place + 1) as MemberId);
    this.voters = this.ids.slice(0, size - spares);
    this.limits = limits;
    this.#seed = seed;
    for (const id of this.ids) this.members.push(new VirtualMember(this, id, id * 10, foundedLog(), new MemoryTables()));
  }

  readonly random = (boundExclusive: number): number => {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 0x1_0000_0000) * boundExclusive);
  };

  member(id: number): VirtualMember {
    return this.members[id - 1]!;
  }

  get leader(): VirtualMember {
    const leaders = this.members.filter((member) => member.heard.view?.role === 'leader');
    const newest = leaders.toSorted((a, b) => b.heard.view!.term - a.heard.view!.term)[0];
    if (newest === undefined) throw new Error('nobody leads');
    return newest;
  }

  get followers(): VirtualMember[] {
    return this.members.filter((member) => member !== this.leader);
  }

  post(parcel: Parcel): boolean {
    this.#parcels.push(parcel);
    return true;
  }

  connected(a: MemberId, b: MemberId): boolean {
    return !this.#cut.has(`${a} ${b}`) && !this.#cut.has(`${b} ${a}`);
  }

  /** Nothing goes between this member and the others. */
  cut(member: VirtualMember): void {
    for (const id of this.ids) if (id !== member.id) this.#cut.add(`${member.id} ${id}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Lets everything happen that follows, without time. */
  async settle(): Promise<void> {
    for (let busy = true; busy;) {
      busy = false;
      // Reads of a log answer by a microtask.
      await Promise.resolve();
      for (const member of this.members) busy = member.run() || busy;
      const parcels = this.#parcels;
      this.#parcels = [];
      for (const parcel of parcels) busy = this.#deliver(parcel) || busy;
    }
  }

  async pass(ticks: number, members: readonly VirtualMember[] = this.members): Promise<void> {
    for (let tick = 0; tick < ticks; tick++) {
      this.nowMs += tickMs;
      for (const member of members) member.replica.tick();
      await this.settle();
    }
  }

  async elect(): Promise<VirtualMember> {
    await this.pass(45);
    return this.leader;
  }

  /** A new process on the disk of a member that lost power: its log as synced, its state as of the last checkpoint (here: all). */
  restart(member: VirtualMember, tables: MemoryTables = member.tables): VirtualMember {
    const reborn = new VirtualMember(this, member.id, member.startNonce + 1, member.log.crashed(), tables);
    this.members[member.id - 1] = reborn;
    this.#parcels = this.#parcels.filter((parcel) => parcel.from !== member.id && parcel.to !== member.id);
    return reborn;
  }

  #deliver(parcel: Parcel): boolean {
    if (!this.connected(parcel.from, parcel.to)) return false;
    const { replica } = this.member(parcel.to);
    if (parcel.kind === 'message') replica.received(parcel.from, parcel.message);
    else if (parcel.kind === 'forward') replica.forwarded(parcel.from, parcel.forward);
    else replica.forwardAnswered(parcel.from, parcel.answer);
    return true;
  }
}

/** A log with the entry that every member of a new cluster begins with. */
function foundedLog(): MemoryLog {
  const entry: Entry = {
    index: 1 as Index,
    term: 1 as Term,
    kind: 'command',
    data: encodeEntryData({ stampMs: 0, deltaMs: 0, commands: [] }),
  };
  return new MemoryLog({
    hardState: { term: 1 as Term, votedFor: null },
    previous: { index: 0 as Index, term: 0 as Term },
    entries: [entry],
  });
}
