import type { ReadTables } from '@env-cli/keyspace';
import { Freshness, type ReadRefusedCode } from '@env-cli/replica';

import { MemberUnavailable, type ReadNeed } from './member.ts';

/** Runs reads on one snapshot of the state. */
export interface SnapshotSource {
  snapshot<T>(work: (tables: ReadTables) => T): T;
}

export interface ReadGateOptions {
  /** The applied index of a snapshot, read in it. */
  readonly appliedIndexOf: (tables: ReadTables) => number;
  /** Asks for a read index under this number, with everything else of this turn. */
  readonly ask: (id: number, deadlineMs: number) => void;
  /** Calls `run` once, in the next turn of the event loop. */
  readonly nextTurn: (run: () => void) => void;
  readonly after: (ms: number, run: () => void) => void;
  readonly nowMs: () => number;
  /** Milliseconds after which a read that wants a fresh state and hears from no leader is told that it is too stale. */
  readonly leaderWaitMs: number;
}

interface Read {
  readonly need: ReadNeed;
  /** By the same clock as `nowMs`. */
  readonly deadlineMs: number;
  readonly arrivedMs: number;
  /** Answers with what the work came to; false when the read has to wait after all. */
  readonly run: (tables: ReadTables) => void;
  readonly settle: () => void;
  readonly reject: (error: unknown) => void;
  /** The lowest applied index that will do; null while the read index is not known. */
  index: number | null;
}

/** Reads that wait at once. */
const waitingMax = 65_536;

/** The longest that reads of one batch hold up this thread: then others have a turn, and the next batch a newer snapshot. */
const batchMs = 5;

/** Reads of this API thread: each waits until the state satisfies it, and all that are ready share a snapshot. */
export class ReadGate {
  readonly #options: ReadGateOptions;
  readonly #freshness = new Freshness();
  #source: SnapshotSource | null;
  /** Strong reads that came in this turn: they share the next question. */
  #gathering: Read[] = [];
  readonly #asked = new Map<number, { readonly sentMs: number; readonly reads: readonly Read[] }>();
  /** Reads whose index is known, or that wait for the state to be fresh. */
  #waiting: Read[] = [];
  #lastId = 0;
  #turnDue = false;
  #probing = false;
  #probeId: number | null = null;
  #waitingCount = 0;

  constructor(source: SnapshotSource, options: ReadGateOptions) {
    this.#source = source;
    this.#options = options;
  }

  get size(): number {
    return this.#waitingCount;
  }

  /** The state was replaced: reads go on with the new one. Null while there is none. */
  use(source: SnapshotSource | null): void {
    this.#source = source;
    this.#turn();
  }

  read<T>(need: ReadNeed, deadlineMs: number, work: (tables: ReadTables) => T): Promise<T> {
    const nowMs = this.#options.nowMs();
    if (this.#waitingCount >= waitingMax) {
      return Promise.reject(new MemberUnavailable('too-busy', `${waitingMax} reads wait already. Try again later.`));
    }
    if (deadlineMs <= nowMs) return Promise.reject(expired());
    this.#waitingCount++;
    return new Promise<T>((resolve, reject) => {
      let value: T;
      const read: Read = {
        need,
        deadlineMs,
        arrivedMs: nowMs,
        run: (tables) => {
          value = work(tables);
        },
        settle: () => {
          this.#waitingCount--;
          resolve(value);
        },
        reject: (error) => {
          this.#waitingCount--;
          reject(error);
        },
        index: need.freshness.kind === 'strong' ? null : need.appliedIndex,
      };
      if (need.freshness.kind === 'strong') this.#gathering.push(read);
      else this.#waiting.push(read);
      if (need.freshness.kind === 'fresh-within') {
        this.#freshness.asked(need.freshness.maxLagMs, nowMs);
        this.#probe();
      }
      this.#turn();
    });
  }

  /** The consensus thread found the read index of a question. */
  ready(id: number, index: number): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return;
    this.#asked.delete(id);
    if (id === this.#probeId) {
      this.#probeId = null;
      this.#freshness.answered(asked.sentMs, index);
    }
    for (const read of asked.reads) {
      read.index = Math.max(index, read.need.appliedIndex);
      this.#waiting.push(read);
    }
    this.#turn();
  }

  refused(id: number, code: ReadRefusedCode): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (id === this.#probeId) this.#probeId = null;
    for (const read of asked?.reads ?? []) read.reject(new MemberUnavailable(code, refusedTexts[code]));
  }

  /** Something was applied. */
  applied(): void {
    if (this.#waiting.length > 0) this.#turn();
  }

  /** Ends what waits in vain. Called often while anything waits. */
  sweep(nowMs: number): void {
    this.#waiting = this.#waiting.filter((read) => !this.#ended(read, nowMs));
    this.#gathering = this.#gathering.filter((read) => !this.#ended(read, nowMs));
    for (const [id, { sentMs, reads }] of this.#asked) {
      const left = reads.filter((read) => !this.#ended(read, nowMs));
      if (left.length < reads.length) this.#asked.set(id, { sentMs, reads: left });
    }
  }

  rejectAll(error: MemberUnavailable): void {
    const reads = [...this.#gathering, ...this.#waiting, ...[...this.#asked.values()].flatMap((asked) => asked.reads)];
    this.#gathering = [];
    this.#waiting = [];
    this.#asked.clear();
    for (const read of reads) read.reject(error);
  }

  #turn(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    this.#options.nextTurn(() => {
      this.#turnDue = false;
      this.#askGathered();
      this.#answer();
    });
  }

  #askGathered(): void {
    if (this.#gathering.length === 0) return;
    const reads = this.#gathering;
    this.#gathering = [];
    let deadlineMs = 0;
    for (const read of reads) deadlineMs = Math.max(deadlineMs, read.deadlineMs);
    this.#ask(reads, deadlineMs);
  }

  #ask(reads: readonly Read[], deadlineMs: number): number {
    const id = ++this.#lastId;
    this.#asked.set(id, { sentMs: this.#options.nowMs(), reads });
    this.#options.ask(id, deadlineMs);
    return id;
  }

  /** Answers from one fresh snapshot all reads that it satisfies. The others wait for the next transaction, or probe. */
  #answer(): void {
    const source = this.#source;
    if (source === null || this.#waiting.length === 0) return;
    const reads = this.#waiting;
    this.#waiting = [];
    const done: Read[] = [];
    const untilMs = this.#options.nowMs() + batchMs;
    let appliedIndex = 0;
    source.snapshot((tables) => {
      appliedIndex = this.#options.appliedIndexOf(tables);
      let place = 0;
      for (; place < reads.length; place++) {
        const read = reads[place]!;
        if (read.index! > appliedIndex || !this.#mayTry(read, appliedIndex)) {
          this.#waiting.push(read);
          continue;
        }
        try {
          read.run(tables);
          done.push(read);
        } catch (error) {
          read.reject(error);
        }
        if (done.length % 16 === 0 && this.#options.nowMs() > untilMs) break;
      }
      if (place < reads.length) {
        this.#waiting.push(...reads.slice(place + 1));
        this.#turn();
      }
    });
    for (const read of done) this.#settle(read, appliedIndex);
  }

  #settle(read: Read, appliedIndex: number): void {
    const { freshness } = read.need;
    // How stale the answer is shows last: the time that the work took counts too.
    if (
      freshness.kind === 'fresh-within' &&
      this.#options.nowMs() - this.#freshness.newestMs(appliedIndex) > freshness.maxLagMs
    ) {
      this.#retryOrRefuse(read, appliedIndex);
      return;
    }
    read.settle();
  }

  /** Whether the snapshot is fresh enough for a read so far. */
  #mayTry(read: Read, appliedIndex: number): boolean {
    const { freshness } = read.need;
    if (freshness.kind !== 'fresh-within') return true;
    const newestMs = this.#freshness.newestMs(appliedIndex);
    // A probe of after its arrival was answered, and its state is here: newer is not to be had, so the work decides.
    return newestMs >= read.arrivedMs || this.#options.nowMs() - newestMs <= freshness.maxLagMs;
  }

  #retryOrRefuse(read: Read, appliedIndex: number): void {
    if (this.#freshness.newestMs(appliedIndex) >= read.arrivedMs) read.reject(tooStale());
    else this.#waiting.push(read);
  }

  #ended(read: Read, nowMs: number): boolean {
    if (read.deadlineMs <= nowMs) read.reject(expired());
    else if (read.need.freshness.kind === 'fresh-within' && nowMs - read.arrivedMs > this.#options.leaderWaitMs)
      read.reject(tooStale());
    else return false;
    return true;
  }

  #probe(): void {
    const nowMs = this.#options.nowMs();
    const intervalMs = this.#freshness.intervalMs(nowMs);
    if (this.#probing || intervalMs === null) return;
    this.#probing = true;
    if (this.#probeId === null || nowMs - (this.#asked.get(this.#probeId)?.sentMs ?? 0) > this.#options.leaderWaitMs) {
      if (this.#probeId !== null) this.#asked.delete(this.#probeId);
      this.#probeId = this.#ask([], nowMs + this.#options.leaderWaitMs);
    }
    this.#options.after(intervalMs, () => {
      this.#probing = false;
      this.#probe();
    });
  }
}

function expired(): MemberUnavailable {
  return new MemberUnavailable('deadline-exceeded', 'the deadline passed before the read could be answered.');
}

function tooStale(): MemberUnavailable {
  return new MemberUnavailable(
    'too-stale',
    'this member is further behind the leader than the read allows. Ask the leader, or allow more.',
  );
}

const refusedTexts: Record<ReadRefusedCode, string> = {
  'no-leader': 'no leader could confirm the read: an election goes on, or no quorum is reached. Try again.',
  'too-busy': 'too many reads wait already. Try again later.',
  'deadline-exceeded': 'the deadline passed before the read could be answered.',
  stopping: 'this member is stopping. Ask another member.',
};
