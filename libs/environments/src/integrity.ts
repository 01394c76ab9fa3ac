import { metaKeys, readMembers, type ReadTables, type StateTransaction } from '@env-cli/keyspace';
import { equalBytes, unreachable } from '@env-cli/support';

import type { CommandBody } from './command.ts';
import { type Alarm, type AlarmKind, decodeIntegrity, encodeIntegrity, type HashMark, type Integrity } from './integrity-row.ts';
import type { CommandResult } from './result.ts';

type Bodies = Extract<CommandBody, { readonly kind: 'mark-hashes' | 'report-hashes' | 'raise-alarm' | 'clear-alarm' }>;

/** Marks whose reports are still taken: a member that was away for longer is compared at the next one. */
const marksMax = 4;

/**
 * Members that hold different states for the same log are found here: as part of the log, so that all come to the same verdict.
 *
 * `mark-hashes` marks an entry; each member reports the hashes of its state right after it, as a command like any other. What a
 * majority of all members reports is right, and who reports something else raises the alarm `state-diverged`. While no value has a
 * majority and two differ, nobody can say who is wrong: `state-disagreed`. An alarm stays until a person clears it.
 *
 * All members count, learners as well: they hold the same state.
 */
export class IntegrityCommands {
  readonly #transaction: StateTransaction;

  readonly #caches: { spaceLow: boolean };

  constructor(transaction: StateTransaction, caches: { spaceLow: boolean }) {
    this.#transaction = transaction;
    this.#caches = caches;
  }

  apply(body: Bodies): CommandResult {
    const { revision } = this.#transaction.progress;
    const integrity = readIntegrity(this.#transaction.tables);
    const changed = this.#changed(body, integrity);
    if (changed === null) return { kind: 'unchanged', revision };
    this.#transaction.putMeta('integrity', encodeIntegrity(changed));
    this.#caches.spaceLow = isSpaceLow(changed);
    return { kind: 'applied', revision };
  }

  #changed(body: Bodies, integrity: Integrity): Integrity | null {
    switch (body.kind) {
      case 'mark-hashes': {
        const mark = { index: this.#transaction.progress.appliedIndex + 1, reports: [] };
        // Two marks in one entry are one.
        if (integrity.marks.at(-1)?.index === mark.index) return null;
        return { ...integrity, marks: [...integrity.marks, mark].slice(-marksMax) };
      }
      case 'report-hashes':
        return this.#reported(body, integrity);
      case 'raise-alarm':
        return this.#isMember(body.member) ? this.#raised(integrity, body.alarm, body.member, body.index) : null;
      case 'clear-alarm': {
        const alarms = integrity.alarms.filter(({ kind, member }) => kind !== body.alarm || member !== body.member);
        return alarms.length === integrity.alarms.length ? null : { ...integrity, alarms };
      }
      default:
        return unreachable(body);
    }
  }

  #reported(
    { index, member, hashes }: Extract<Bodies, { readonly kind: 'report-hashes' }>,
    integrity: Integrity,
  ): Integrity | null {
    const before = integrity.marks.find((mark) => mark.index === index);
    if (before === undefined || !this.#isMember(member) || before.reports.some((report) => report.member === member)) return null;
    // The array is a view on the entry, which lives no longer than its transaction.
    const reports = [...before.reports, { member, hashes: hashes.slice() }].filter((report) => this.#isMember(report.member));
    const mark = { index, reports };
    const marks = integrity.marks.map((one) => (one === before ? mark : one));
    const right = majorityOf(mark, readMembers(this.#transaction.tables).length);
    let next: Integrity = { ...integrity, marks };
    if (right === null) return allEqual(mark) ? next : (this.#raised(next, 'state-disagreed', 0, index) ?? next);
    // What looked like a draw while reports were missing is none.
    const alarms = next.alarms.filter((alarm) => alarm.kind !== 'state-disagreed' || alarm.index !== index);
    next = { ...next, alarms, agreedIndex: Math.max(integrity.agreedIndex, index) };
    for (const report of mark.reports) {
      if (!equalBytes(report.hashes, right)) next = this.#raised(next, 'state-diverged', report.member, index) ?? next;
    }
    return next;
  }

  /** Null when the same alarm about the same member is raised already. */
  #raised(integrity: Integrity, kind: AlarmKind, member: number, index: number): Integrity | null {
    if (integrity.alarms.some((alarm) => alarm.kind === kind && alarm.member === member)) return null;
    const alarm = { kind, member, index, raisedAtMs: this.#transaction.progress.peopleTimeMs };
    return { ...integrity, alarms: [...integrity.alarms, alarm] };
  }

  #isMember(member: number): boolean {
    return readMembers(this.#transaction.tables).some(({ memberId }) => memberId === member);
  }
}

/** Whether the alarm `space-low` stands. */
export function isSpaceLow({ alarms }: Integrity): boolean {
  return alarms.some(({ kind }) => kind === 'space-low');
}

/** What is known of the equality of the members' states. */
export function readIntegrity(tables: ReadTables): Integrity {
  const bytes = tables.get('meta', metaKeys.integrity);
  return bytes === undefined ? { marks: [], alarms: [], agreedIndex: 0 } : decodeIntegrity(bytes);
}

/**
 * The alarm for which a member has to stop: its state is known to be wrong, and most others' is not. Null: it may go on.
 *
 * Where as many are accused as are needed for a quorum, stopping them would take the cluster away, and what is wrong is perhaps the
 * accusation: then there are alarms and no stop.
 *
 * `repairedIndex`: what the state had applied that this member was given in place of a wrong one; 0: it never was. Alarms up to there are about the
 * state before, and stand until a person clears them. While one stands no other of its kind is raised, so what the member has reported since is looked
 * at here.
 */
export function alarmToStopFor(tables: ReadTables, memberId: number, repairedIndex = 0): Alarm | null {
  const integrity = readIntegrity(tables);
  const { alarms } = integrity;
  const members = readMembers(tables).map((member) => member.memberId);
  // An alarm about a member that was removed stands until somebody clears it, and takes nothing from the others.
  const accused = members.filter((id) => alarms.some(({ member }) => member === id));
  if (members.length - accused.length <= members.length / 2) return null;
  const own = alarms.filter(({ member }) => member === memberId);
  const news = own.find(({ index }) => index > repairedIndex);
  if (news !== undefined) return news;
  const [former] = own;
  const again = former === undefined ? null : divergedSince(integrity, members.length, memberId, repairedIndex);
  return again === null ? null : { ...former!, kind: 'state-diverged', index: again };
}

/**
 * Whether what a member holds can be taken for what the cluster holds: at the newest entry at which it can be told, it reported what more than
 * half of all members did; where nothing can be told, it is not accused.
 */
export function isInAgreement(tables: ReadTables, memberId: number): boolean {
  const { marks, alarms } = readIntegrity(tables);
  const count = readMembers(tables).length;
  for (const mark of marks.toReversed()) {
    const right = majorityOf(mark, count);
    const own = mark.reports.find(({ member }) => member === memberId);
    if (right !== null && own !== undefined) return equalBytes(own.hashes, right);
  }
  return !alarms.some(({ member }) => member === memberId);
}

/** The first mark behind `index` at which a member reported something else than the majority; null: none. */
function divergedSince({ marks }: Integrity, members: number, memberId: number, index: number): number | null {
  const differs = marks.find((mark) => {
    const right = mark.index > index ? majorityOf(mark, members) : null;
    return right !== null && mark.reports.some(({ member, hashes }) => member === memberId && !equalBytes(hashes, right));
  });
  return differs?.index ?? null;
}

/** The hashes that more than half of all members report; null while there are none such. */
function majorityOf({ reports }: HashMark, members: number): Uint8Array | null {
  for (const { hashes } of reports) {
    if (reports.filter((other) => equalBytes(other.hashes, hashes)).length > members / 2) return hashes;
  }
  return null;
}

function allEqual({ reports }: HashMark): boolean {
  return reports.every(({ hashes }) => equalBytes(hashes, reports[0]!.hashes));
}
