import { sessionIdBytes } from '@env-cli/keyspace';
import { assert, ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

import { readBody, writeBody } from './body-codec.ts';
import type { Command, RequestId, SessionUse } from './command.ts';
import { commandLevel, featureLevelMax } from './levels.ts';
import { NotUnderstood } from './not-understood.ts';

const format = 1;

/**
 * A command's bytes, format 1: format u8, level, group, request id (member u32, start nonce u32, counter u48), namespace, principal,
 * authorisation revision, session (0, or 1 with 16 bytes, sequence and first incomplete), reason, kind of the body u8, body.
 */
export function encodeCommand(command: Command): Uint8Array {
  return lendCommand(command, command.requestId).slice();
}

/** Bytes of a command up to which the buffer that is lent is kept for the next. */
const lentBytesMax = 64 * 1024;
let lent = new ByteWriter(lentBytesMax);

/** {@link encodeCommand}, as a view that the next call overwrites: for whoever copies it at once. */
export function lendCommand(command: Omit<Command, 'requestId'>, requestId: RequestId): Uint8Array {
  const writer = lent;
  // A command before that could not be written may have left a part of itself.
  writer.lend();
  writer.u8(format).varint(command.level).varint(command.group);
  writeRequestId(writer, requestId);
  writer.text(command.namespace).text(command.principal).varint(command.authorisationRevision);
  writeSession(writer, command.session);
  writer.bytes(command.reason);
  writeBody(writer, command.body);
  if (writer.length > lentBytesMax) lent = new ByteWriter(lentBytesMax);
  return writer.lend();
}

/**
 * Reads what {@link encodeCommand} wrote; byte arrays are views on it. Throws `MalformedBytes`, or {@link NotUnderstood} for a
 * format or level of a later version. Kinds that this version does not know come with such a level, so that bytes of a known
 * level with an unknown kind are broken, to every version.
 */
export function decodeCommand(bytes: Uint8Array): Command {
  const reader = new ByteReader(bytes);
  const found = reader.u8();
  if (found !== format) throw new NotUnderstood('command', found, format);
  const level = reader.varint();
  if (level > featureLevelMax) throw new NotUnderstood('level', level, featureLevelMax);
  const command = {
    level,
    group: reader.varint(),
    requestId: readRequestId(reader),
    namespace: reader.text(),
    principal: reader.text(),
    authorisationRevision: reader.varint(),
    session: readSession(reader),
    reason: reader.bytes(),
    body: readBody(reader),
  };
  reader.end();
  if (level < commandLevel(command.body)) throw new MalformedBytes('a command of a lower level than it needs');
  return command;
}

/**
 * Who waits for the command with these bytes; null when they do not begin as a command that this version understands. Whoever
 * takes commands from outside refuses such: in the log they would stop every member.
 */
export function requestIdOf(bytes: Uint8Array): RequestId | null {
  try {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== format || reader.varint() > featureLevelMax) return null;
    reader.varint();
    return readRequestId(reader);
  } catch {
    return null;
  }
}

export function writeRequestId(writer: ByteWriter, { member, startNonce, counter }: RequestId): void {
  assert(Number.isSafeInteger(counter) && counter >= 0 && counter < 2 ** 48, 'a request counter fits into 48 bits');
  writer
    .u32(member)
    .u32(startNonce)
    .u16(Math.floor(counter / 0x1_0000_0000))
    .u32(counter >>> 0);
}

export function readRequestId(reader: ByteReader): RequestId {
  return { member: reader.u32(), startNonce: reader.u32(), counter: reader.u16() * 0x1_0000_0000 + reader.u32() };
}

function writeSession(writer: ByteWriter, session: SessionUse | null): void {
  writer.u8(session === null ? 0 : 1);
  if (session === null) return;
  assert(session.session.length === sessionIdBytes, 'a session is named by 16 bytes');
  writer.raw(session.session).varint(session.sequence).varint(session.firstIncomplete);
}

function readSession(reader: ByteReader): SessionUse | null {
  if (reader.u8() === 0) return null;
  return { session: reader.raw(sessionIdBytes), sequence: reader.varint(), firstIncomplete: reader.varint() };
}
