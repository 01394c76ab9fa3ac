import { readIntegrity } from '@env-cli/environments';
import { type MemoryTables, readChangesAfter, readProgress, readRoster, tableNames } from '@env-cli/keyspace';
import { decodeUtf8, equalBytes } from '@env-cli/support';

import { Violation } from './checks.ts';
import type { ClientWrite } from './clients.ts';

const rowsMax = 1_000_000;

/** Members that have applied the same have the same rows, byte by byte. */
export function checkEqual(states: readonly { readonly id: number; readonly tables: MemoryTables }[]): void {
  const [first, ...others] = states;
  if (first === undefined) return;
  for (const table of tableNames) {
    const rows = first.tables.range(table, { limit: rowsMax });
    for (const other of others) {
      const theirs = other.tables.range(table, { limit: rowsMax });
      const same =
        rows.length === theirs.length &&
        rows.every((row, i) => equalBytes(row.key, theirs[i]!.key) && equalBytes(row.value, theirs[i]!.value));
      if (!same) throw new Violation('members are equal', `members ${first.id} and ${other.id} differ in ${table}`);
    }
  }
}

/** Members that are equal raise no alarm, whatever was lost, repeated or crashed; answers the entry at which they last agreed. */
export function checkAlarms(tables: MemoryTables): number {
  const { alarms, agreedIndex } = readIntegrity(tables);
  const [alarm] = alarms;
  if (alarm !== undefined)
    throw new Violation('members that are equal raise no alarm', `${alarm.kind} of member ${alarm.member} at ${alarm.index}`);
  return agreedIndex;
}

/** The state names those who take part, and has given no number twice. */
export function checkRoster(tables: MemoryTables, members: readonly { readonly id: number }[], idLast: number): void {
  const { members: named, memberIdLast } = readRoster(tables);
  const ids = named.map(({ memberId }) => memberId).join(', ');
  const wanted = members.map(({ id }) => id).join(', ');
  if (ids !== wanted || memberIdLast !== idLast) {
    throw new Violation(
      'the state names those who take part',
      `it names ${ids}, up to ${memberIdLast}; members are ${wanted}, up to ${idLast}`,
    );
  }
}

/** Every write that was acknowledged happened, at the revision that was told; and no write happened twice. */
export function checkWrites(tables: MemoryTables, writes: readonly ClientWrite[]): void {
  const happened = new Map<string, number>();
  const { revision: newest, floor } = readProgress(tables);
  let after = floor;
  while (after < newest) {
    const { changes, upTo } = readChangesAfter(tables, after, newest, { rowsMax: 1000, bytesMax: 1024 * 1024 });
    for (const change of changes) {
      for (const { after: cursor } of change.variableChanges()) {
        if (cursor === null) continue;
        const value = decodeUtf8(cursor.valueBytes);
        const earlier = happened.get(value);
        if (earlier !== undefined && earlier !== change.revision) {
          throw new Violation('a write of a session happens once', `${value} at revisions ${earlier} and ${change.revision}`);
        }
        happened.set(value, change.revision);
      }
    }
    after = upTo;
  }
  for (const { value, revision } of writes) {
    if (revision !== null && revision > floor && happened.get(value) !== revision) {
      throw new Violation(
        'what is acknowledged is not lost',
        `${value} was acknowledged at revision ${revision} and is at ${happened.get(value) ?? 'none'}`,
      );
    }
  }
}
