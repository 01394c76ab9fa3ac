import { ByteReader, type ByteWriter, MalformedBytes } from '@env-cli/support';

import { KeptResults } from './kept-results.ts';

const format = 1;

/** A client's session. Its key is the 16 bytes that opened it. */
export interface Session {
  /** Who opened it, and alone may use it. */
  readonly principal: string;
  /** The cluster time of its last use. */
  lastUsedMs: number;
  /** The lowest sequence whose answer the client may still ask for. */
  firstIncomplete: number;
  readonly results: KeptResults;
}

/** The bytes of a row of `sessions`. */
export function encodeSession(writer: ByteWriter, session: Session): Uint8Array {
  writer.u8(format).text(session.principal).varint(session.lastUsedMs).varint(session.firstIncomplete);
  session.results.encode(writer);
  return writer.take();
}

/** Reads what {@link encodeSession} wrote. */
export function decodeSession(bytes: Uint8Array): Session {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw new MalformedBytes('a session of an unknown format');
  const session = {
    principal: reader.text(),
    lastUsedMs: reader.varint(),
    firstIncomplete: reader.varint(),
    results: KeptResults.decode(reader),
  };
  reader.end();
  return session;
}
