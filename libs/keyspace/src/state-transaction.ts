import { assert, ByteWriter } from '@env-cli/support';

import { CachedTable } from './cached-table.ts';
import { appendChange, changesPerRevisionMax } from './change-log.ts';
import { sweepChanges } from './compaction.ts';
import { EnvironmentDraft, type NetChange, type WriteStamp } from './environment-draft.ts';
import { EnvironmentRows } from './environment-rows.ts';
import { HashedTables } from './hashed-tables.ts';
import { metaKeys, readHashes, writeHashes } from './meta.ts';
import { encodeProgress, type Progress, sizeUnknown } from './progress.ts';
import { finish as finishLane, hashRow } from './row-hash.ts';
import { type SessionCache, Sessions } from './sessions.ts';
import { countSize } from './state-size.ts';
import type { ReadTables, Tables } from './tables.ts';

const { imul } = Math;

type MetaRow = Exclude<keyof typeof metaKeys, 'progress' | 'hashes'>;

/**
 * The tables as one transaction of apply changes them: everything that it reads is kept, everything that it changes is
 * written at the end, and the rows that come out are those of the entries alone, wherever transactions begin and end.
 */
export class StateTransaction {
  readonly progress: Progress;
  readonly environments: EnvironmentRows;
  readonly sessions: Sessions;
  readonly mirrors: CachedTable;
  readonly outbox: CachedTable;
  readonly deliveries: CachedTable;
  /** Members, or what the cluster is and speaks, are others than before the transaction. */
  clusterChanged = false;
  readonly #tables: Tables;
  readonly #hashed: HashedTables;

  /**
   * `progress` is what `readProgress` says of the tables. `sessionCache` holds sessions of earlier transactions on the same
   * tables; nobody else may have written to them since.
   */
  constructor(tables: Tables, progress: Progress, sessionCache: SessionCache) {
    this.#tables = tables;
    this.progress = progress;
    if (progress.stateBytes === sizeUnknown) progress.stateBytes = countSize(tables);
    this.#hashed = new HashedTables(tables, readHashes(tables));
    this.environments = new EnvironmentRows(this.#hashed, progress);
    this.mirrors = new CachedTable(this.#hashed, 'mirrors', progress);
    this.outbox = new CachedTable(this.#hashed, 'outbox', progress);
    this.deliveries = new CachedTable(this.#hashed, 'deliveries', progress);
    this.sessions = new Sessions(this.#hashed, this.progress, sessionCache);
  }

  /** The tables for reading a range. What the caches still hold of it must be flushed before. */
  get tables(): ReadTables {
    return this.#hashed;
  }

  /** An environment as a write begins to change it. */
  draft(namespace: string, name: string, stamp: WriteStamp): EnvironmentDraft {
    return new EnvironmentDraft(namespace, name, this.environments.get(namespace, name), stamp);
  }

  /** Takes the next revision for the changes of one write. */
  commit(changes: readonly { readonly draft: EnvironmentDraft; readonly net: NetChange }[]): void {
    assert(changes.length > 0 && changes.length <= changesPerRevisionMax, 'a revision changes at least one environment');
    const revision = (this.progress.revision + 1) as Progress['revision'];
    changes.forEach(({ draft, net }, ordinal) => {
      assert(net.parts.head.modifyRevision === revision, 'a change carries the revision that it takes');
      const bytes = appendChange(this.#hashed, this.environments, draft.row, net, { revision, ordinal });
      this.progress.stateBytes += bytes;
    });
    this.progress.revision = revision;
  }

  /** Deletes what lies below the floor, at most `rowsMax` rows; answers how many. */
  sweepChanges(rowsMax: number): number {
    return sweepChanges(this.#hashed, this.environments, this.progress, rowsMax);
  }

  /** Writes a row of `meta` and takes it into the chain. */
  putMeta(row: MetaRow, value: Uint8Array): void {
    this.clusterChanged ||= row === 'members' || row === 'cluster';
    this.#tables.put('meta', metaKeys[row], value);
    const { low, high } = hashRow(metaKeys[row], value);
    this.#link(low);
    this.#link(high);
  }

  /** Ends an entry: it is applied, and the chain has one more link. */
  endEntry(index: number, term: number): void {
    const { progress } = this;
    assert(index === progress.appliedIndex + 1, 'entries are applied one after the other');
    progress.appliedIndex = index;
    progress.appliedTerm = term;
    const { hashes } = this.#hashed;
    const { revision, floor, peopleTimeMs, clusterTimeMs, stateBytes } = progress;
    for (const integer of [index, term, revision, floor, peopleTimeMs, clusterTimeMs, stateBytes]) {
      this.#link(integer | 0);
      this.#link(Math.floor(integer / 0x1_0000_0000));
    }
    this.#link(hashes.low('changes'));
    this.#link(hashes.high('changes'));
  }

  /** Writes all rows that the caches hold, so that ranges can be read and hashes taken. */
  flush(): void {
    this.environments.flush();
    this.mirrors.flush();
    this.outbox.flush();
    this.deliveries.flush();
    this.sessions.flush();
  }

  /** The hashes right now: 8 bytes a table, then 8 of the chain. */
  hashes(): Uint8Array {
    this.flush();
    const writer = new ByteWriter(64);
    this.#hashed.hashes.encode(writer);
    return writer
      .u32(this.progress.chainLow >>> 0)
      .u32(this.progress.chainHigh >>> 0)
      .take();
  }

  /** Writes everything; the tables are then those of the last entry. */
  finish(): void {
    this.flush();
    this.#tables.put('meta', metaKeys.progress, encodeProgress(new ByteWriter(128), this.progress));
    writeHashes(this.#tables, this.#hashed.hashes);
  }

  #link(word: number): void {
    const { progress } = this;
    const low = imul(progress.chainLow ^ word, 0xcc9e2d51);
    progress.chainLow = (low << 15) | (low >>> 17);
    progress.chainHigh = finishLane((progress.chainHigh + progress.chainLow) | 0);
  }
}
