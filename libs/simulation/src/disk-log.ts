import type { Entry, HardState, Index, Term } from '@env-cli/raft';
import type { LogContents, LogStore, LogWrite, Standing } from '@env-cli/replica';
import { assert } from '@env-cli/support';

import type { CrashPoint } from './crash.ts';
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

/** The faults of a disk that lies, to see whether the checks find it. */
export interface DiskLies {
  /** Says that a write is durable when it has only been taken. */
  readonly acknowledgesBeforeSync: boolean;
  /** Forgets term and vote in a crash, as if they had been kept in memory. */
  readonly forgetsVotes: boolean;
}

/** How a member's process reaches its disk: after a delay, unless it has died meanwhile. */
export interface DiskHost {
  later(delayMs: number, happen: () => void): void;
  readonly crashPoint: CrashPoint;
}

/** One member's log disk: what was synced outlives a crash, of what was not a part of it from the front may. */
export class LogDisk {
  #durable: LogImage;
  #lies: DiskLies;

  constructor(previous: { index: Index; term: Term }, hardState: HardState, lies: DiskLies) {
    this.#durable = { hardState, previous, entries: [] };
    this.#lies = lies;
  }

  /** What a copy that is made now holds. */
  copy(): LogDisk {
    const { hardState, previous, entries } = this.#durable;
    const copy = new LogDisk({ ...previous }, hardState, this.#lies);
    copy.#durable.entries = [...entries];
    return copy;
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
    return new OpenLog(this.#durable, host, random, syncMsMax, this.#lies);
  }

  /** The process that had it open died: of what it had not synced, a part from the front may be there all the same. */
  crash(open: OpenLog, random: Random): void {
    const kept = open.pending.slice(0, random.below(open.pending.length + 1));
    const forgotten = this.#durable.hardState;
    for (const operation of kept) apply(this.#durable, operation);
    if (this.#lies.forgetsVotes) this.#durable.hardState = { term: forgotten.term, votedFor: null };
  }
}

/** A log as a process has it open. */
export class OpenLog implements LogStore {
  readonly contents: LogContents;
  readonly #durable: LogImage;
  readonly #host: DiskHost;
  readonly #random: Random;
  readonly #syncMsMax: () => number;
  readonly #lies: DiskLies;
  /** What is asked for and not synced, oldest first. */
  pending: Operation[] = [];
  #syncing = false;
  /** With all that is pending. */
  readonly #image: LogImage;

  constructor(durable: LogImage, host: DiskHost, random: Random, syncMsMax: () => number, lies: DiskLies) {
    this.#durable = durable;
    this.#host = host;
    this.#random = random;
    this.#syncMsMax = syncMsMax;
    this.#lies = lies;
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
    if (this.#lies.acknowledgesBeforeSync) this.#host.later(0, durable);
    this.#ask({ kind: 'append', write, done: this.#lies.acknowledgesBeforeSync ? () => undefined : durable });
  }

  reset(index: Index, term: Term, done: () => void): void {
    this.#host.crashPoint('log reset asked');
    this.#ask({ kind: 'reset', index, term, done });
  }

  read(from: Index, to: Index, maxBytes: number, done: (entries: Entry[]) => void): void {
    this.#host.later(this.#random.span(0, 2), () => {
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
      done(found);
    });
  }

  release(upTo: Index): void {
    if (upTo <= this.#image.previous.index) return;
    // In whole segments, when it suits the store: anything up to there.
    const index = this.#random.between(this.#image.previous.index, upTo) as Index;
    release(this.#image, index);
    // A disk cannot release what it does not have yet; the real one never has to.
    assert(index <= this.#durable.previous.index + this.#durable.entries.length, 'what is released is durable');
    release(this.#durable, index);
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
      const synced = this.pending.splice(0, covered);
      for (const operation of synced) apply(this.#durable, operation);
      this.#host.crashPoint(synced.some(({ kind }) => kind === 'reset') ? 'log reset, not told' : 'log synced, not told');
      this.#syncing = false;
      if (this.pending.length > 0) this.#sync();
      for (const operation of synced) operation.done();
      this.#host.crashPoint('log synced, told');
    });
  }
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
