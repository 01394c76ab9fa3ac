import { describe, expect, test } from '@jest/globals';
import { MemoryTables, type Revision, type TableName } from '@env-cli/keyspace';

import type { Command, CommandBody } from './command.ts';
import { defaultLimits, entryLimits } from './limits.ts';
import { positionOf } from './position.ts';
import type { CommandResult } from './result.ts';
import { bytesOf, commandOf, input, mirrorOf, setOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';
import { commandRows } from './work-meter.ts';

/** Tables that count the rows that are written and removed; those of `meta` are few and always the same. */
class MeteredTables extends MemoryTables {
  rows = 0;

  override put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    if (table !== 'meta') this.rows++;
    super.put(table, key, value);
  }

  override remove(table: TableName, key: Uint8Array): void {
    if (table !== 'meta') this.rows++;
    super.remove(table, key);
  }
}

/** A member with sessions, three mirrors of everything, and more to sweep than one entry may. */
function busy(): { member: TestMember; tables: MeteredTables } {
  const tables = new MeteredTables();
  const member = TestMember.bootstrapped({ sessionTtlMs: 30_000 }, tables);
  for (let i = 200; i < 400; i++) member.apply({ kind: 'open-session', session: session(i) });
  for (let i = 0; i < 600; i++) member.apply(writeOf([setOf(`old/${i % 200}`, input('A', String(i)))]));
  for (let i = 0; i < 100; i++) member.apply({ kind: 'open-session', session: session(i) });
  for (const name of ['x', 'y', 'z']) member.apply({ kind: 'create-mirror', definition: mirrorOf(name) });
  member.apply({ kind: 'compact', revision: 550 as Revision });
  return { member, tables };
}

function session(number: number): Uint8Array {
  const id = new Uint8Array(16);
  id.set([number & 0xff, number >> 8], 14);
  return id;
}

const kinds = (results: readonly CommandResult[]) => {
  const counts: Record<string, number> = {};
  for (const result of results) {
    const kind = result.kind === 'refused' ? result.refusal.code : result.kind;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
};

describe('no entry writes, removes or looks at more than 1,000 rows', () => {
  test('when it is full of commands, sessions expire, changes are swept and mirrors are caught up, all at once', () => {
    const { member, tables } = busy();
    for (let entry = 0; entry < 12; entry++) {
      const commands = Array.from({ length: entryLimits.commandsMax }, (_, place) => {
        const use = place >= 100 ? null : { session: session(place), sequence: entry + 1, firstIncomplete: 1 };
        return bytesOf(writeOf([setOf(`e/${entry}/${place}`, input('A', '1'))]), { session: use });
      });
      const before = tables.rows;
      const { outcomes } = member.entry(commands, 4000);
      expect(tables.rows - before).toBeLessThanOrEqual(entryLimits.rowsMax);
      const counts = kinds(outcomes.map(({ result }) => result));
      // A record, a change, three outbox rows and perhaps a session: five or six rows of 800.
      expect(counts['applied']).toBeGreaterThanOrEqual(130);
      expect(counts['entry-full']).toBeGreaterThan(0);
    }
    // All of it went on meanwhile.
    expect(tables.size('sessions')).toBeLessThan(300);
    expect(tables.size('changes')).toBeLessThan(positionOf(tables).revision - 300);
  });

  test('what had no room was not executed and may be sent again with its sequence', () => {
    const member = TestMember.bootstrapped();
    member.apply({ kind: 'open-session', session: session(1) });
    const large = writeOf(Array.from({ length: 390 }, (_, place) => setOf(`big/${place}`, input('A', '1'))));
    const use = { session: session(1), sequence: 1, firstIncomplete: 1 };
    const small = bytesOf(writeOf(Array.from({ length: 20 }, (_, place) => setOf(`small/${place}`, input('A', '1')))), {
      session: use,
    });
    const { outcomes } = member.entry([bytesOf(large), small]);
    expect(outcomes.map(({ result }) => result)).toMatchObject([
      { kind: 'applied', revision: 1 },
      { refusal: { code: 'entry-full' } },
    ]);
    expect(member.entry([small]).outcomes.at(0)).toMatchObject({ result: { kind: 'applied', revision: 2 } });
  });

  test('a write that no entry has room for is refused for good, and quotes the limit', () => {
    const member = TestMember.bootstrapped();
    const operations = Array.from({ length: 400 }, (_, place) => setOf(`e/${place}`, input('A', '1')));
    expect(member.apply(writeOf(operations))).toMatchObject({
      kind: 'refused',
      refusal: { code: 'too-large', limit: 'commandRowsMax', max: 800, actual: 800 },
    });
    expect(member.apply(writeOf(operations.slice(1))).kind).toBe('applied');
    const restore = { kind: 'restore', environment: 'e/1', revision: 1 as Revision } as const;
    expect(member.apply(writeOf(Array.from({ length: 8 }, () => restore)))).toMatchObject({
      refusal: { limit: 'commandRowsMax' },
    });
  });
});

/** An environment of two million bytes. */
function twoMillionBytes(name: string) {
  return setOf(name, ...Array.from({ length: 20 }, (_, place) => input(`V${place}`, 'x'.repeat(100_000))));
}

describe('large records count as many rows', () => {
  test('so that one entry rewrites a bounded number of bytes', () => {
    const member = TestMember.bootstrapped();
    const names = Array.from({ length: 16 }, (_, place) => `e/${place}`);
    for (const name of names) member.apply(writeOf([twoMillionBytes(name)]));
    const small = names.map((name) => bytesOf(writeOf([setOf(name, input('V0', 'y'))])));
    const counts = kinds(member.entry(small).outcomes.map(({ result }) => result));
    // 31 rows to read two million bytes, and 29 to write 1.9: 13 times in 800.
    expect(counts).toEqual({ applied: 13, 'entry-full': 3 });
  });
});

describe('the packer never underrates a command', () => {
  const session1 = { session: session(1), sequence: 1, firstIncomplete: 1 };
  const cases: [string, CommandBody, Partial<Command>][] = [
    ['a write of one', writeOf([setOf('a', input('A', '1'))]), {}],
    [
      'a write of three, in a session',
      writeOf([setOf('a', input('A', '1')), setOf('b', input('A', '1')), setOf('c', input('A', '1'))]),
      { session: session1 },
    ],
    ['a write of one, twice', writeOf([setOf('a', input('A', '1')), setOf('a', input('B', '1'))]), {}],
    ['a deletion', writeOf([{ kind: 'delete', environment: 'old' }]), {}],
    [
      'a write with a condition',
      writeOf([setOf('a', input('A', '1'))], [{ kind: 'environment-exists', environment: 'old' }]),
      {},
    ],
    ['a session', { kind: 'open-session', session: session(9) }, {}],
    ['an end of a session', { kind: 'close-session', session: session(1) }, {}],
    [
      'a report',
      {
        kind: 'delivered',
        mirror: 1,
        environment: 'old',
        revision: 1 as Revision,
        enqueuedIndex: 1e6,
        term: 1,
        contentHash: new Uint8Array(),
        remoteVersion: new Uint8Array(),
        detail: new Uint8Array(),
      },
      {},
    ],
    [
      'a failure',
      {
        kind: 'delivery-failed',
        mirror: 1,
        environment: 'old',
        revision: 1 as Revision,
        enqueuedIndex: 1e6,
        term: 1,
        status: 'x',
        detail: new Uint8Array(),
      },
      {},
    ],
    ['a deletion of a mirror', { kind: 'delete-mirror', mirror: 'm', abandon: false }, {}],
  ];
  test.each(cases)('%s', (_what, body, parts) => {
    const tables = new MeteredTables();
    const member = TestMember.bootstrapped({}, tables);
    member.apply({ kind: 'open-session', session: session(1) });
    member.apply(writeOf([setOf('old', input('A', '1'))]));
    member.apply({ kind: 'create-mirror', definition: mirrorOf('m') });
    member.settle();
    tables.rows = 0;
    expect(member.apply(body, parts).kind).toBe('applied');
    // A mirror's count of what is due is one row for all commands of an entry, of the background's share.
    const background = 'mirror' in body && body.kind !== 'delete-mirror' ? 0 : 1 + (body.kind === 'delete-mirror' ? 3 : 0);
    expect(tables.rows).toBeLessThanOrEqual(commandRows(commandOf(body, parts), 1) + background);
  });
});

describe('an environment does not outgrow its limits, by whatever steps', () => {
  test('in variables', () => {
    const member = TestMember.bootstrapped({ variablesMax: 3 });
    const set = (name: string) => member.apply(writeOf([setOf('a', input(name, '1'))]));
    for (const name of ['A', 'B', 'C']) set(name);
    expect(set('D')).toMatchObject({
      refusal: { code: 'too-large', field: 'operations[0]', limit: 'variablesMax', max: 3, actual: 4 },
    });
    expect(set('C').kind).toBe('unchanged');
  });

  test('in bytes, labels and sessions', () => {
    const member = TestMember.bootstrapped({ environmentBytesMax: 300, labelsMax: 1, sessionsMax: 1 });
    const long = 'x'.repeat(150);
    member.apply(writeOf([setOf('a', input('A', long))]));
    expect(member.apply(writeOf([setOf('a', input('B', long))]))).toMatchObject({
      refusal: { limit: 'environmentBytesMax', max: 300 },
    });
    const label = (key: string) =>
      member.apply(writeOf([{ kind: 'label', environment: 'a', set: [{ key, value: '' }], remove: [] }]));
    label('a');
    expect(label('b')).toMatchObject({ refusal: { field: 'operations[0].set', limit: 'labelsMax', max: 1, actual: 2 } });
    member.apply({ kind: 'open-session', session: session(1) });
    expect(member.apply({ kind: 'open-session', session: session(2) })).toMatchObject({
      refusal: { code: 'too-many-sessions', max: 1 },
    });
  });

  test('and limits that are changed hold from then on', () => {
    const member = TestMember.bootstrapped();
    expect(member.apply({ kind: 'set-limits', limits: { ...defaultLimits, valueBytesMax: 2 } }).kind).toBe('applied');
    expect(member.apply(writeOf([setOf('a', input('A', 'xxx'))]))).toMatchObject({ refusal: { limit: 'valueBytesMax', max: 2 } });
    expect(member.apply({ kind: 'set-limits', limits: { ...defaultLimits, mirrorsMax: 501 } })).toMatchObject({
      refusal: { field: 'limits' },
    });
  });
});
