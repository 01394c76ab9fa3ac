import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { MemberId } from '@env-cli/raft';
import { SpoolReader } from '@env-cli/store-lmdb';
import { assert } from '@env-cli/support';

import type { ApplyToConsensus, SnapshotOrder } from './thread-messages.ts';

export interface SpoolShelfOptions {
  readonly order: (order: SnapshotOrder) => void;
  /** What the state has applied, at least. Never falls. */
  readonly appliedIndex: () => number;
  /**
   * Milliseconds that a copy stays for a member that did not take it to its end: so long it is gone on with, where it was. Defaults to 60,000, half
   * the silence after which its part is thrown away (`partSilenceMsMax`).
   */
  readonly keepMs?: number;
}

const keepMsDefault = 60_000;

/** A copy of the state in a file. */
interface Copy {
  /** 16 random bytes of this very file. */
  readonly id: Uint8Array;
  readonly file: SpoolReader;
  /** What the copied state has applied. */
  readonly index: number;
  readonly term: number;
}

/** A copy that is lent to one member. */
export interface Spool extends Copy {
  /** It is not read any more. Called once. `taken`: to its end. */
  giveBack(taken: boolean): void;
}

/** A copy on the shelf. It stays for as long as it has readers, or members that have a part of it. */
interface Kept extends Copy {
  readonly path: string;
  readers: number;
  /** Who may come back for the rest of it; each until its timer ends. */
  readonly parts: Map<MemberId, NodeJS.Timeout>;
}

/** Waits for a copy that the apply thread makes. */
interface Waiting {
  readonly by: MemberId;
  readonly indexMin: number;
  readonly resolve: (spool: Spool) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Copies of the state for other members: one file for all who take it at the same time, and for who comes back for the rest of it. It goes when nobody
 * needs it any more, for it may be as large as the state. A member needs one at a time, so there are never more of them than other members.
 */
export class SpoolShelf {
  readonly #options: SpoolShelfOptions;
  /** What the state had applied, at least, when the apply thread was asked for the copy that it makes; null: it makes none. */
  #askedAtIndex: number | null = null;
  #waiting: Waiting[] = [];
  /** Oldest first. */
  readonly #kept = new Set<Kept>();
  #closed = false;

  constructor(options: SpoolShelfOptions) {
    this.#options = options;
  }

  /**
   * A copy of a state that has applied `indexMin` at least: the one of which the member has a part, else the newest that is there, else a new one. Rejects
   * with why there is none; at once, and without a copy, when the state has not applied so much.
   */
  async borrow(by: MemberId, indexMin: number): Promise<Spool> {
    if (this.#closed) throw new Error('this member is stopping');
    const appliedIndex = this.#options.appliedIndex();
    if (appliedIndex < indexMin)
      throw new Error(`the state here has applied index ${appliedIndex}, and one of ${indexMin} at least is needed`);
    const sufficient = [...this.#kept].filter(({ index }) => index >= indexMin);
    const there = sufficient.find(({ parts }) => parts.has(by)) ?? sufficient.at(-1);
    if (there !== undefined) return this.#lend(there, by);
    const { promise, resolve, reject } = Promise.withResolvers<Spool>();
    this.#waiting.push({ by, indexMin, resolve, reject });
    if (this.#askedAtIndex === null) this.#ask();
    return promise;
  }

  /** The apply thread has made a copy, or has not. */
  async made(message: Extract<ApplyToConsensus, { readonly kind: 'spooled' | 'spool-failed' }>): Promise<void> {
    if (message.kind === 'spool-failed') return this.#notMade(new Error(`the state could not be copied: ${message.problem}`));
    const { path, index, term } = message;
    let file: SpoolReader;
    try {
      file = await SpoolReader.open(path);
    } catch (error) {
      rmSync(path, { force: true });
      return this.#notMade(error as Error);
    }
    const kept: Kept = { id: new Uint8Array(randomBytes(16)), file, index, term, path, readers: 0, parts: new Map() };
    if (this.#closed) return this.#remove(kept);
    assert(this.#askedAtIndex !== null && index >= this.#askedAtIndex, 'a copy holds what was applied before it was asked for');
    this.#askedAtIndex = null;
    this.#kept.add(kept);
    // All become its readers in this very turn, so that it does not go before one of them has seen it.
    for (const { by, indexMin, resolve } of this.#waiting) if (index >= indexMin) resolve(this.#lend(kept, by));
    // The others came while it was made, and what they need was applied behind it.
    this.#waiting = this.#waiting.filter(({ indexMin }) => indexMin > index);
    this.#removeIfUnneeded(kept);
    if (this.#waiting.length > 0) this.#ask();
    return undefined;
  }

  close(): void {
    this.#closed = true;
    this.#notMade(new Error('this member is stopping'));
    for (const kept of this.#kept) this.#remove(kept);
  }

  #lend(kept: Kept, by: MemberId): Spool {
    kept.readers++;
    // What it had a part of it goes on with, or needs no more.
    for (const each of this.#kept) this.#letGo(each, by);
    const { id, file, index, term } = kept;
    return { id, file, index, term, giveBack: (taken) => this.#giveBack(kept, by, taken) };
  }

  #giveBack(kept: Kept, by: MemberId, taken: boolean): void {
    kept.readers--;
    if (this.#closed) return;
    if (taken) return this.#letGo(kept, by);
    clearTimeout(kept.parts.get(by));
    const timer = setTimeout(() => this.#letGo(kept, by), this.#options.keepMs ?? keepMsDefault);
    kept.parts.set(by, timer);
    return undefined;
  }

  #ask(): void {
    this.#askedAtIndex = this.#options.appliedIndex();
    this.#options.order({ kind: 'spool' });
  }

  #notMade(error: Error): void {
    this.#askedAtIndex = null;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** The member does not come back for the rest of this copy. */
  #letGo(kept: Kept, by: MemberId): void {
    clearTimeout(kept.parts.get(by));
    kept.parts.delete(by);
    this.#removeIfUnneeded(kept);
  }

  #removeIfUnneeded(kept: Kept): void {
    if (kept.readers === 0 && kept.parts.size === 0) this.#remove(kept);
  }

  #remove(kept: Kept): void {
    for (const timer of kept.parts.values()) clearTimeout(timer);
    this.#kept.delete(kept);
    void kept.file.close();
    rmSync(kept.path, { force: true });
  }
}
