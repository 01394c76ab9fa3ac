import { describe, expect, test } from '@jest/globals';
import { HashScrub, MemoryTables, type Revision, type TableName, tableNames } from '@env-cli/keyspace';
import { hexOf } from '@env-cli/support';
import * as fc from 'fast-check';

import type { CommandBody, SessionUse } from './command.ts';
import type { CommittedEntry, EntryOutcome } from './entry.ts';
import { encodeEntryData } from './entry-data.ts';
import { getEnvironment } from './get.ts';
import type { Operation } from './operation.ts';
import { StateMachine } from './state-machine.ts';
import { bootstrapOf, bytesOf, input, mirrorOf, setOf, writeOf } from './testing/commands.ts';

type LogEntry = Pick<CommittedEntry, 'kind' | 'data' | 'term'>;

const environment = fc.constantFrom('a', 'b', 'b/c', 'd');
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(environment, fc.constantFrom('A', 'B'), fc.nat(4))
      .map(([name, key, value]) => setOf(name, input(key, String(value)))),
  },
  { weight: 1, arbitrary: environment.map((name): Operation => ({ kind: 'delete', environment: name })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(environment, fc.nat(30))
      .map(([name, revision]): Operation => ({ kind: 'restore', environment: name, revision: (revision + 1) as Revision })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(environment, fc.nat(2)).map(([name, value]): Operation => ({
      kind: 'label',
      environment: name,
      set: [{ key: 'k', value: String(value) }],
      remove: [],
    })),
  },
);
const sessionId = fc.nat(2).map((number) => new Uint8Array(16).fill(number));
const definition = fc
  .record({ name: fc.constantFrom('m', 'n'), prefix: fc.constantFrom('', 'b'), demanded: fc.nat(2), option: fc.nat(1) })
  .map(({ name, prefix, demanded, option }) =>
    mirrorOf(name, {
      prefix,
      labels: demanded === 2 ? [] : [{ kind: 'in', key: 'k', values: [String(demanded)] }],
      options: [{ key: 'o', value: String(option) }],
    }),
  );
const report = fc.record({
  mirror: fc.integer({ min: 1, max: 3 }),
  environment,
  revision: fc.integer({ min: 1, max: 40 }).map((revision) => revision as Revision),
  enqueuedIndex: fc.nat(60),
  term: fc.constantFrom(1, 1, 2),
});
const none = new Uint8Array(0);
const body: fc.Arbitrary<CommandBody> = fc.oneof(
  { weight: 12, arbitrary: fc.array(operation, { minLength: 1, maxLength: 3 }).map((operations) => writeOf(operations)) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('open-session' as const, 'keep-session' as const, 'close-session' as const),
      session: sessionId,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('compact' as const), revision: fc.nat(20).map((revision) => revision as Revision) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('create-mirror' as const, 'update-mirror' as const), definition }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete-mirror' as const),
      mirror: fc.constantFrom('m', 'n'),
      abandon: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pause-mirror' as const),
      mirror: fc.constantFrom('m', 'n'),
      paused: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('retry-mirror' as const),
      mirror: fc.constantFrom('m', 'n'),
      environment: fc.option(environment),
    }),
  },
  {
    weight: 2,
    arbitrary: report.map((about) => ({
      kind: 'delivered' as const,
      ...about,
      contentHash: none,
      remoteVersion: none,
      detail: none,
    })),
  },
  { weight: 1, arbitrary: report.map((about) => ({ kind: 'withdrawn' as const, ...about })) },
  {
    weight: 1,
    arbitrary: report.map((about) => ({ kind: 'delivery-failed' as const, ...about, status: 'TARGET_ERROR', detail: none })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'mark-hashes' as const }) },
);
const session: fc.Arbitrary<SessionUse | null> = fc.option(
  fc.tuple(sessionId, fc.integer({ min: 1, max: 12 }), fc.nat(3)).map(([id, sequence, back]) => ({
    session: id,
    sequence,
    firstIncomplete: Math.max(1, sequence - back),
  })),
);
const command = fc.tuple(body, session).map(([content, use]) => bytesOf(content, { session: use }));
const entry: fc.Arbitrary<LogEntry> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .record({
        stampMs: fc.nat(1e6),
        deltaMs: fc.constantFrom(0, 5, 3000, 90_000),
        commands: fc.array(command, { maxLength: 4 }),
      })
      .map((data) => ({ kind: 'command' as const, term: 1, data: encodeEntryData(data) })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'noop' as const, term: 1, data: none }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 5 }).map((data) => ({ kind: 'configuration' as const, term: 1, data })) },
);
function entryOf(...commands: Uint8Array[]): LogEntry {
  return { kind: 'command', term: 1, data: encodeEntryData({ stampMs: 5, deltaMs: 5, commands }) };
}

const opened = (number: number) => bytesOf({ kind: 'open-session', session: new Uint8Array(16).fill(number) });
const first: LogEntry = {
  kind: 'command',
  term: 1,
  data: encodeEntryData({
    stampMs: 1,
    deltaMs: 0,
    commands: [bytesOf(bootstrapOf({ sessionTtlMs: 4000, sessionResultsMax: 5 })), opened(0), opened(1)],
  }),
};

/** Applies a log; `edges` says after which entries a transaction ends, and at which of them the process starts anew. */
function applied(log: readonly LogEntry[], edges: (index: number) => 'none' | 'end' | 'restart', tables = new MemoryTables()) {
  const outcomes: EntryOutcome[] = [];
  let machine = new StateMachine();
  let transaction = machine.begin(tables);
  for (const [place, content] of log.entries()) {
    outcomes.push(transaction.apply({ ...content, index: place + 1 }));
    const edge = edges(place);
    if (edge === 'none') continue;
    transaction.finish();
    if (edge === 'restart') machine = new StateMachine();
    transaction = machine.begin(tables);
  }
  transaction.finish();
  return { tables, outcomes };
}

function rowsOf(tables: MemoryTables): Record<TableName, string[]> {
  const rows = tableNames.map((name) => [
    name,
    tables.range(name, { limit: 1e6 }).map(({ key, value }) => `${hexOf(key)} ${hexOf(value)}`),
  ]);
  return Object.fromEntries(rows) as Record<TableName, string[]>;
}

const logs = fc.array(entry, { maxLength: 40 }).map((entries) => [first, ...entries]);

test('the same log gives the same rows and answers, byte by byte, wherever transactions end and processes start', () => {
  fc.assert(
    fc.property(
      logs,
      fc.infiniteStream(fc.constantFrom('none' as const, 'none' as const, 'end' as const, 'restart' as const)),
      (log, stream) => {
        const one = applied(log, () => 'restart');
        const other = applied(log, () => stream.next().value!);
        const all = applied(log, () => 'none');
        expect(rowsOf(other.tables)).toEqual(rowsOf(one.tables));
        expect(rowsOf(all.tables)).toEqual(rowsOf(one.tables));
        expect(other.outcomes).toEqual(one.outcomes);
        expect(all.outcomes).toEqual(one.outcomes);
      },
    ),
    { numRuns: 150 },
  );
});

test('work in the background sees what earlier entries of its transaction wrote', () => {
  const about = { mirror: 1, environment: 'a', revision: 1 as Revision, enqueuedIndex: 100, term: 1 };
  const bodies: CommandBody[] = [
    writeOf([setOf('a', input('A', '1'))]),
    { kind: 'create-mirror', definition: mirrorOf('m') },
    { kind: 'delivery-failed', ...about, status: 'TARGET_ERROR', detail: none },
    { kind: 'retry-mirror', mirror: 'm', environment: null },
    { kind: 'delivered', ...about, contentHash: none, remoteVersion: none, detail: none },
    writeOf([setOf('b', input('A', '1'))]),
    { kind: 'update-mirror', definition: mirrorOf('m', { prefix: 'x' }) },
    { kind: 'compact', revision: 2 as Revision },
    { kind: 'delete-mirror', mirror: 'm', abandon: true },
  ];
  for (let length = 1; length <= bodies.length; length++) {
    const log = [first, ...bodies.slice(0, length).map((wish) => entryOf(bytesOf(wish)))];
    expect(rowsOf(applied(log, () => 'none').tables)).toEqual(rowsOf(applied(log, () => 'restart').tables));
  }
});

test('the hashes that apply keeps are those of the rows', () => {
  fc.assert(
    fc.property(logs, (log) => {
      const mark = { ...first, data: encodeEntryData({ stampMs: 1, deltaMs: 0, commands: [bytesOf({ kind: 'mark-hashes' })] }) };
      const { tables, outcomes } = applied([...log, mark], () => 'none');
      const scrub = new HashScrub();
      let step = scrub.step(tables, 10);
      while (step.kind === 'more') step = scrub.step(tables, 10);
      expect(step.broken).toEqual([]);
      expect(outcomes.at(-1)!.hashes).toMatchObject({ index: log.length + 1 });
    }),
    { numRuns: 60 },
  );
});

/** The hashes of a cluster whose one environment has this value. */
function hashesOf(value: string): string {
  const write = bytesOf(writeOf([setOf('a', input('A', value))]));
  const { outcomes } = applied([first, entryOf(write, bytesOf({ kind: 'mark-hashes' }))], () => 'end');
  return hexOf(outcomes.at(-1)!.hashes!.bytes);
}

test('a state that differs is told by its hashes, and one that is the same, by none', () => {
  expect(hashesOf('1')).toBe(hashesOf('1'));
  expect(hashesOf('1')).not.toBe(hashesOf('2'));
});

describe('a command of a session happens once', () => {
  test('however often and in whatever order it is sent', () => {
    const sends = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(sends, fc.integer({ min: 1, max: 8 }), (sequences, perEntry) => {
        const log: LogEntry[] = [first];
        for (let at = 0; at < sequences.length; at += perEntry) {
          const commands = sequences.slice(at, at + perEntry).map((sequence) =>
            bytesOf(writeOf([setOf(`e/${sequence}`, input('N', String(at)))]), {
              session: { session: new Uint8Array(16), sequence, firstIncomplete: Math.max(1, sequence - 3) },
            }),
          );
          log.push({ kind: 'command', term: 1, data: encodeEntryData({ stampMs: 1, deltaMs: 1, commands }) });
        }
        const { outcomes, tables } = applied(log, (place) => (place % 2 === 0 ? 'end' : 'none'));
        const results = outcomes.slice(1).flatMap((outcome) => outcome.outcomes.map(({ result }) => result));
        const revisions = new Map<number, number>();
        const surprises = results.filter((result, place) => {
          const sequence = sequences.at(place)!;
          const before = revisions.get(sequence);
          if (result.kind === 'applied') revisions.set(sequence, result.revision);
          const asExpected =
            result.kind === 'applied'
              ? before === undefined
              : result.kind === 'refused' ||
                (result.kind === 'replayed' && result.answer === 'applied' && result.revision === before);
          return !asExpected;
        });
        expect(surprises).toEqual([]);
        // Each write that was answered is there, and nothing else.
        expect(tables.size('environments')).toBe(revisions.size);
        expect(tables.size('changes')).toBe(revisions.size);
      }),
    );
  });

  test('what was refused stays refused, and what was unknown was never executed', () => {
    const use = { session: new Uint8Array(16), sequence: 1, firstIncomplete: 1 };
    const refused = bytesOf(writeOf([{ kind: 'delete', environment: 'a' }]), { session: use });
    const created = bytesOf(writeOf([setOf('a', input('A', '1'))]));
    const stranger = bytesOf(writeOf([setOf('b', input('A', '1'))]), {
      session: { ...use, session: new Uint8Array(16).fill(9) },
    });
    const data = encodeEntryData({ stampMs: 1, deltaMs: 0, commands: [refused, created, refused, stranger] });
    const { outcomes, tables } = applied([first, { kind: 'command', term: 1, data }], () => 'end');
    expect(outcomes.at(1)!.outcomes.map(({ result }) => result)).toMatchObject([
      { kind: 'refused', refusal: { code: 'not-found' } },
      { kind: 'applied', revision: 1 },
      { kind: 'replayed', answer: 'not-found' },
      { kind: 'refused', refusal: { code: 'session-unknown' } },
    ]);
    expect(tables.size('environments')).toBe(1);
  });
});

describe('bytes that are no command', () => {
  const good = bytesOf(writeOf([setOf('a', input('A', '1'))]));

  test.each([
    ['they end too soon', good.slice(0, -1)],
    ['they go on', Uint8Array.of(...good, 0)],
    ['they are of no kind of their level', Uint8Array.of(...bytesOf({ kind: 'mark-hashes' }).slice(0, -1), 99)],
  ])('are refused when %s, and the others of their entry are applied', (_why, broken) => {
    const { outcomes } = applied([first, entryOf(broken, good)], () => 'end');
    expect(outcomes.at(1)!.outcomes).toMatchObject([
      {
        requestId: { member: 1, startNonce: 2, counter: 3 },
        result: { kind: 'refused', refusal: { code: 'invalid', field: 'command' } },
      },
      { result: { kind: 'applied' } },
    ]);
  });

  test('never break the machine, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
        // After the format and the level, which alone may stop a member.
        const { outcomes } = applied(
          [first, entryOf(Uint8Array.of(1, 1, ...noise.map((byte) => byte & 0x0f)), good)],
          () => 'end',
        );
        expect(outcomes.at(1)!.outcomes.at(1)!.result.kind).toBe('applied');
      }),
      // A kind of a later version stops the member on purpose: such noise is passed over.
      { numRuns: 300, ignoreEqualValues: true },
    );
  });

  const unknown: [string, Uint8Array, string][] = [
    ['a command format', Uint8Array.of(2, ...good.slice(1)), 'command'],
    ['a feature level', Uint8Array.of(1, 9, ...good.slice(2)), 'level'],
  ];
  test.each(unknown)('of a later version stop the member: %s', (_what, bytes, what) => {
    expect(() => applied([first, entryOf(bytes)], () => 'end')).toThrow(expect.objectContaining({ name: 'NotUnderstood', what }));
  });

  test('an entry of a later version stops the member', () => {
    const data = Uint8Array.of(2, ...entryOf().data.slice(1));
    expect(() => applied([first, { kind: 'command', term: 1, data }], () => 'end')).toThrow(
      expect.objectContaining({ name: 'NotUnderstood', what: 'entry', found: 2, known: 1 }),
    );
  });
});

/** An entry that uses a session and makes a mirror: what is kept in memory between transactions. */
function twoCommands(value: string): LogEntry {
  const use = { session: new Uint8Array(16), sequence: 1, firstIncomplete: 1 };
  return entryOf(
    bytesOf(writeOf([setOf('a', input('A', value))]), { session: use }),
    bytesOf({ kind: 'create-mirror', definition: mirrorOf('m') }),
  );
}

test('a transaction that did not finish leaves nothing behind, not even in memory', () => {
  const tables = new MemoryTables();
  const machine = new StateMachine();
  const started = machine.begin(tables);
  started.apply({ ...first, index: 1 });
  started.finish();
  // A store takes the rows of such a transaction back; the machine must forget it by itself.
  machine.begin(tables.clone()).apply({ ...twoCommands('lost'), index: 2 });
  const again = machine.begin(tables);
  const { outcomes } = again.apply({ ...twoCommands('kept'), index: 2 });
  again.finish();
  expect(outcomes.map(({ result }) => result.kind)).toEqual(['applied', 'applied']);
  const answer = getEnvironment(tables, { namespace: 'default', name: 'a', revision: null });
  expect(answer).toMatchObject({ kind: 'found', environment: { version: 1 } });
});
