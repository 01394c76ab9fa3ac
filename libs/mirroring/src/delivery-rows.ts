import type { CachedTable, ReadTables, Revision } from '@env-cli/keyspace';
import { bytesOfBinaryText } from '@env-cli/keyspace';
import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

import { environmentOfKey, mirrorEnvironmentKey, rowsBehind } from './mirror-keys.ts';

/** What the target holds of an environment, as its worker last reported. */
export interface Delivered {
  readonly revision: Revision;
  /** The cluster's time for people at the report. */
  readonly timeMs: number;
  /** A hash of what the target holds. */
  readonly contentHash: Uint8Array;
  /** The store's own version of it, UTF-8; may be empty. */
  readonly remoteVersion: Uint8Array;
  /** Status of single variables, as `encodeStatus` writes it; empty when all of them are in place. */
  readonly detail: Uint8Array;
}

/** Why a revision is not there: a dead letter. */
export interface Failed {
  readonly revision: Revision;
  readonly timeMs: number;
  /** In one word, for lists. */
  readonly status: string;
  /** As `encodeStatus` writes it. */
  readonly detail: Uint8Array;
}

/** A row of `deliveries`. At least one of the two is there. */
export interface DeliveryRow {
  /** Null: nothing was ever delivered. */
  readonly delivered: Delivered | null;
  /** Null: nothing failed since. */
  readonly failed: Failed | null;
}

/** A row with the environment that it is of. */
export interface EnvironmentDelivery extends DeliveryRow {
  readonly environment: string;
}

const format = 1;
const deliveredFlag = 0x01;
const failedFlag = 0x02;

/** Format, what is there (1 delivered, 2 failed), then these. */
function encodeDelivery({ delivered, failed }: DeliveryRow): Uint8Array {
  const writer = new ByteWriter(128).u8(format).u8((delivered === null ? 0 : deliveredFlag) | (failed === null ? 0 : failedFlag));
  if (delivered !== null) {
    writer
      .varint(delivered.revision)
      .varint(delivered.timeMs)
      .bytes(delivered.contentHash)
      .bytes(delivered.remoteVersion)
      .bytes(delivered.detail);
  }
  if (failed !== null) writer.varint(failed.revision).varint(failed.timeMs).text(failed.status).bytes(failed.detail);
  return writer.take();
}

function decodeDelivery(bytes: Uint8Array): DeliveryRow {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw new MalformedBytes('a delivery of an unknown format');
  const flags = reader.u8();
  const row = {
    delivered: (flags & deliveredFlag) === 0 ? null : readDelivered(reader),
    failed: (flags & failedFlag) === 0 ? null : readFailed(reader),
  };
  reader.end();
  return row;
}

function readDelivered(reader: ByteReader): Delivered {
  return {
    revision: reader.varint() as Revision,
    timeMs: reader.varint(),
    contentHash: reader.bytes(),
    remoteVersion: reader.bytes(),
    detail: reader.bytes(),
  };
}

function readFailed(reader: ByteReader): Failed {
  return { revision: reader.varint() as Revision, timeMs: reader.varint(), status: reader.text(), detail: reader.bytes() };
}

/** What was delivered, as a transaction sees it. */
export class DeliveryRows {
  readonly #table: CachedTable;

  constructor(table: CachedTable) {
    this.#table = table;
  }

  get(mirror: number, environment: string): DeliveryRow | null {
    const bytes = this.#table.get(mirrorEnvironmentKey(mirror, environment));
    return bytes === undefined ? null : decodeDelivery(bytes);
  }

  put(mirror: number, environment: string, row: DeliveryRow): void {
    this.#table.put(mirrorEnvironmentKey(mirror, environment), encodeDelivery(row));
  }

  remove(mirror: number, environment: string): void {
    this.#table.remove(mirrorEnvironmentKey(mirror, environment));
  }
}

/** One row, or null when nothing was ever reported of the environment, or it was withdrawn. */
export function readDelivery(tables: ReadTables, mirror: number, environment: string): DeliveryRow | null {
  const bytes = tables.get('deliveries', bytesOfBinaryText(mirrorEnvironmentKey(mirror, environment)));
  return bytes === undefined ? null : decodeDelivery(bytes);
}

/** Rows of a mirror in the order of names, behind `after` (empty: from the first), at most `limit`. */
export function readDeliveries(tables: ReadTables, mirror: number, after: string, limit: number): EnvironmentDelivery[] {
  return tables
    .range('deliveries', { ...rowsBehind(mirror, after), limit })
    .map(({ key, value }) => ({ environment: environmentOfKey(key), ...decodeDelivery(value) }));
}
