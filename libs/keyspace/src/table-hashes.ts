import { ByteReader, ByteWriter } from '@env-cli/support';

import { hashRow } from './row-hash.ts';
import { type TableName, tableNames } from './tables.ts';

/** The tables that are hashed row by row: all but `meta`, which holds the hashes, and is folded into the chain instead. */
export const hashedTableNames = tableNames.filter((name) => name !== 'meta');

/**
 * The sum over the rows of each table of their hashes, lane by lane modulo 2^32. A sum does not depend on the order in which
 * rows came and went, so it follows from the rows alone, and a row that changes costs two hashes.
 */
export class TableHashes {
  readonly #lanes: Int32Array;

  constructor(lanes: Int32Array = new Int32Array(hashedTableNames.length * 2)) {
    this.#lanes = lanes;
  }

  add(table: TableName, key: Uint8Array, value: Uint8Array): void {
    const at = laneOf[table];
    const { low, high } = hashRow(key, value);
    this.#lanes[at] = (this.#lanes[at]! + low) | 0;
    this.#lanes[at + 1] = (this.#lanes[at + 1]! + high) | 0;
  }

  subtract(table: TableName, key: Uint8Array, value: Uint8Array): void {
    const at = laneOf[table];
    const { low, high } = hashRow(key, value);
    this.#lanes[at] = (this.#lanes[at]! - low) | 0;
    this.#lanes[at + 1] = (this.#lanes[at + 1]! - high) | 0;
  }

  /** The tables of which the other has another hash. */
  differences(other: TableHashes): TableName[] {
    return hashedTableNames.filter((name) => this.low(name) !== other.low(name) || this.high(name) !== other.high(name));
  }

  /** Both sums together, as one over the rows of both. */
  plus(other: TableHashes): TableHashes {
    return new TableHashes(this.#lanes.map((lane, at) => (lane + other.#lanes[at]!) | 0));
  }

  low(table: TableName): number {
    return this.#lanes[laneOf[table]]!;
  }

  high(table: TableName): number {
    return this.#lanes[laneOf[table] + 1]!;
  }

  /** 8 bytes a table, in the order of {@link hashedTableNames}. */
  encode(writer: ByteWriter): void {
    for (const lane of this.#lanes) writer.u32(lane >>> 0);
  }

  static decode(reader: ByteReader): TableHashes {
    const lanes = new Int32Array(hashedTableNames.length * 2);
    for (let i = 0; i < lanes.length; i++) lanes[i] = reader.u32();
    return new TableHashes(lanes);
  }
}

const laneOf = Object.fromEntries(hashedTableNames.map((name, i) => [name, i * 2])) as Record<TableName, number>;
