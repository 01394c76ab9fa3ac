import { metaKeys, type ReadTables } from '@env-cli/keyspace';
import { ByteReader, ByteWriter } from '@env-cli/support';

import { defaultLimits, type Limits } from './limits.ts';
import { NotUnderstood } from './not-understood.ts';

/** The order of the limits in their bytes: that of their declaration. New ones go to the end. */
const limitNames = Object.keys(defaultLimits) as (keyof Limits)[];

/** Their number, then each as a varint. */
export function writeLimits(writer: ByteWriter, limits: Limits): void {
  writer.varint(limitNames.length);
  for (const name of limitNames) writer.varint(limits[name]);
}

/** Reads what {@link writeLimits} wrote, perhaps by an earlier version: limits that it did not know have their defaults. */
export function readLimits(reader: ByteReader): Limits {
  const count = reader.varint();
  if (count > limitNames.length) throw new NotUnderstood('limits', count, limitNames.length);
  const limits: Record<keyof Limits, number> = { ...defaultLimits };
  for (const name of limitNames.slice(0, count)) limits[name] = reader.varint();
  return limits;
}

/** The row `limits` of `meta`. */
export function encodeLimitsRow(limits: Limits): Uint8Array {
  const writer = new ByteWriter(128);
  writeLimits(writer, limits);
  return writer.take();
}

/** The limits that the cluster obeys: the defaults before `bootstrap`. */
export function limitsOf(tables: ReadTables): Limits {
  const bytes = tables.get('meta', metaKeys.limits);
  return bytes === undefined ? defaultLimits : readLimits(new ByteReader(bytes));
}
