import { decodeMembers, encodeMembers, hashKeyBytes, idBytes, type Revision, sessionIdBytes } from '@env-cli/keyspace';
import { readDefinition, writeDefinition } from '@env-cli/mirroring';
import { assert, type ByteReader, type ByteWriter, MalformedBytes, unreachable } from '@env-cli/support';

import type { CommandBody, DeliveryReport, WriteBody } from './command.ts';
import { readCondition, writeCondition } from './condition-codec.ts';
import { alarmOfCode, codeOfAlarm } from './integrity-row.ts';
import { readLimits, writeLimits } from './limits-codec.ts';
import { readOperation, writeOperation } from './operation-codec.ts';

/** Kinds in the order of their codes, from 1. New ones go to the end, with a new feature level. */
const bodyKinds = [
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
    case 'raise-level':
      writer.varint(body.featureLevel);
      return;
    case 'set-limits':
      writeLimits(writer, body.limits);
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
      writer.raw(body.clusterId).u32(body.epoch);
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
    case 'raise-level':
      return { kind, featureLevel: reader.varint() };
    case 'set-limits':
      return { kind, limits: readLimits(reader) };
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
        epoch: reader.u32(),
        members: decodeMembers(reader),
        backupDigest: reader.raw(digestBytes),
      };
    default:
      return unreachable(kind);
  }
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
