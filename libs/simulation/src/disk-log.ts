import type { Entry, HardState, Index, Term } from '@env-cli/raft';
import type { LogContents, LogStore, LogWrite, Standing } from '@env-cli/replica';
import { assert } from '@env-cli/support';

import { type Boundary, Crashed, type CrashPoint } from './crash.ts';
import type { Random } from './random.ts';

/** What a log holds: entries right behind `previous`, without a gap. */
interface LogImage {
  hardState: HardState;
  previous: { index: Index; term: Term };
  entries: Entry[];
}

type Operation =
  | { readonly kind: 'append'; readonly write: LogWrite; readonly done: () => void }
  | { readonly kind: 'reset'; readonly index: Index; readonly term: Term; readonly done: () => void };

/** How a member's process reaches its disk: after a delay, unless it has died meanwhile. */
export interface DiskHost {
  later(delayMs: number, happen: () => void): void;
  readonly crashPoint: CrashPoint;
}

/** What is wrong with a disk that somebody opens, in words, and whether it was all the same taken for whole. */
export interface DiskCounts {
  /** A write that a crash left half there, which the next start cut off. */
  tornTails: number;
  /** A write that was asked for and was gone after a crash. */
  unsyncedLost: number;
}

/** One member's log disk: what was synced outlives a crash, of what was not a part of it from the front may. */
export class LogDisk {
  #durable: LogImage;
  /** Entries that are not what was written: a bit flipped, or another write landed on them. Found by their checksum, as `libs/log-file` proves. */
  readonly #damaged = new Set<number>();
  /** The first write that a crash took while it was half there. */
  #torn: Operation | null = null;
  /** The next sync fails, and with it the process that asked for it. */
  failsNextSync = false;
  /** The next write lands on an earlier one, so that two places do not hold what they should. */
  misdirectsNextWrite = false;
  readonly counts: DiskCounts = { tornTails: 0, unsyncedLost: 0 };

  constructor(previous: { index: Index; term: Term }, hardState: HardState) {
    this.#durable = { hardState, previous, entries: [] };
  }

  /** What a copy that is made now holds. */
  copy(): LogDisk {
    const { hardState, previous, entries } = this.#durable;
    const copy = new LogDisk({ ...previous }, hardState);
    copy.#durable.entries = [...entries];
    for (const index of this.#damaged) copy.#damaged.add(index);
    return copy;
  }

  /** Flips a bit of some entry. False when none is held. */
  rot(random: Random): boolean {
    const { previous, entries } = this.#durable;
    if (entries.length === 0) return false;
    this.#damaged.add(previous.index + 1 + random.below(entries.length));
    return true;
  }

  /** What the checksums say of what is held; null when all is well. */
  get problem(): string | null {
    const { previous, entries } = this.#durable;
    for (const index of this.#damaged) {
      if (index > previous.index && index <= previous.index + entries.length) return `entry ${index} is not what was written`;
    }
    return null;
  }

  /** Whether an entry of this range (`to` is exclusive) is not what was written. */
  isDamaged(from: number, to: number): boolean {
    for (const index of this.#damaged) if (index >= from && index < to) return true;
    return false;
  }

  /** Writes that a sync covered. */
  synced(operations: readonly Operation[]): void {
    for (const operation of operations) {
      apply(this.#durable, operation);
      const first = operation.kind === 'append' ? operation.write.entries[0]?.index : 0;
      if (first === undefined) continue;
      // What is written anew is whole again.
      for (const index of this.#damaged) if (index >= first) this.#damaged.delete(index);
      if (operation.kind === 'append' && this.misdirectsNextWrite) {
        this.misdirectsNextWrite = false;
        this.#damaged.add(first);
        if (this.#durable.previous.index + 1 < first) this.#damaged.add(this.#durable.previous.index + 1);
      }
    }
  }

  released(index: Index): void {
    release(this.#durable, index);
  }

  /** What a start finds now, as far as other members measure it. */
  get standing(): Standing {
    const { hardState, previous, entries } = this.#durable;
    const last = entries.at(-1) ?? previous;
    return { term: hardState.term, votedFor: hardState.votedFor ?? 0, entryTerm: last.term, entryIndex: last.index };
  }

  /** The term of the durable entry at an index, or -1. */
  durableTermAt(index: number): number {
    const { previous, entries } = this.#durable;
    // What was released was durable before.
    if (index <= previous.index) return index === previous.index ? previous.term : Infinity;
    return entries[index - previous.index - 1]?.term ?? -1;
  }

  /** The configurations that are on it, encoded. */
  get configurations(): readonly Uint8Array[] {
    return this.#durable.entries.filter(({ kind }) => kind === 'configuration').map(({ data }) => data);
  }

  get durableHardState(): HardState {
    return this.#durable.hardState;
  }

  /** Opens the log for a process. The one that had it before is dead. */
  open(host: DiskHost, random: Random, syncMsMax: () => number): OpenLog {
    if (this.#torn !== null) this.counts.tornTails++;
    this.#torn = null;
    return new OpenLog(this, this.#durable, host, random, syncMsMax);
  }

  /** The process that had it open died: of what it had not synced, a part from the front may be there all the same. */
  crash(open: OpenLog, random: Random): void {
    const keptCount = random.below(open.pending.length + 1);
    const kept = open.pending.slice(0, keptCount);
    this.synced(kept);
    this.counts.unsyncedLost += open.pending.length - keptCount;
    this.#torn = (random.chance(0.5) && open.pending[keptCount]) || null;
    this.failsNextSync = false;
  }
}

/** A log as a process has it open. */
export class OpenLog implements LogStore {
  readonly contents: LogContents;
  readonly #disk: LogDisk;
  readonly #durable: LogImage;
  readonly #host: DiskHost;
  readonly #random: Random;
  readonly #syncMsMax: () => number;
  /** What is asked for and not synced, oldest first. */
  pending: Operation[] = [];
  #syncing = false;
  /** With all that is pending. */
  readonly #image: LogImage;

  constructor(disk: LogDisk, durable: LogImage, host: DiskHost, random: Random, syncMsMax: () => number) {
    this.#disk = disk;
    this.#durable = durable;
    this.#host = host;
    this.#random = random;
    this.#syncMsMax = syncMsMax;
    this.#image = { hardState: durable.hardState, previous: durable.previous, entries: [...durable.entries] };
    const { hardState, previous, entries } = durable;
    const termRuns: { firstIndex: Index; term: Term }[] = [];
    for (const entry of entries) {
      if (termRuns.at(-1)?.term !== entry.term) termRuns.push({ firstIndex: entry.index, term: entry.term });
    }
    const configurations = entries.filter(({ kind }) => kind === 'configuration').map(({ index }) => index);
    const lastIndex = (previous.index + entries.length) as Index;
    this.contents = { hardState, previous: { ...previous }, lastIndex, termRuns, configurations };
  }

  /** The term of the entry at an index, synced or not, or -1. */
  termAt(index: number): number {
    const { previous, entries } = this.#image;
    return index === previous.index ? previous.term : (entries[index - previous.index - 1]?.term ?? -1);
  }

  /** The configurations that stand before an entry, synced or not. */
  configurationsBefore(index: number): readonly Entry[] {
    return this.#image.entries.filter((entry) => entry.kind === 'configuration' && entry.index < index);
  }

  append(write: LogWrite, durable: () => void): void {
    this.#host.crashPoint('log append asked');
    if (write.hardState !== null) this.#host.crashPoint('term and vote asked');
    this.#ask({ kind: 'append', write, done: durable });
  }

  reset(index: Index, term: Term, done: () => void): void {
    this.#host.crashPoint('log reset asked');
    this.#ask({ kind: 'reset', index, term, done });
  }

  read(from: Index, to: Index, maxBytes: number, done: (entries: Entry[]) => void): void {
    this.#host.later(this.#random.span(0, this.#syncMsMax()), () => {
      const { previous, entries } = this.#image;
      const found: Entry[] = [];
      let bytes = 0;
      for (let index: number = from; index > previous.index && index < to; index++) {
        const entry = entries[index - previous.index - 1];
        if (entry === undefined) break;
        bytes += entry.data.length;
        if (found.length > 0 && bytes > maxBytes) break;
        found.push(entry);
      }
      if (this.#disk.isDamaged(from, from + found.length)) throw new Crashed('an entry that was read is damaged');
      done(found);
    });
  }

  release(upTo: Index): void {
    if (upTo <= this.#image.previous.index) return;
    // In whole segments, when it suits the store: anything up to there.
    const index = this.#random.between(this.#image.previous.index, upTo) as Index;
    this.#host.crashPoint('log release asked');
    release(this.#image, index);
    // A disk cannot release what it does not have yet; the real one never has to.
    assert(index <= this.#durable.previous.index + this.#durable.entries.length, 'what is released is durable');
    this.#disk.released(index);
    this.#host.crashPoint('log released');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #ask(operation: Operation): void {
    apply(this.#image, operation);
    this.pending.push(operation);
    if (!this.#syncing) this.#sync();
  }

  #sync(): void {
    this.#syncing = true;
    const covered = this.pending.length;
    this.#host.later(this.#random.span(0.05, this.#syncMsMax()), () => {
      // Nobody is told, and nothing is tried again: what a failed sync has written is not known.
      if (this.#disk.failsNextSync) throw new Crashed('a sync failed');
      const synced = this.pending.splice(0, covered);
      this.#disk.synced(synced);
      this.#host.crashPoint(boundaryOf(synced));
      this.#syncing = false;
      if (this.pending.length > 0) this.#sync();
      for (const operation of synced) operation.done();
      this.#host.crashPoint('log synced, told');
    });
  }
}

function boundaryOf(synced: readonly Operation[]): Boundary {
  if (synced.some(({ kind }) => kind === 'reset')) return 'log reset, not told';
  const voted = synced.some((operation) => operation.kind === 'append' && operation.write.hardState !== null);
  return voted ? 'term and vote synced, not told' : 'log synced, not told';
}

function apply(image: LogImage, operation: Operation): void {
  if (operation.kind === 'reset') {
    image.previous = { index: operation.index, term: operation.term };
    image.entries = [];
    return;
  }
  const { hardState, entries } = operation.write;
  if (hardState !== null) image.hardState = hardState;
  const first = entries[0];
  if (first === undefined) return;
  const keep = first.index - image.previous.index - 1;
  assert(keep >= 0 && keep <= image.entries.length, 'a log has no gap, and is not rewritten below its beginning');
  image.entries.length = keep;
  image.entries.push(...entries);
}

function release(image: LogImage, index: Index): void {
  const count = index - image.previous.index;
  if (count <= 0) return;
  image.previous = { index, term: image.entries[count - 1]!.term };
  image.entries.splice(0, count);
}
