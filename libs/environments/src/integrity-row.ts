import { assert, ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

/** The kinds of alarms in the order of their codes, from 1. New ones go to the end, with a new feature level. */
export const alarmKinds = [
  /** A majority of all members holds another state than this member at the same entry. */
  'state-diverged',
  /** Members hold different states at the same entry, and no state has a majority: nobody knows which is right. */
  'state-disagreed',
  /** What a member reads from its disk is not what it wrote: the rows do not have the hashes that were kept while they were written. */
  'state-rotten',
  /** The state has grown to {@link spaceLowPercent} of the quota. It is about no member in particular. */
  'space-low',
] as const;

export type AlarmKind = (typeof alarmKinds)[number];

/** Something is wrong that a person has to look at. It stays until somebody clears it. */
export interface Alarm {
  readonly kind: AlarmKind;
  /** Whose state it is about; 0: nobody's in particular. */
  readonly member: number;
  /** The log index at which it was found. */
  readonly index: number;
  /** Cluster time for people, milliseconds since 1970. */
  readonly raisedAtMs: number;
}

/** What members hold right after an entry. */
export interface HashMark {
  readonly index: number;
  /** In the order in which they came, one a member. */
  readonly reports: readonly { readonly member: number; readonly hashes: Uint8Array }[];
}

/** The row `integrity` of `meta`. */
export interface Integrity {
  /** Oldest first. */
  readonly marks: readonly HashMark[];
  readonly alarms: readonly Alarm[];
  /** The newest entry after which a majority of all members was found to hold the same state; 0: none yet. */
  readonly agreedIndex: number;
}

const format = 1;

/** Format u8, agreed index, the marks (index, reports: member, hashes), the alarms (kind u8, member, index, time). */
export function encodeIntegrity({ marks, alarms, agreedIndex }: Integrity): Uint8Array {
  const writer = new ByteWriter(512).u8(format).varint(agreedIndex).varint(marks.length);
  for (const { index, reports } of marks) {
    writer.varint(index).varint(reports.length);
    for (const { member, hashes } of reports) writer.u32(member).bytes(hashes);
  }
  writer.varint(alarms.length);
  for (const { kind, member, index, raisedAtMs } of alarms) {
    writer.u8(codeOfAlarm(kind)).u32(member).varint(index).varint(raisedAtMs);
  }
  return writer.take();
}

/** Reads what {@link encodeIntegrity} wrote. */
export function decodeIntegrity(bytes: Uint8Array): Integrity {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw new MalformedBytes('the row integrity of meta is of an unknown format');
  const agreedIndex = reader.varint();
  const marks: HashMark[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const index = reader.varint();
    const reports: HashMark['reports'][number][] = [];
    for (let more = reader.varint(); more > 0; more--) reports.push({ member: reader.u32(), hashes: reader.bytes().slice() });
    marks.push({ index, reports });
  }
  const alarms: Alarm[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const kind = alarmOfCode(reader.u8());
    alarms.push({ kind, member: reader.u32(), index: reader.varint(), raisedAtMs: reader.varint() });
  }
  reader.end();
  return { marks, alarms, agreedIndex };
}

export function codeOfAlarm(kind: AlarmKind): number {
  const place = alarmKinds.indexOf(kind);
  assert(place >= 0, 'an alarm is of a known kind');
  return place + 1;
}

export function alarmOfCode(code: number): AlarmKind {
  const kind = alarmKinds[code - 1];
  if (kind === undefined) throw new MalformedBytes(`code ${code} is none of the ${alarmKinds.length} kinds of alarms`);
  return kind;
}
