import { crc32 } from 'node:zlib';

import { ByteReader, ByteWriter, equalBytes, MalformedBytes } from '@env-cli/support';

import { Refused, type TokenKind } from '../errors/refused.ts';

/** The cluster in whose name a token is made: tokens of others, and of before a restore, are told from its own. */
export interface TokenIssuer {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly epoch: number;
}

/** Changes whenever the bytes of any token do. */
const formatVersion = 1;
const kinds: readonly TokenKind[] = ['read token', 'page token', 'resume token'];
const checkBytes = 4;
/** No token is longer: a longer text is refused before anything is made of it. */
const textCharactersMax = 2_048;

/**
 * A token as text: format, kind, cluster, epoch, what `write` adds, and a check value, in URL-safe base64.
 *
 * The check tells a token that was cut or mistyped from one of ours. It is no signature: a token grants nothing.
 */
export function sealToken(kind: TokenKind, issuer: TokenIssuer, write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(64).u8(formatVersion).u8(kinds.indexOf(kind)).raw(issuer.clusterId).varint(issuer.epoch);
  write(writer);
  const body = writer.take();
  return Buffer.from(writer.raw(body).u32(crc32(body)).take()).toString('base64url');
}

/** Reads a token of ours; refuses what is malformed, of another kind, of another cluster or of another epoch. */
export function openToken<T>(
  kind: TokenKind,
  issuer: TokenIssuer,
  text: string,
  field: string,
  read: (reader: ByteReader) => T,
): T {
  const malformed = new Refused({ code: 'token-malformed', token: kind, field });
  if (text.length > textCharactersMax) throw malformed;
  const bytes = Buffer.from(text, 'base64url');
  // Node skips what is no base64url; a token has one spelling.
  if (bytes.length <= checkBytes || bytes.toString('base64url') !== text) throw malformed;
  const body = bytes.subarray(0, -checkBytes);
  if (crc32(body) !== bytes.readUInt32BE(body.length)) throw malformed;
  try {
    const reader = new ByteReader(body);
    if (reader.u8() !== formatVersion) throw malformed;
    const found = kinds[reader.u8()];
    if (found !== kind)
      throw new Refused({ code: 'token-mismatch', token: kind, field, problem: `is a ${found ?? 'token of another kind'}` });
    if (!equalBytes(reader.raw(issuer.clusterId.length), issuer.clusterId))
      throw new Refused({ code: 'token-foreign', token: kind, field });
    const epoch = reader.varint();
    if (epoch !== issuer.epoch) throw new Refused({ code: 'epoch-changed', token: kind, epoch, current: issuer.epoch });
    const content = read(reader);
    reader.end();
    return content;
  } catch (error) {
    if (error instanceof MalformedBytes) throw malformed;
    throw error;
  }
}
