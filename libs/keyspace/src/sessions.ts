import { ByteWriter, equalBytes } from '@env-cli/support';

import { binaryText } from './binary-text.ts';
import type { HashedTables } from './hashed-tables.ts';
import { KeptResults, type KeptResult } from './kept-results.ts';
import { keyAfter } from './keys.ts';
import type { Progress } from './progress.ts';
import { decodeSession, encodeSession, type Session } from './session-row.ts';

/** The bytes that name a session. */
export const sessionIdBytes = 16;

/** Bounds of sessions; they are part of the replicated state. */
export interface SessionLimits {
  /** Sessions that are open at once. */
  readonly sessionsMax: number;
  /** Results that a session keeps. */
  readonly sessionResultsMax: number;
  /** Cluster time after the last use at which a session ends. */
  readonly sessionTtlMs: number;
}

/** A session that is in memory: what it is now, and what its row holds. */
interface LoadedSession {
  readonly key: Uint8Array;
  readonly session: Session;
  stored: Uint8Array;
}

/** Sessions that stay decoded from one transaction to the next. */
export type SessionCache = Map<string, LoadedSession>;

/** Sessions that stay decoded between transactions, at most. */
const cachedSessionsMax = 1024;

/** Sessions whose keys are remembered within a transaction: a few clients make most of its writes. */
const recentKeysMax = 4;

/** What becomes of a command by its place in a session. Only `fresh` is to be executed, and then its result recorded. */
export type SessionVerdict =
  | { readonly kind: 'fresh'; readonly record: (result: KeptResult) => void }
  | { readonly kind: 'replay'; readonly result: KeptResult }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'forgotten'; readonly firstIncomplete: number }
  | { readonly kind: 'full' };

/** Cluster time between two looks at sessions that may have expired. */
const sweepIntervalMs = 100;

/**
 * The sessions of a transaction.
 *
 * A session's row is written when it is opened or ended, at once, so that the sweep sees the same rows on every member, and
 * once at the end of the transaction for all of its uses.
 */
export class Sessions {
  readonly #tables: HashedTables;
  readonly #progress: Progress;
  readonly #cache: SessionCache;
  readonly #used = new Set<string>();
  readonly #writer = new ByteWriter(256);
  readonly #recentKeys: (readonly [id: Uint8Array, key: string])[] = [];

  constructor(tables: HashedTables, progress: Progress, cache: SessionCache) {
    this.#tables = tables;
    this.#progress = progress;
    this.#cache = cache;
  }

  /** Opens a session, or says that this principal has it open already, or why not. */
  open(id: Uint8Array, principal: string, limits: SessionLimits): 'opened' | 'open' | 'taken' | 'too-many' {
    const key = this.#keyOf(id);
    const loaded = this.#load(key, id, limits);
    if (loaded !== null) {
      if (loaded.session.principal !== principal) return 'taken';
      this.#touch(key, loaded);
      return 'open';
    }
    if (this.#progress.sessionCount >= limits.sessionsMax) return 'too-many';
    const session = { principal, lastUsedMs: this.#progress.clusterTimeMs, firstIncomplete: 1, results: new KeptResults() };
    const stored = encodeSession(this.#writer, session);
    const own = id.slice();
    this.#tables.put('sessions', own, stored, undefined);
    this.#cache.set(key, { key: own, session, stored });
    this.#progress.sessionCount++;
    return 'opened';
  }

  /** Keeps a session alive. False when there is none of this principal. */
  keep(id: Uint8Array, principal: string, limits: SessionLimits): boolean {
    const key = this.#keyOf(id);
    const loaded = this.#load(key, id, limits);
    if (loaded === null || loaded.session.principal !== principal) return false;
    this.#touch(key, loaded);
    return true;
  }

  /** Ends a session. False when there is none of this principal. */
  close(id: Uint8Array, principal: string, limits: SessionLimits): boolean {
    const key = this.#keyOf(id);
    const loaded = this.#load(key, id, limits);
    if (loaded === null || loaded.session.principal !== principal) return false;
    this.#end(key, loaded);
    return true;
  }

  /** Decides what becomes of a command. */
  use(
    place: { readonly session: Uint8Array; readonly sequence: number; readonly firstIncomplete: number },
    principal: string,
    limits: SessionLimits,
  ): SessionVerdict {
    const key = this.#keyOf(place.session);
    const loaded = this.#load(key, place.session, limits);
    if (loaded === null || loaded.session.principal !== principal) return { kind: 'unknown' };
    this.#touch(key, loaded);
    const { session } = loaded;
    const { results } = session;
    if (place.firstIncomplete > session.firstIncomplete) {
      session.firstIncomplete = place.firstIncomplete;
      results.dropBelow(place.firstIncomplete);
    }
    if (place.sequence < session.firstIncomplete) return { kind: 'forgotten', firstIncomplete: session.firstIncomplete };
    const kept = results.get(place.sequence);
    if (kept !== null) return { kind: 'replay', result: kept };
    if (results.size >= limits.sessionResultsMax) return { kind: 'full' };
    return { kind: 'fresh', record: (result) => results.add(place.sequence, result) };
  }

  /**
   * Looks at the next few sessions, if that is due, and ends those that expired. Answers how many rows it looked at and
   * removed, at most `rowsMax`.
   */
  sweep(rowsMax: number, limits: SessionLimits): number {
    const progress = this.#progress;
    if (progress.sessionCount === 0 || progress.clusterTimeMs < progress.sessionSweepDueMs) return 0;
    progress.sessionSweepDueMs = progress.clusterTimeMs + sweepIntervalMs;
    const sessionsMax = Math.floor(rowsMax / 2);
    const found = this.#tables.range('sessions', { from: keyAfter(progress.sessionSweepAfter), limit: sessionsMax });
    let work = found.length;
    for (const { key, value } of found) {
      const text = binaryText(key);
      // What is in memory is newer than the row.
      const loaded = this.#cache.get(text) ?? { key, session: decodeSession(value), stored: value };
      if (!this.#isExpired(loaded.session, limits)) continue;
      this.#end(text, loaded);
      work++;
    }
    progress.sessionSweepAfter = found.length < sessionsMax ? new Uint8Array(0) : found.at(-1)!.key;
    return work;
  }

  /** Writes the sessions that were used. */
  flush(): void {
    for (const key of [...this.#used].toSorted()) {
      const loaded = this.#cache.get(key)!;
      const value = encodeSession(this.#writer, loaded.session);
      this.#tables.put('sessions', loaded.key, value, loaded.stored);
      loaded.stored = value;
    }
    this.#used.clear();
    if (this.#cache.size > cachedSessionsMax) this.#cache.clear();
  }

  /** The text by which a session is found. Those that are used write after write have theirs already. */
  #keyOf(id: Uint8Array): string {
    for (const [recent, key] of this.#recentKeys) if (equalBytes(recent, id)) return key;
    const key = binaryText(id);
    if (this.#recentKeys.length >= recentKeysMax) this.#recentKeys.shift();
    this.#recentKeys.push([id.slice(), key]);
    return key;
  }

  #load(key: string, id: Uint8Array, limits: SessionLimits): LoadedSession | null {
    let loaded = this.#cache.get(key) ?? null;
    if (loaded === null) {
      const stored = this.#tables.get('sessions', id);
      if (stored === undefined) return null;
      loaded = { key: id.slice(), session: decodeSession(stored), stored };
      this.#cache.set(key, loaded);
    }
    if (!this.#isExpired(loaded.session, limits)) return loaded;
    this.#end(key, loaded);
    return null;
  }

  #isExpired(session: Session, limits: SessionLimits): boolean {
    return this.#progress.clusterTimeMs - session.lastUsedMs > limits.sessionTtlMs;
  }

  #touch(key: string, loaded: LoadedSession): void {
    loaded.session.lastUsedMs = this.#progress.clusterTimeMs;
    this.#used.add(key);
  }

  #end(key: string, loaded: LoadedSession): void {
    this.#tables.remove('sessions', loaded.key, loaded.stored);
    this.#cache.delete(key);
    this.#used.delete(key);
    this.#progress.sessionCount--;
  }
}
