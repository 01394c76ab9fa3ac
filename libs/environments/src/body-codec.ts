import {
  decodeMembers,
  encodeMembers,
  hashKeyBytes,
  idBytes,
  type MemberIdentity,
  nonceBytes,
  type Revision,
  secretHashBytes,
  sessionIdBytes,
} from '@env-cli/keyspace';
import { readDefinition, writeDefinition } from '@env-cli/mirroring';
import { assert, type ByteReader, type ByteWriter, MalformedBytes, unreachable } from '@env-cli/support';

import type { CommandBody, DeliveryReport, ResealBody, ResealedValue, WriteBody } from './command.ts';
import { readCondition, writeCondition } from './condition-codec.ts';
import { alarmOfCode, codeOfAlarm } from './integrity-row.ts';
import { readWrappedKey, type WrappedKey, writeWrappedKey } from './keyring-row.ts';
import { readLimits, writeLimits } from './limits-codec.ts';
import { readOperation, readValue, writeOperation, writeValue } from './operation-codec.ts';

/** Kinds in the order of their codes, from 1. New ones go to the end, and into a feature level of `levels.ts`. */
export const bodyKinds = [
  'write',
  'open-session',
  'keep-session',
  'close-session',
  'compact',
  'create-mirror',
  'update-mirror',
  'delete-mirror',
  'retry-mirror',
  'delivered',
  'withdrawn',
  'delivery-failed',
  'mark-hashes',
  'raise-level',
  'set-limits',
  'bootstrap',
  'report-hashes',
  'raise-alarm',
  'clear-alarm',
  'restore',
  'found-keyring',
  'add-data-key',
  'take-seals',
  'rewrap-keys',
  'reseal',
  'mark-resealed',
  'set-quota',
  'add-member',
  'remove-member',
  'pause-mirror',
  'replace-member',
  'hold-level',
] as const satisfies CommandBody['kind'][];

/** Bytes of a SHA-256. */
const digestBytes = 32;

/** The kind u8, then what the kind carries. */
export function writeBody(writer: ByteWriter, body: CommandBody): void {
  writer.u8(bodyKinds.indexOf(body.kind) + 1);
  switch (body.kind) {
    case 'write':
      writer.varint(body.conditions.length);
      for (const condition of body.conditions) writeCondition(writer, condition);
      writer.varint(body.operations.length);
      for (const operation of body.operations) writeOperation(writer, operation);
      return;
    case 'open-session':
    case 'keep-session':
    case 'close-session':
      assert(body.session.length === sessionIdBytes, 'a session is named by 16 bytes');
      writer.raw(body.session);
      return;
    case 'compact':
      writer.varint(body.revision);
      return;
    case 'create-mirror':
    case 'update-mirror':
      writeDefinition(writer, body.definition);
      return;
    case 'delete-mirror':
      writer.text(body.mirror).u8(body.abandon ? 1 : 0);
      return;
    case 'retry-mirror':
      writer.text(body.mirror).text(body.environment ?? '');
      return;
    case 'pause-mirror':
      writer.text(body.mirror).u8(body.paused ? 1 : 0);
      return;
    case 'delivered':
      writeReport(writer, body);
      writer.bytes(body.contentHash).bytes(body.remoteVersion).bytes(body.detail);
      return;
    case 'withdrawn':
      writeReport(writer, body);
      return;
    case 'delivery-failed':
      writeReport(writer, body);
      writer.text(body.status).bytes(body.detail);
      return;
    case 'mark-hashes':
      return;
    case 'report-hashes':
      writer.varint(body.index).u32(body.member).bytes(body.hashes);
      return;
    case 'raise-alarm':
      writer.u8(codeOfAlarm(body.alarm)).u32(body.member).varint(body.index);
      return;
    case 'clear-alarm':
      writer.u8(codeOfAlarm(body.alarm)).u32(body.member);
      return;
    case 'found-keyring':
      writer.bytes(body.masterKey);
      writeWrappedKey(writer, body.hashKey);
      writeWrappedKey(writer, body.dataKey);
      return;
    case 'add-data-key':
      writer.varint(body.id);
      writeWrappedKey(writer, body.key);
      return;
    case 'take-seals':
      writer.varint(body.id).varint(body.count);
      return;
    case 'rewrap-keys':
      writer.varint(body.version).bytes(body.masterKey);
      writeWrappedKey(writer, body.hashKey);
      writer.varint(body.dataKeys.length);
      for (const key of body.dataKeys) writeWrappedKey(writer, key);
      return;
    case 'mark-resealed':
      writer.varint(body.id);
      return;
    case 'reseal':
      writer.varint(body.values.length);
      for (const value of body.values) writeResealed(writer, value);
      return;
    case 'raise-level':
      writer.varint(body.featureLevel);
      return;
    case 'hold-level':
      writer.u8(body.held ? 1 : 0);
      return;
    case 'set-limits':
      writeLimits(writer, body.limits);
      return;
    case 'set-quota':
      writer.varint(body.quotaBytes);
      return;
    case 'add-member':
      encodeMembers(writer, [body.member]);
      return;
    case 'replace-member':
      encodeMembers(writer, [body.member]);
      writer.u32(body.replaces);
      return;
    case 'remove-member':
      writer.u32(body.memberId);
      return;
    case 'bootstrap':
      assert(body.clusterId.length === idBytes && body.hashKey.length === hashKeyBytes, 'ids have 16 bytes, the hash key 32');
      writer.raw(body.clusterId);
      encodeMembers(writer, body.members);
      writer.raw(body.hashKey).varint(body.featureLevel);
      writeLimits(writer, body.limits);
      return;
    case 'restore':
      assert(body.clusterId.length === idBytes && body.backupDigest.length === digestBytes, 'ids have 16 bytes, digests 32');
      writer.raw(body.clusterId).u32OrU64(body.epoch);
      encodeMembers(writer, body.members);
      writer.raw(body.backupDigest);
      return;
    default:
      unreachable(body);
  }
}

/** Reads what {@link writeBody} wrote. */
export function readBody(reader: ByteReader): CommandBody {
  const code = reader.u8();
  const kind = bodyKinds[code - 1];
  if (kind === undefined) throw new MalformedBytes(`code ${code} is none of the ${bodyKinds.length} of its level`);
  switch (kind) {
    case 'write':
      return readWrite(reader);
    case 'open-session':
    case 'keep-session':
    case 'close-session':
      return { kind, session: reader.raw(sessionIdBytes) };
    case 'compact':
      return { kind, revision: reader.varint() as Revision };
    case 'create-mirror':
    case 'update-mirror':
      return { kind, definition: readDefinition(reader) };
    case 'delete-mirror':
      return { kind, mirror: reader.text(), abandon: reader.u8() === 1 };
    case 'retry-mirror': {
      const mirror = reader.text();
      const environment = reader.text();
      return { kind, mirror, environment: environment === '' ? null : environment };
    }
    case 'pause-mirror':
      return { kind, mirror: reader.text(), paused: reader.u8() === 1 };
    case 'delivered':
      return {
        kind,
        ...readReport(reader),
        contentHash: reader.bytes(),
        remoteVersion: reader.bytes(),
        detail: reader.bytes(),
      };
    case 'withdrawn':
      return { kind, ...readReport(reader) };
    case 'delivery-failed':
      return { kind, ...readReport(reader), status: reader.text(), detail: reader.bytes() };
    case 'mark-hashes':
      return { kind };
    case 'report-hashes':
      return { kind, index: reader.varint(), member: reader.u32(), hashes: reader.bytes() };
    case 'raise-alarm':
      return { kind, alarm: alarmOfCode(reader.u8()), member: reader.u32(), index: reader.varint() };
    case 'clear-alarm':
      return { kind, alarm: alarmOfCode(reader.u8()), member: reader.u32() };
    case 'found-keyring':
      return { kind, masterKey: reader.bytes(), hashKey: readWrappedKey(reader), dataKey: readWrappedKey(reader) };
    case 'add-data-key':
      return { kind, id: reader.varint(), key: readWrappedKey(reader) };
    case 'take-seals':
      return { kind, id: reader.varint(), count: reader.varint() };
    case 'rewrap-keys':
      return readRewrapped(reader);
    case 'mark-resealed':
      return { kind, id: reader.varint() };
    case 'reseal':
      return readReseal(reader);
    case 'raise-level':
      return { kind, featureLevel: reader.varint() };
    case 'hold-level':
      return { kind, held: reader.u8() === 1 };
    case 'set-limits':
      return { kind, limits: readLimits(reader) };
    case 'set-quota':
      return { kind, quotaBytes: reader.varint() };
    case 'add-member':
      return { kind, member: onlyMember(decodeMembers(reader)) };
    case 'replace-member':
      return { kind, member: onlyMember(decodeMembers(reader)), replaces: reader.u32() };
    case 'remove-member':
      return { kind, memberId: reader.u32() };
    case 'bootstrap':
      return {
        kind,
        clusterId: reader.raw(idBytes),
        members: decodeMembers(reader),
        hashKey: reader.raw(hashKeyBytes),
        featureLevel: reader.varint(),
        limits: readLimits(reader),
      };
    case 'restore':
      return {
        kind,
        clusterId: reader.raw(idBytes),
        epoch: reader.u32OrU64(),
        members: decodeMembers(reader),
        backupDigest: reader.raw(digestBytes),
      };
    default:
      return unreachable(kind);
  }
}

function onlyMember(members: readonly MemberIdentity[]): MemberIdentity {
  const [member] = members;
  if (member === undefined || members.length > 1)
    throw new MalformedBytes('a command that adds another number of members than one');
  return member;
}

function readWrite(reader: ByteReader): WriteBody {
  const conditions: WriteBody['conditions'][number][] = [];
  for (let left = reader.varint(); left > 0; left--) conditions.push(readCondition(reader));
  const operations: WriteBody['operations'][number][] = [];
  for (let left = reader.varint(); left > 0; left--) operations.push(readOperation(reader));
  return { kind: 'write', conditions, operations };
}

function writeReport(writer: ByteWriter, report: DeliveryReport): void {
  writer.varint(report.mirror).text(report.environment).varint(report.revision).varint(report.enqueuedIndex).varint(report.term);
}

function readReport(reader: ByteReader): DeliveryReport {
  return {
    mirror: reader.varint(),
    environment: reader.text(),
    revision: reader.varint() as Revision,
    enqueuedIndex: reader.varint(),
    term: reader.varint(),
  };
}

function readRewrapped(reader: ByteReader): CommandBody {
  const head = { version: reader.varint(), masterKey: reader.bytes(), hashKey: readWrappedKey(reader) };
  const dataKeys: WrappedKey[] = [];
  for (let left = reader.varint(); left > 0; left--) dataKeys.push(readWrappedKey(reader));
  return { kind: 'rewrap-keys', ...head, dataKeys };
}

/** Environment, variable, key id and nonce of before, hash, then the value as operations hold it. */
function writeResealed(writer: ByteWriter, { environment, variable, keyId, nonce, hash, value }: ResealedValue): void {
  assert(nonce.length === nonceBytes && hash.length === secretHashBytes, 'a nonce has 12 bytes, a hash 16');
  writer.text(environment).text(variable).u32(keyId).raw(nonce).raw(hash);
  writeValue(writer, value);
}

function readReseal(reader: ByteReader): ResealBody {
  const values: ResealedValue[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const place = { environment: reader.text(), variable: reader.text() };
    const before = { keyId: reader.u32(), nonce: reader.raw(nonceBytes), hash: reader.raw(secretHashBytes) };
    const value = readValue(reader, true);
    assert(value.kind === 'sealed', 'what is read as sealed is sealed');
    values.push({ ...place, ...before, value });
  }
  return { kind: 'reseal', values };
}
