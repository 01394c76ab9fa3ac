/**
 * The tables of the state machine: ordered maps from byte strings to byte strings. What each holds is described where it
 * is written; architecture and formats are in docs/ARCHITECTURE.md.
 */
export const tableNames = ['environments', 'changes', 'mirrors', 'outbox', 'deliveries', 'sessions', 'meta'] as const;

export type TableName = (typeof tableNames)[number];

/** One row. Both arrays belong to the reader: nothing overwrites them later. */
export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Which rows, and in which direction. Keys are compared byte by byte, unsigned. */
export interface RowRange {
  /** The lowest key that is wanted. Defaults to the first of the table. */
  readonly from?: Uint8Array;
  /** The lowest key that is no longer wanted. Defaults to none: to the end of the table. */
  readonly to?: Uint8Array;
  /** Descending: begins with the highest key below `to`. Defaults to false. */
  readonly reverse?: boolean;
  /** The most rows that are read. Every reader states one: an unbounded cursor pins pages of the store. */
  readonly limit: number;
}

/** One consistent view of all tables: every read through one instance sees the same transaction. */
export interface ReadTables {
  /** The value of a key, or undefined. The array belongs to the caller. */
  get(table: TableName, key: Uint8Array): Uint8Array | undefined;
  /** The rows of a range in key order, read at once (at most `limit`). */
  range(table: TableName, range: RowRange): Row[];
}

/** The one transaction that writes. It reads what it wrote. A key holds at most 1,024 bytes. */
export interface Tables extends ReadTables {
  put(table: TableName, key: Uint8Array, value: Uint8Array): void;
  remove(table: TableName, key: Uint8Array): void;
}
