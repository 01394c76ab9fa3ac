import type { CachedTable, ReadTables, Revision } from '@env-cli/keyspace';
import { bytesOfBinaryText } from '@env-cli/keyspace';
import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

import { environmentOfKey, mirrorEnvironmentKey, rowsBehind } from './mirror-keys.ts';

const outboxKinds = ['deliver', 'withdraw'] as const;

export type OutboxKind = (typeof outboxKinds)[number];

/** What is still to be done for one environment of one mirror: the newest only. A newer change overwrites the row. */
export interface OutboxRow {
  readonly kind: OutboxKind;
  /** The newest revision that the target does not hold yet, or at which the environment left the mirror. */
  readonly revision: Revision;
  /** The oldest revision that the target does not hold yet. */
  readonly firstRevision: Revision;
  /** Since when something is to be done: the cluster's time for people, of the oldest revision. */
  readonly sinceMs: number;
  /**
   * The log index of the entry that wrote the row. A report carries the one that its worker read: a row that was written again
   * since (for another revision, or for another definition of the mirror) is not what was done, and stays.
   */
  readonly enqueuedIndex: number;
}

/** A row with the environment that it is for. */
export interface DueEnvironment extends OutboxRow {
  readonly environment: string;
}

const format = 1;
const writer = new ByteWriter(32);

/** The bytes of a row of `outbox`: format, kind, revision, distance down to the first revision, since when, index. */
function encodeOutboxRow(row: OutboxRow): Uint8Array {
  return writer
    .u8(format)
    .u8(outboxKinds.indexOf(row.kind))
    .varint(row.revision)
    .varint(row.revision - row.firstRevision)
    .varint(row.sinceMs)
    .varint(row.enqueuedIndex)
    .take();
}

function decodeOutboxRow(bytes: Uint8Array): OutboxRow {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw new MalformedBytes('an outbox row of an unknown format');
  const kind = outboxKinds[reader.u8()];
  if (kind === undefined) throw new MalformedBytes('an outbox row of an unknown kind');
  const revision = reader.varint();
  const row = {
    kind,
    revision: revision as Revision,
    firstRevision: (revision - reader.varint()) as Revision,
    sinceMs: reader.varint(),
    enqueuedIndex: reader.varint(),
  };
  reader.end();
  return row;
}

/** The outbox as a transaction sees it. */
export class OutboxRows {
  readonly #table: CachedTable;

  constructor(table: CachedTable) {
    this.#table = table;
  }

  get(mirror: number, environment: string): OutboxRow | null {
    const bytes = this.#table.get(mirrorEnvironmentKey(mirror, environment));
    return bytes === undefined ? null : decodeOutboxRow(bytes);
  }

  /** Says what is to be done. Answers whether there was no row for it before. */
  put(
    mirror: number,
    environment: string,
    due: { readonly kind: OutboxKind; readonly revision: Revision; readonly timeMs: number; readonly index: number },
  ): boolean {
    const before = this.get(mirror, environment);
    const row = {
      kind: due.kind,
      revision: due.revision,
      firstRevision: before === null || before.firstRevision > due.revision ? due.revision : before.firstRevision,
      sinceMs: before?.sinceMs ?? due.timeMs,
      enqueuedIndex: due.index,
    };
    this.#table.put(mirrorEnvironmentKey(mirror, environment), encodeOutboxRow(row));
    return before === null;
  }

  remove(mirror: number, environment: string): void {
    this.#table.remove(mirrorEnvironmentKey(mirror, environment));
  }
}

/** One row, or null when nothing is to be done. */
export function readOutboxRow(tables: ReadTables, mirror: number, environment: string): OutboxRow | null {
  const bytes = tables.get('outbox', bytesOfBinaryText(mirrorEnvironmentKey(mirror, environment)));
  return bytes === undefined ? null : decodeOutboxRow(bytes);
}

/** Rows of a mirror in the order of names, behind `after` (empty: from the first), at most `limit`. */
export function readOutbox(tables: ReadTables, mirror: number, after: string, limit: number): DueEnvironment[] {
  return tables
    .range('outbox', { ...rowsBehind(mirror, after), limit })
    .map(({ key, value }) => ({ environment: environmentOfKey(key), ...decodeOutboxRow(value) }));
}
