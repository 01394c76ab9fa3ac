import type { Configuration } from '../configuration.ts';
import { decodeConfiguration } from '../configuration.ts';
import type {
  Effect,
  Envelope,
  InitialState,
  LoadEffect,
  Message,
  RaftOptions,
  ResetEffect,
  Status,
  StoreEffect,
} from '../door.ts';
import type { Entry, HardState, Index, MemberId, Term } from '../entry.ts';
import type { PeerMessage } from '../message.ts';
import { Raft } from '../raft.ts';

export const memberId = (value: number) => value as MemberId;
export const index = (value: number) => value as Index;
export const term = (value: number) => value as Term;

export const [A, B, C, D, E, F, G] = [1, 2, 3, 4, 5, 6, 7].map(memberId) as [
  MemberId,
  MemberId,
  MemberId,
  MemberId,
  MemberId,
  MemberId,
  MemberId,
];

export function configurationOf(voters: readonly MemberId[], others: Partial<Configuration> = {}): Configuration {
  return { voters, votersOutgoing: [], learners: [], learnersNext: [], learnersJoining: [], ...others };
}

/** An entry whose data is a text. */
export function entry(at: number, ofTerm: number, text = ''): Entry {
  return { index: index(at), term: term(ofTerm), kind: text === '' ? 'noop' : 'command', data: new TextEncoder().encode(text) };
}

/** Entries from `first` on with the given terms. */
export function entriesOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((ofTerm, offset) => entry(first + offset, ofTerm));
}

export function initialState(disk: Disk, state: State): InitialState {
  const termRuns: { firstIndex: Index; term: Term }[] = [];
  for (const { index: at, term: ofTerm } of disk.entries) {
    if (termRuns.at(-1)?.term !== ofTerm) termRuns.push({ firstIndex: at, term: ofTerm });
  }
  return {
    log: {
      hardState: disk.hardState,
      previous: disk.previous,
      lastIndex: index(disk.previous.index + disk.entries.length),
      termRuns,
      configurations: disk.entries.filter((one) => one.kind === 'configuration').map((one) => one.index),
    },
    applied: state.index,
    configuration: state.configuration,
    configurationIndex: state.configurationIndex,
  };
}

/** What survives a crash: exactly what was durable. */
export interface Disk {
  hardState: HardState;
  previous: { index: Index; term: Term };
  entries: Entry[];
}

/** The state machine: every entry that it applied. Copying it is taking a snapshot. */
export interface State {
  index: Index;
  term: Term;
  applied: Entry[];
  configuration: Configuration;
  configurationIndex: Index;
}

export interface TestMemberOptions extends Partial<RaftOptions> {
  readonly id?: MemberId;
  readonly configuration?: Configuration;
  readonly term?: number;
  readonly votedFor?: MemberId | null;
  /** Terms of the entries on disk. */
  readonly log?: readonly number[];
  /** How many of them are applied. */
  readonly applied?: number;
}

/**
 * A member with a disk, a state and an outbox, which carries out the core's effects at once unless it is told to hold them. It
 * is what libs/replica is to the core, without time and without a network.
 */
export class TestMember {
  readonly id: MemberId;
  readonly options: RaftOptions;
  raft: Raft;
  disk: Disk;
  state: State;
  /** The state is durable at least up to here: a snapshot was installed, or the log let go of what is before. */
  #checkpointFloor = 0;
  /** The configuration that the state began with, or its last snapshot did. */
  #beginning: Pick<State, 'configuration' | 'configurationIndex'>;
  /** Writes that are asked for and not durable. */
  writes: (StoreEffect | ResetEffect)[] = [];
  /** Writes wait for `flush`. */
  holdDisk = false;
  /** What is handed out waits for `apply`. */
  holdApply = false;
  /** Loads wait for `load`. */
  holdLoads = false;
  /** A snapshot waits for `install`. */
  holdInstall = false;
  #toApply: (readonly Entry[])[] = [];
  #loads: LoadEffect[] = [];
  #finishing = false;
  /** What waits to be fetched: messages for peers, in the order in which they may leave. */
  #outbox: Envelope[] = [];
  /** All effects since they were last taken, by kind. */
  #effects = new Map<Effect['kind'], Effect[]>();
  /** Called with each effect before it is carried out. */
  observe: (effect: Effect) => void = () => {};

  constructor(options: TestMemberOptions = {}) {
    this.id = options.id ?? A;
    const { configuration = configurationOf([A, B, C]), log = [], applied = 0, term: ofTerm, votedFor = null, ...rest } = options;
    this.options = { random: () => 0, ...rest, id: this.id };
    const entries = entriesOf(log);
    this.disk = {
      hardState: { term: term(ofTerm ?? log.at(-1) ?? 0), votedFor },
      previous: { index: index(0), term: term(0) },
      entries,
    };
    this.state = {
      index: index(applied),
      term: entries[applied - 1]?.term ?? term(0),
      applied: entries.slice(0, applied),
      configuration,
      configurationIndex: index(0),
    };
    this.#beginning = { configuration, configurationIndex: index(0) };
    this.raft = new Raft(this.options, initialState(this.disk, this.state));
  }

  get status(): Status {
    return this.raft.status();
  }

  step(message: Message): Effect[] {
    const effects = this.raft.step(message);
    for (const effect of effects) {
      const sameKind = this.#effects.get(effect.kind);
      if (sameKind === undefined) this.#effects.set(effect.kind, [effect]);
      else sameKind.push(effect);
      this.observe(effect);
      this.#begin(effect);
    }
    this.#finishWhatIsNotHeld();
    return effects;
  }

  receive(from: MemberId, message: PeerMessage): Effect[] {
    return this.step({ kind: 'received', from, message });
  }

  tick(count = 1): void {
    for (let i = 0; i < count; i++) this.step({ kind: 'tick' });
  }

  propose(text: string, id = 0): Effect[] {
    return this.step({ kind: 'propose', id, data: new TextEncoder().encode(text) });
  }

  /** Makes the oldest `count` writes durable. */
  flush(count = Infinity): void {
    for (let i = 0; i < count && this.writes.length > 0; i++) this.#flushOne();
  }

  /** Applies what was handed out. */
  apply(): void {
    while (this.#toApply.length > 0) this.#applyOne();
  }

  /** Answers what was asked of the log. */
  load(): void {
    while (this.#loads.length > 0) this.#loadOne();
  }

  /** Puts a snapshot in the place of the state. */
  install(snapshot: State): void {
    this.apply();
    this.state = { ...snapshot, applied: [...snapshot.applied] };
    this.#checkpointFloor = snapshot.index;
    this.#beginning = { configuration: snapshot.configuration, configurationIndex: snapshot.configurationIndex };
    const { index: at, term: ofTerm, configuration, configurationIndex } = snapshot;
    this.step({ kind: 'snapshot-installed', index: at, term: ofTerm, configuration, configurationIndex });
  }

  /** Lets go of the log up to `at`. */
  compact(at: number): void {
    this.step({ kind: 'released', index: index(at) });
    this.#checkpointFloor = at;
    const released = this.disk.entries.filter((one) => one.index <= at);
    this.disk.entries = this.disk.entries.slice(released.length);
    const last = released.at(-1);
    if (last !== undefined) this.disk.previous = { index: last.index, term: last.term };
  }

  /**
   * Stops as by a power loss, and starts from what the disk holds: of the pending writes the first `survivors`, of the
   * state what it had applied at its last checkpoint, `forgotten` entries ago at most.
   */
  restart(survivors = 0, forgotten = 0): void {
    const checkpoint = Math.max(this.#checkpointFloor, this.state.index - forgotten);
    for (const write of this.writes.slice(0, survivors)) writeTo(this.disk, write);
    this.writes = [];
    this.#toApply = [];
    this.#loads = [];
    this.#outbox = [];
    const applied = this.state.applied.filter((one) => one.index <= checkpoint);
    const last = applied.at(-1);
    const change = applied.findLast((one) => one.kind === 'configuration');
    if (checkpoint < this.state.index) {
      this.state = { ...this.#beginning, applied, index: last?.index ?? index(0), term: last?.term ?? term(0) };
      if (change !== undefined) {
        this.state.configuration = decodeConfiguration(change.data);
        this.state.configurationIndex = change.index;
      }
    }
    // A state that is ahead of its log, or disagrees with it, is a snapshot that was installed before the log could be reset.
    if (termOnDisk(this.disk, this.state.index) !== this.state.term) {
      this.disk = { ...this.disk, previous: { index: this.state.index, term: this.state.term }, entries: [] };
    }
    this.raft = new Raft(this.options, initialState(this.disk, this.state));
  }

  /** Messages that may leave, and are forgotten here. */
  takeOutbox(): Envelope[] {
    return this.#outbox.splice(0);
  }

  /** What was sent to one member, or all, since it was last asked for. */
  takeMessages(to?: MemberId): PeerMessage[] {
    return this.takeOutbox()
      .filter((envelope) => to === undefined || envelope.to === to)
      .map((envelope) => envelope.message);
  }

  /** Effects of one kind since they were last taken. */
  takeEffects<Kind extends Effect['kind']>(kind: Kind): Extract<Effect, { kind: Kind }>[] {
    const taken = this.#effects.get(kind) ?? [];
    this.#effects.delete(kind);
    return taken.filter((effect): effect is Extract<Effect, { kind: Kind }> => effect.kind === kind);
  }

  /** Texts of the commands that were applied. */
  get appliedTexts(): string[] {
    return this.state.applied.filter((one) => one.kind === 'command').map((one) => new TextDecoder().decode(one.data));
  }

  /** The log, the part that is not durable included. */
  get logEntries(): readonly Entry[] {
    return this.#diskAfterWrites().entries;
  }

  /** Terms of the log, the part that is not durable included. */
  get logTerms(): number[] {
    return this.#diskAfterWrites().entries.map((one) => one.term);
  }

  /** The term of an entry of the log, the part that is not durable included. */
  logTermAt(at: number): number | undefined {
    return termOnDisk(this.#diskAfterWrites(), at);
  }

  #diskAfterWrites(): Disk {
    const view = { ...this.disk, entries: [...this.disk.entries] };
    for (const write of this.writes) writeTo(view, write);
    return view;
  }

  #begin(effect: Effect): void {
    if (effect.kind === 'send') this.#outbox.push({ to: effect.to, message: effect.message });
    else if (effect.kind === 'store' || effect.kind === 'reset') this.writes.push(effect);
    else if (effect.kind === 'apply') this.#toApply.push(effect.entries);
    else if (effect.kind === 'load') this.#loads.push(effect);
  }

  /** Not from within itself: the effects of a step are all begun before the next step. */
  #finishWhatIsNotHeld(): void {
    if (this.#finishing) return;
    this.#finishing = true;
    for (;;) {
      if (!this.holdDisk && this.writes.length > 0) this.#flushOne();
      else if (!this.holdApply && this.#toApply.length > 0) this.#applyOne();
      else if (!this.holdLoads && this.#loads.length > 0) this.#loadOne();
      else break;
    }
    this.#finishing = false;
  }

  #flushOne(): void {
    const write = this.writes.shift();
    if (write === undefined) return;
    writeTo(this.disk, write);
    this.#outbox.push(...write.messages);
    this.step({ kind: 'stored', sequence: write.sequence });
  }

  #applyOne(): void {
    for (const one of this.#toApply.shift() ?? []) {
      if (one.index !== this.state.index + 1) throw new Error(`entry ${one.index} handed out after ${this.state.index}`);
      this.state.applied.push(one);
      this.state.index = one.index;
      this.state.term = one.term;
      if (one.kind === 'configuration') {
        this.state.configuration = decodeConfiguration(one.data);
        this.state.configurationIndex = one.index;
      }
    }
    this.step({ kind: 'applied', index: this.state.index });
  }

  #loadOne(): void {
    const wish = this.#loads.shift();
    if (wish === undefined) return;
    const { previous, entries } = this.#diskAfterWrites();
    const held = wish.from > previous.index ? entries.slice(wish.from - previous.index - 1, wish.to - previous.index - 1) : [];
    let bytes = 0;
    const fitting = held.filter((one, at) => (bytes += one.data.length) <= wish.bytesMax || at === 0);
    this.step({ kind: 'loaded', id: wish.id, entries: fitting });
  }
}

function termOnDisk({ previous, entries }: Disk, at: number): number | undefined {
  return at === previous.index ? previous.term : entries[at - previous.index - 1]?.term;
}

function writeTo(disk: Disk, write: StoreEffect | ResetEffect): void {
  if (write.kind === 'reset') {
    disk.previous = { index: write.index, term: write.term };
    disk.entries = [];
    return;
  }
  if (write.hardState !== null) disk.hardState = write.hardState;
  const [first] = write.entries;
  if (first === undefined) return;
  const kept = first.index - disk.previous.index - 1;
  if (kept < 0 || kept > disk.entries.length) throw new Error(`a write at ${first.index} leaves a gap in the log`);
  disk.entries = [...disk.entries.slice(0, kept), ...write.entries];
}
