import type { Standing } from '@env-cli/replica';
import type { ByteReader, ByteWriter } from '@env-cli/support';

export function writeStanding(writer: ByteWriter, { term, votedFor, entryTerm, entryIndex }: Standing): ByteWriter {
  return writer.u64(term).u32(votedFor).u64(entryTerm).u64(entryIndex);
}

export function readStanding(reader: ByteReader): Standing {
  return { term: reader.u64(), votedFor: reader.u32(), entryTerm: reader.u64(), entryIndex: reader.u64() };
}
