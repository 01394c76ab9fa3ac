import { type ByteReader, type ByteWriter, equalBytes } from '@env-cli/support';
import type { ReadTables } from '@env-cli/keyspace';

/** Where in the log a state stands. The store keeps it and compares it; what it means is the caller's. */
export interface StorePosition {
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly revision: number;
  /** At most 64 KiB. */
  readonly stateHashes: Uint8Array;
}

/**
 * Reads the position from the tables themselves, from the rows that the transaction which applied wrote. Tables without
 * any row answer the position before everything: zeros.
 */
export type ReadPosition = (tables: ReadTables) => StorePosition;

export function writePosition(writer: ByteWriter, position: StorePosition): ByteWriter {
  return writer.u64(position.appliedIndex).u64(position.appliedTerm).u64(position.revision).bytes(position.stateHashes);
}

export function readPositionBytes(reader: ByteReader): StorePosition {
  return { appliedIndex: reader.u64(), appliedTerm: reader.u64(), revision: reader.u64(), stateHashes: reader.bytes().slice() };
}

export function samePosition(a: StorePosition, b: StorePosition): boolean {
  return (
    a.appliedIndex === b.appliedIndex &&
    a.appliedTerm === b.appliedTerm &&
    a.revision === b.revision &&
    equalBytes(a.stateHashes, b.stateHashes)
  );
}

export function positionText(position: StorePosition): string {
  return `index ${position.appliedIndex} of term ${position.appliedTerm}, revision ${position.revision}`;
}
