import { ByteReader, ByteWriter } from '@env-cli/support';

import type { EntryData } from './entry.ts';
import { NotUnderstood } from './not-understood.ts';

const format = 1;

/** The data of a command entry, format 1: format u8, stamp u64, delta varint, count varint, then each command with its length. */
export function encodeEntryData(entry: EntryData): Uint8Array {
  let capacity = 32;
  for (const command of entry.commands) capacity += command.length + 4;
  const writer = new ByteWriter(capacity).u8(format).u64(entry.stampMs).varint(entry.deltaMs).varint(entry.commands.length);
  for (const command of entry.commands) writer.bytes(command);
  // Not a copy: the writer has room for just this, and goes.
  return writer.cut();
}

/** Reads what {@link encodeEntryData} wrote; the commands are views on it. Throws {@link NotUnderstood} or `MalformedBytes`. */
export function decodeEntryData(data: Uint8Array): EntryData {
  const reader = new ByteReader(data);
  const found = reader.u8();
  if (found !== format) throw new NotUnderstood('entry', found, format);
  const stampMs = reader.u64();
  const deltaMs = reader.varint();
  const commands: Uint8Array[] = [];
  for (let left = reader.varint(); left > 0; left--) commands.push(reader.bytes());
  reader.end();
  return { stampMs, deltaMs, commands };
}
