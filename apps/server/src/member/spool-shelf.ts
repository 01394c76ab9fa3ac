import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { SpoolReader } from '@env-cli/store-lmdb';

import type { ApplyToConsensus, SnapshotOrder } from './thread-messages.ts';

export interface SpoolShelfOptions {
  readonly order: (order: SnapshotOrder) => void;
  /** What the state has applied, at least. */
  readonly appliedIndex: () => number;
  /**
   * Milliseconds that a copy stays which somebody did not take to its end: so long it is gone on with, where it was. Defaults to 60,000, half
   * the silence after which its part is thrown away (`partSilenceMsMax`).
   */
  readonly keepMs?: number;
}

const keepMsDefault = 60_000;

/** A copy of the state in a file. */
export interface Spool {
  /** 16 random bytes of this very file. */
  readonly id: Uint8Array;
  readonly file: SpoolReader;
  /** What the copied state has applied. */
  readonly index: number;
  readonly term: number;
}

/** A copy on the shelf. */
interface Kept extends Spool {
  readonly path: string;
  readers: number;
  /** Somebody has a part of it until then, by `performance.now()`. */
  keptUntilMs: number;
  removal: NodeJS.Timeout | undefined;
}

/** Waits for the copy that the apply thread makes. */
interface Making {
  readonly id: number;
  readonly done: Promise<Kept>;
  readonly resolve: (kept: Kept) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Copies of the state for other members: one file for all who take it at the same time, and for who comes back for the rest of it. It goes when nobody
 * needs it any more, for it may be as large as the state.
 */
export class SpoolShelf {
  readonly #options: SpoolShelfOptions;
  #lastId = 0;
  #making: Making | null = null;
  /** The newest copy; and those before, for as long as somebody reads them. */
  readonly #kept = new Set<Kept>();
  #closed = false;

  constructor(options: SpoolShelfOptions) {
    this.#options = options;
  }

  /** A copy of a state that has applied `indexMin` at least: the one that is there if it will do, else a new one. Rejects with why there is none; at once, and without a copy, when the state has not applied so much. */
  async borrow(indexMin: number): Promise<Spool> {
    const appliedIndex = this.#options.appliedIndex();
    if (appliedIndex < indexMin) throw tooEarly(appliedIndex, indexMin);
    const there = [...this.#kept].find(({ index }) => index >= indexMin);
    if (there !== undefined) return this.#lend(there);
    // What is being made may have begun before the caller knew what it needs.
    const begun = this.#making === null ? null : await this.#making.done;
    const kept = begun !== null && begun.index >= indexMin ? begun : await this.#make();
    if (kept.index >= indexMin) return this.#lend(kept);
    this.#removeIfUnread(kept);
    throw tooEarly(kept.index, indexMin);
  }

  /** The copy is not read any more. `taken`: to its end. */
  giveBack(spool: Spool, taken: boolean): void {
    const kept = spool as Kept;
    kept.readers--;
    if (!taken) kept.keptUntilMs = performance.now() + (this.#options.keepMs ?? keepMsDefault);
    this.#removeIfUnread(kept);
  }

  /** The apply thread has made a copy, or has not. */
  async made(message: Extract<ApplyToConsensus, { readonly kind: 'spooled' | 'spool-failed' }>): Promise<void> {
    const making = this.#making;
    if (making === null || making.id !== message.id) {
      if (message.kind === 'spooled') rmSync(message.path, { force: true });
      return;
    }
    if (message.kind === 'spool-failed') {
      this.#making = null;
      making.reject(new Error(`the state could not be copied: ${message.problem}`));
      return;
    }
    const { path, index, term } = message;
    let file: SpoolReader;
    try {
      file = await SpoolReader.open(path);
    } catch (error) {
      this.#making = null;
      making.reject(error as Error);
      return;
    }
    this.#making = null;
    const id = new Uint8Array(randomBytes(16));
    const kept: Kept = { id, file, index, term, path, readers: 0, keptUntilMs: 0, removal: undefined };
    if (this.#closed) {
      this.#remove(kept);
      return;
    }
    // Who comes from now on is given this one.
    for (const former of this.#kept) if (former.readers === 0) this.#remove(former);
    this.#kept.add(kept);
    making.resolve(kept);
  }

  close(): void {
    this.#closed = true;
    this.#making?.reject(new Error('this member is stopping'));
    for (const kept of this.#kept) this.#remove(kept);
  }

  #lend(kept: Kept): Spool {
    clearTimeout(kept.removal);
    kept.readers++;
    return kept;
  }

  #make(): Promise<Kept> {
    if (this.#making !== null) return this.#making.done;
    if (this.#closed) return Promise.reject(new Error('this member is stopping'));
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Kept>();
    this.#making = { id, done: promise, resolve, reject };
    this.#options.order({ kind: 'spool', id });
    return promise;
  }

  #removeIfUnread(kept: Kept): void {
    if (kept.readers > 0 || this.#closed) return;
    clearTimeout(kept.removal);
    const restMs = kept.keptUntilMs - performance.now();
    if (restMs <= 0) this.#remove(kept);
    else kept.removal = setTimeout(() => this.#remove(kept), restMs);
  }

  #remove(kept: Kept): void {
    clearTimeout(kept.removal);
    this.#kept.delete(kept);
    void kept.file.close();
    rmSync(kept.path, { force: true });
  }
}

function tooEarly(appliedIndex: number, indexMin: number): Error {
  return new Error(`the state here has applied index ${appliedIndex}, and one of ${indexMin} at least is needed`);
}
