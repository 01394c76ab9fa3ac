import type { Entry, HardState, Index, Term } from '@env-cli/raft';
import { assert } from '@env-cli/support';

import type { LogContents, LogStore, LogWrite } from '../ports.ts';

type Request = { readonly apply: (disk: Disk) => void; readonly done: () => void };

interface Disk {
  hardState: HardState;
  previous: { index: Index; term: Term };
  entries: Entry[];
}

/** A log whose writes are durable when the test says so, and that forgets the others in a crash. */
export class MemoryLog implements LogStore {
  #disk: Disk;
  #cache: Disk;
  #waiting: Request[] = [];
  readonly released: Index[] = [];

  constructor(
    disk: Disk = {
      hardState: { term: 0 as Term, votedFor: null },
      previous: { index: 0 as Index, term: 0 as Term },
      entries: [],
    },
  ) {
    this.#disk = disk;
    this.#cache = structuredClone(disk);
  }

  get contents(): LogContents {
    const { hardState, previous, entries } = this.#disk;
    const termRuns: { firstIndex: Index; term: Term }[] = [];
    for (const { index, term } of entries) if (termRuns.at(-1)?.term !== term) termRuns.push({ firstIndex: index, term });
    const configurations = entries.filter(({ kind }) => kind === 'configuration').map(({ index }) => index);
    return { hardState, previous, lastIndex: entries.at(-1)?.index ?? previous.index, termRuns, configurations };
  }

  /** Writes that are not durable. */
  get waiting(): number {
    return this.#waiting.length;
  }

  append(write: LogWrite, durable: () => void): void {
    const apply = (disk: Disk): void => {
      disk.hardState = write.hardState ?? disk.hardState;
      const [first] = write.entries;
      if (first === undefined) return;
      assert(first.index <= disk.previous.index + disk.entries.length + 1, 'no gap in a log');
      disk.entries.splice(first.index - disk.previous.index - 1, Number.POSITIVE_INFINITY, ...write.entries);
    };
    this.#request(apply, durable);
  }

  read(from: Index, to: Index, _maxBytes: number, done: (entries: Entry[]) => void): void {
    const found = this.#cache.entries.filter((entry) => entry.index >= from && entry.index < to);
    const entries = found[0]?.index === from ? found : [];
    queueMicrotask(() => done(entries));
  }

  release(upTo: Index): void {
    this.released.push(upTo);
    for (const disk of [this.#disk, this.#cache]) {
      const last = disk.entries.find((entry) => entry.index === upTo);
      if (last === undefined) continue;
      disk.previous = { index: last.index, term: last.term };
      disk.entries = disk.entries.filter((entry) => entry.index > upTo);
    }
  }

  reset(index: Index, term: Term, done: () => void): void {
    const apply = (disk: Disk): void => {
      disk.previous = { index, term };
      disk.entries = [];
    };
    this.#request(apply, done);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The disk is done with everything that waits. */
  sync(): void {
    const requests = this.#waiting;
    this.#waiting = [];
    for (const { apply } of requests) apply(this.#disk);
    for (const { done } of requests) done();
  }

  /** What a new process finds after a power loss. */
  crashed(): MemoryLog {
    return new MemoryLog(structuredClone(this.#disk));
  }

  #request(apply: (disk: Disk) => void, done: () => void): void {
    apply(this.#cache);
    this.#waiting.push({ apply, done });
  }
}
