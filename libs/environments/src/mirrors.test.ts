import { describe, expect, test } from '@jest/globals';
import { readProgress, type Revision } from '@env-cli/keyspace';
import {
  type MirrorRow,
  obstacleOf,
  obstacleOfEnvironment,
  readDeliveries,
  readDelivery,
  readMirror,
  readMirrors,
  readOutbox,
  readOutboxRow,
  standingOf,
  standingOfEnvironment,
} from '@env-cli/mirroring';
import { encodeUtf8 } from '@env-cli/support';
import * as fc from 'fast-check';

import type { CommandBody } from './command.ts';
import { list } from './list.ts';
import type { Operation } from './operation.ts';
import { input, mirrorOf, setOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

const at = (revision: number): Revision => revision as Revision;
const none = new Uint8Array(0);

function create(member: TestMember, name: string, parts: Parameters<typeof mirrorOf>[1] = {}): MirrorRow {
  const result = member.apply({ kind: 'create-mirror', definition: mirrorOf(name, parts) });
  if (result.kind !== 'applied') throw new Error(JSON.stringify(result));
  return readMirror(member.tables, 'default', name)!;
}

/** The mirror `m`. */
function rowOf(member: TestMember): MirrorRow {
  return readMirror(member.tables, 'default', 'm')!;
}

function set(member: TestMember, environment: string, value = '1'): void {
  member.apply(writeOf([setOf(environment, input('A', value))]));
}

function label(member: TestMember, environment: string, value: string | null): void {
  const operation: Operation = {
    kind: 'label',
    environment,
    set: value === null ? [] : [{ key: 'tier', value }],
    remove: value === null ? ['tier'] : [],
  };
  member.apply(writeOf([operation]));
}

/** What is due, as `name kind revision`. */
function due(member: TestMember, mirror: MirrorRow): string[] {
  return readOutbox(member.tables, mirror.id, '', 1000).map(
    ({ environment, kind, revision }) => `${environment} ${kind} ${revision}`,
  );
}

/** Reports what a worker did that took the row as it is now. */
function report(member: TestMember, mirror: MirrorRow, environment: string, kind: 'delivered' | 'withdrawn' | 'delivery-failed') {
  const row = readOutboxRow(member.tables, mirror.id, environment)!;
  return member.apply(reportOf(mirror, environment, row, kind, member.term));
}

function reportOf(
  mirror: MirrorRow,
  environment: string,
  row: { readonly revision: Revision; readonly enqueuedIndex: number },
  kind: 'delivered' | 'withdrawn' | 'delivery-failed',
  term = 1,
): CommandBody {
  const { revision, enqueuedIndex } = row;
  const about = { mirror: mirror.id, environment, revision, enqueuedIndex, term };
  if (kind === 'delivered')
    return { kind, ...about, contentHash: Uint8Array.of(1), remoteVersion: encodeUtf8('v1'), detail: none };
  if (kind === 'withdrawn') return { kind, ...about };
  return { kind, ...about, status: 'TARGET_ERROR', detail: Uint8Array.of(9) };
}

describe('a change is due to the mirrors that select it, in its own transaction', () => {
  test('by prefix and labels, of its namespace alone', () => {
    const member = TestMember.bootstrapped();
    const all = create(member, 'all');
    const shop = create(member, 'shop', { prefix: 'shop/' });
    const prod = create(member, 'prod', { labels: [{ kind: 'in', key: 'tier', values: ['prod'] }] });
    set(member, 'shop/a');
    set(member, 'z');
    member.apply(writeOf([setOf('shop/b', input('A', '1'))]), { namespace: 'other' });
    label(member, 'z', 'prod');
    expect(due(member, all)).toEqual(['shop/a deliver 1', 'z deliver 4']);
    expect(due(member, shop)).toEqual(['shop/a deliver 1']);
    expect(due(member, prod)).toEqual(['z deliver 4']);
  });

  test('a burst costs one delivery, of the newest, which is due since the first', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    for (const value of ['1', '2', '3']) set(member, 'a', value);
    expect(readOutbox(member.tables, mirror.id, '', 10)).toMatchObject([
      { environment: 'a', kind: 'deliver', revision: 3, firstRevision: 1, sinceMs: 1_700_000_000_030 },
    ]);
    expect(readMirror(member.tables, 'default', 'm')).toMatchObject({ pendingCount: 1 });
  });

  test('an environment that leaves, by its labels or for ever, is withdrawn', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm', { labels: [{ kind: 'in', key: 'tier', values: ['prod'] }] });
    for (const name of ['a', 'b', 'c']) {
      set(member, name);
      label(member, name, 'prod');
      report(member, mirror, name, 'delivered');
    }
    label(member, 'a', 'test');
    member.apply(writeOf([{ kind: 'delete', environment: 'b' }]));
    set(member, 'a', '2');
    expect(due(member, mirror)).toEqual(['a withdraw 7', 'b withdraw 8']);
    report(member, mirror, 'a', 'withdrawn');
    expect(readDelivery(member.tables, mirror.id, 'a')).toBeNull();
    expect(due(member, mirror)).toEqual(['b withdraw 8']);
  });
});

describe('a report removes what it is about, and nothing newer', () => {
  test('delivered', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    report(member, mirror, 'a', 'delivered');
    expect(due(member, mirror)).toEqual([]);
    expect(readDelivery(member.tables, mirror.id, 'a')).toMatchObject({
      delivered: { revision: 1, contentHash: Uint8Array.of(1) },
      failed: null,
    });
    expect(readMirror(member.tables, 'default', 'm')).toMatchObject({ pendingCount: 0 });
  });

  test('a change that came meanwhile stays due', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    const taken = readOutboxRow(member.tables, mirror.id, 'a')!;
    set(member, 'a', '2');
    member.apply(reportOf(mirror, 'a', taken, 'delivered'));
    expect(due(member, mirror)).toEqual(['a deliver 2']);
    expect(readDelivery(member.tables, mirror.id, 'a')).toMatchObject({ delivered: { revision: 1 } });
  });

  test('so does what is to be delivered again for a new definition, at the same revision', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    const taken = readOutboxRow(member.tables, mirror.id, 'a')!;
    member.apply({ kind: 'update-mirror', definition: mirrorOf('m', { layout: 'per-variable' }) });
    member.settle();
    member.apply(reportOf(mirror, 'a', taken, 'delivered'));
    expect(due(member, mirror)).toEqual(['a deliver 1']);
  });

  test('a report of another term counts for nothing', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    const taken = readOutboxRow(member.tables, mirror.id, 'a')!;
    member.term = 3;
    expect(member.apply(reportOf(mirror, 'a', taken, 'delivered', 2))).toEqual({
      kind: 'refused',
      refusal: { code: 'stale-term', term: 2, current: 3 },
    });
    expect(due(member, mirror)).toEqual(['a deliver 1']);
  });

  test('a report of the other kind removes nothing: what is to be delivered is not done by a withdrawal', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    report(member, mirror, 'a', 'withdrawn');
    expect(due(member, mirror)).toEqual(['a deliver 1']);
  });

  test('a repair that took no row removes none', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    member.apply(reportOf(mirror, 'a', { revision: at(1), enqueuedIndex: 0 }, 'delivered'));
    expect(due(member, mirror)).toEqual(['a deliver 1']);
  });

  test('what failed for good is no longer due; what was delivered before is still known, and a retry makes it due again', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    for (const name of ['a', 'b']) {
      set(member, name);
      report(member, mirror, name, 'delivered');
      set(member, name, '2');
      report(member, mirror, name, 'delivery-failed');
    }
    expect(due(member, mirror)).toEqual([]);
    expect(readDelivery(member.tables, mirror.id, 'a')).toMatchObject({
      delivered: { revision: 1 },
      failed: { revision: 2, status: 'TARGET_ERROR', detail: Uint8Array.of(9) },
    });
    member.apply({ kind: 'retry-mirror', mirror: 'm', environment: 'b' });
    expect(due(member, mirror)).toEqual(['b deliver 4']);
    member.apply({ kind: 'retry-mirror', mirror: 'm', environment: null });
    member.settle();
    expect(due(member, mirror)).toEqual(['a deliver 2', 'b deliver 4']);
    report(member, mirror, 'a', 'delivered');
    expect(readDelivery(member.tables, mirror.id, 'a')).toMatchObject({ delivered: { revision: 2 }, failed: null });
  });

  test('a delivery that lands after its environment left is withdrawn', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm', { prefix: 'a' });
    set(member, 'a');
    const taken = readOutboxRow(member.tables, mirror.id, 'a')!;
    member.apply(writeOf([{ kind: 'delete', environment: 'a' }]));
    report(member, mirror, 'a', 'withdrawn');
    member.apply(reportOf(mirror, 'a', taken, 'delivered'));
    expect(due(member, mirror)).toEqual(['a withdraw 2']);
  });
});

describe('a mirror over many environments is caught up a few rows an entry', () => {
  const names = Array.from({ length: 450 }, (_, place) => `e/${String(place).padStart(4, '0')}`);
  function filled(): TestMember {
    const member = TestMember.bootstrapped();
    for (let from = 0; from < names.length; from += 150) {
      member.apply(writeOf(names.slice(from, from + 150).map((name) => setOf(name, input('A', '1')))));
    }
    return member;
  }

  test('when it is created', () => {
    const member = filled();
    const mirror = create(member, 'm');
    expect(due(member, mirror).length).toBeLessThan(101);
    set(member, 'e/0000', '2');
    set(member, 'e/0449', '2');
    expect(member.settle()).toBeGreaterThan(1);
    expect(due(member, mirror).map((row) => row.split(' ')[0])).toEqual(names);
    expect(due(member, mirror).at(-1)).toBe('e/0449 deliver 5');
    expect(readMirror(member.tables, 'default', 'm')).toMatchObject({ pendingCount: 450, phases: [], phaseAfter: '' });
  });

  test('when its selector changes: what it gains is delivered, what it loses is withdrawn', () => {
    const member = filled();
    const mirror = create(member, 'm', { prefix: 'e/00' });
    member.settle();
    for (const name of names.slice(0, 90)) report(member, mirror, name, 'delivered');
    member.apply({ kind: 'update-mirror', definition: mirrorOf('m', { prefix: 'e/005' }) });
    member.settle();
    expect(due(member, mirror)).toEqual([
      ...names.slice(0, 50).map((name) => `${name} withdraw 1`),
      ...names.slice(60, 100).map((name) => `${name} withdraw 1`),
    ]);
    member.apply({ kind: 'update-mirror', definition: mirrorOf('m', { prefix: 'e/000' }) });
    member.settle();
    expect(due(member, mirror).filter((row) => row.includes('deliver'))).toEqual(
      names.slice(0, 10).map((name) => `${name} deliver 1`),
    );
  });

  test('when it is deleted: all is withdrawn, and then it goes', () => {
    const member = filled();
    const mirror = create(member, 'm', { prefix: 'e/00' });
    member.settle();
    for (const name of names.slice(0, 60)) report(member, mirror, name, 'delivered');
    member.apply({ kind: 'delete-mirror', mirror: 'm', abandon: false });
    member.settle();
    set(member, 'e/0001', '2');
    expect(due(member, mirror)).toEqual(names.slice(0, 100).map((name) => `${name} withdraw 1`));
    expect(member.apply({ kind: 'create-mirror', definition: mirrorOf('m') })).toMatchObject({
      refusal: { code: 'mirror-exists', deleting: true },
    });
    for (const name of names.slice(0, 100)) report(member, mirror, name, 'withdrawn');
    expect(readMirror(member.tables, 'default', 'm')).toBeNull();
    expect(member.tables.size('outbox') + member.tables.size('deliveries')).toBe(0);
  });

  test.each([
    ['abandoned', { abandon: true }, {}],
    ['deleted and leaves what it wrote', { abandon: false }, { onLeave: 'leave' as const }],
  ])('when it is %s: its rows go, and late reports make none', (_what, deletion, parts) => {
    const member = filled();
    const mirror = create(member, 'm', parts);
    member.settle();
    for (const name of names.slice(0, 60)) report(member, mirror, name, 'delivered');
    const taken = readOutboxRow(member.tables, mirror.id, 'e/0100')!;
    member.apply({ kind: 'delete-mirror', mirror: 'm', ...deletion });
    member.apply(reportOf(mirror, 'e/0100', taken, 'delivered'));
    member.apply(reportOf(mirror, 'e/0200', taken, 'delivery-failed'));
    member.settle();
    expect(readMirrors(member.tables, null)).toEqual([]);
    expect(member.tables.size('outbox') + member.tables.size('deliveries')).toBe(0);
    expect(member.apply(reportOf(mirror, 'e/0100', taken, 'delivered'))).toMatchObject({ refusal: { code: 'mirror-not-found' } });
  });

  test('what could not be withdrawn keeps a mirror that is deleted, until it is abandoned', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    report(member, mirror, 'a', 'delivered');
    member.apply({ kind: 'delete-mirror', mirror: 'm', abandon: false });
    member.settle();
    report(member, mirror, 'a', 'delivery-failed');
    expect(readMirror(member.tables, 'default', 'm')).toMatchObject({ deleting: true, pendingCount: 0 });
    member.apply({ kind: 'delete-mirror', mirror: 'm', abandon: true });
    member.settle();
    expect(readMirror(member.tables, 'default', 'm')).toBeNull();
  });
});

describe('definitions that are refused', () => {
  const cases: [string, CommandBody, object][] = [
    [
      'a name that is taken',
      { kind: 'create-mirror', definition: mirrorOf('m', { targetKey: 'file/x' }) },
      { code: 'mirror-exists', deleting: false },
    ],
    [
      'the same target',
      { kind: 'create-mirror', definition: mirrorOf('n', { targetKey: 'file/srv/m' }) },
      { code: 'target-overlap', mirror: 'm', namespace: 'default' },
    ],
    [
      'a target within',
      { kind: 'create-mirror', definition: mirrorOf('n', { targetKey: 'file/srv/m/x' }) },
      { code: 'target-overlap' },
    ],
    [
      'a target around',
      { kind: 'create-mirror', definition: mirrorOf('n', { targetKey: 'file/srv' }) },
      { code: 'target-overlap', targetKey: 'file/srv/m' },
    ],
    [
      'another target for a mirror',
      { kind: 'update-mirror', definition: mirrorOf('m', { targetKey: 'file/y' }) },
      { code: 'target-key-fixed', targetKey: 'file/srv/m' },
    ],
    ['an update of none', { kind: 'update-mirror', definition: mirrorOf('x') }, { code: 'mirror-not-found', mirror: 'x' }],
    ['a deletion of none', { kind: 'delete-mirror', mirror: 'x', abandon: false }, { code: 'mirror-not-found' }],
    ['one too many', { kind: 'create-mirror', definition: mirrorOf('o') }, { code: 'too-many-mirrors', max: 2 }],
  ];
  test.each(cases)('%s', (_what, body, refusal) => {
    const member = TestMember.bootstrapped({ mirrorsMax: 2 });
    create(member, 'm');
    if (body.kind === 'create-mirror' && body.definition.name === 'o') create(member, 'n');
    expect(member.apply(body)).toMatchObject({ kind: 'refused', refusal });
  });

  test('an overlap with a mirror of another namespace; a neighbour whose name begins alike is none', () => {
    const member = TestMember.bootstrapped();
    create(member, 'm');
    const other = { namespace: 'other' };
    expect(member.apply({ kind: 'create-mirror', definition: mirrorOf('m') }, other)).toMatchObject({
      refusal: { code: 'target-overlap', namespace: 'default' },
    });
    expect(member.apply({ kind: 'create-mirror', definition: mirrorOf('m2') }, other).kind).toBe('applied');
  });

  test('a definition that changes nothing, or only the policy, delivers nothing', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    report(member, mirror, 'a', 'delivered');
    expect(member.apply({ kind: 'update-mirror', definition: mirrorOf('m') }).kind).toBe('unchanged');
    expect(member.apply({ kind: 'update-mirror', definition: mirrorOf('m', { onDrift: 'report' }) }).kind).toBe('applied');
    member.settle();
    expect(due(member, mirror)).toEqual([]);
  });
});

describe('whether a mirror rests is a word of its own', () => {
  test('neither a pause nor an update undoes the other, whichever was thought of first', () => {
    const member = TestMember.bootstrapped();
    create(member, 'm');
    member.apply({ kind: 'update-mirror', definition: mirrorOf('m', { onDrift: 'report' }) });
    expect(member.apply({ kind: 'pause-mirror', mirror: 'm', paused: true }).kind).toBe('applied');
    expect(rowOf(member).definition).toMatchObject({ onDrift: 'report', paused: true });
    // It was read before the pause.
    member.apply({ kind: 'update-mirror', definition: mirrorOf('m', { onDrift: 'import', paused: false }) });
    expect(rowOf(member).definition).toMatchObject({ onDrift: 'import', paused: true });
    expect(member.apply({ kind: 'pause-mirror', mirror: 'm', paused: true }).kind).toBe('unchanged');
    member.apply({ kind: 'pause-mirror', mirror: 'm', paused: false });
    expect(rowOf(member).definition).toMatchObject({ onDrift: 'import', paused: false });
  });

  test('changes the version by which its workers see that it is another', () => {
    const member = TestMember.bootstrapped();
    create(member, 'm');
    const before = readProgress(member.tables).mirrorsVersion;
    member.apply({ kind: 'pause-mirror', mirror: 'm', paused: true });
    expect(readProgress(member.tables).mirrorsVersion).toBe(before + 1);
  });

  test('makes nothing due', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    report(member, mirror, 'a', 'delivered');
    for (const paused of [true, false]) member.apply({ kind: 'pause-mirror', mirror: 'm', paused });
    member.settle();
    expect(due(member, mirror)).toEqual([]);
  });

  test('can be said of one that is being deleted: its withdrawals wait for it', () => {
    const member = TestMember.bootstrapped();
    const mirror = create(member, 'm');
    set(member, 'a');
    report(member, mirror, 'a', 'delivered');
    member.apply({ kind: 'pause-mirror', mirror: 'm', paused: true });
    member.apply({ kind: 'delete-mirror', mirror: 'm', abandon: false });
    expect(member.apply({ kind: 'pause-mirror', mirror: 'm', paused: false }).kind).toBe('applied');
    expect(rowOf(member).definition).toMatchObject({ paused: false });
  });

  test('is refused of a mirror that there is not, and of what is no name', () => {
    const member = TestMember.bootstrapped();
    expect(member.apply({ kind: 'pause-mirror', mirror: 'x', paused: true })).toMatchObject({
      refusal: { code: 'mirror-not-found', mirror: 'x' },
    });
    expect(member.apply({ kind: 'pause-mirror', mirror: '../x', paused: true })).toMatchObject({
      refusal: { code: 'invalid', field: 'mirror' },
    });
  });
});

test('whether a mirror holds a revision', () => {
  const member = TestMember.bootstrapped();
  create(member, 'm');
  const standing = (revision: number) => {
    const mirror = readMirror(member.tables, 'default', 'm')!;
    return [standingOf(member.tables, mirror, at(revision), 10), standingOfEnvironment(member.tables, mirror, 'a', at(revision))];
  };
  set(member, 'a');
  set(member, 'b');
  expect(standing(1)).toEqual(['behind', 'behind']);
  report(member, readMirror(member.tables, 'default', 'm')!, 'a', 'delivered');
  expect(standing(1)).toEqual(['holds', 'holds']);
  expect(standing(2)).toEqual(['behind', 'holds']);
  report(member, readMirror(member.tables, 'default', 'm')!, 'b', 'delivery-failed');
  expect(standing(2)).toEqual(['behind', 'holds']);
  member.apply({ kind: 'retry-mirror', mirror: 'm', environment: 'b' });
  report(member, readMirror(member.tables, 'default', 'm')!, 'b', 'delivered');
  expect(standing(2)).toEqual(['holds', 'holds']);
});

/** `a` waits, `b` failed for good, `c` is in place. */
function failing(): TestMember {
  const member = TestMember.bootstrapped();
  const mirror = create(member, 'm');
  for (const name of ['a', 'b', 'c']) set(member, name);
  report(member, mirror, 'c', 'delivered');
  report(member, mirror, 'b', 'delivery-failed');
  return member;
}

/** What the mirror `m` waits for a person with: as a whole, and with `b`. */
function obstacles(member: TestMember, scanMax = 10) {
  return [obstacleOf(member.tables, rowOf(member), scanMax), obstacleOfEnvironment(member.tables, rowOf(member), 'b')];
}

describe('a mirror waits for a person', () => {
  const deadLetter = { kind: 'dead-letter', found: { environment: 'b', failed: { revision: 2, status: 'TARGET_ERROR' } } };

  test('with what failed for good, whatever else waits', () => {
    expect(obstacles(failing())).toMatchObject([deadLetter, deadLetter]);
    expect(obstacleOfEnvironment(failing().tables, rowOf(failing()), 'a')).toBeNull();
  });

  test('no longer once it is due again: by a retry of it or of all, or by a later write', () => {
    for (const body of [
      { kind: 'retry-mirror', mirror: 'm', environment: 'b' },
      { kind: 'retry-mirror', mirror: 'm', environment: null },
      writeOf([setOf('b', input('A', '2'))]),
    ] as const) {
      const member = failing();
      member.apply(body);
      expect(obstacles(member)).toEqual([null, null]);
      member.settle();
      expect(obstacles(member)).toEqual([null, null]);
    }
  });

  test('while it is paused, and first with what failed', () => {
    const member = failing();
    member.apply({ kind: 'pause-mirror', mirror: 'm', paused: true });
    expect(obstacles(member)).toMatchObject([deadLetter, deadLetter]);
    member.apply({ kind: 'retry-mirror', mirror: 'm', environment: 'b' });
    expect(obstacles(member)).toEqual([{ kind: 'paused' }, { kind: 'paused' }]);
  });

  test('with what is not among the rows that are looked at only where the counts say that there is some', () => {
    const member = failing();
    set(member, 'd');
    set(member, 'e');
    expect(obstacles(member, 2)[0]).toBeNull();
    for (const name of ['a', 'd', 'e']) report(member, rowOf(member), name, 'delivered');
    expect(obstacles(member, 1)[0]).toEqual({ kind: 'dead-letter', found: null });
  });
});

describe('in the end the target is what it is to be, whatever happens on the way', () => {
  const name = fc.constantFrom('a', 'b', 'b/c');
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), name, value: fc.nat(9) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('label' as const), name, value: fc.constantFrom('prod', 'test', null) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), name }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('update' as const),
        prefix: fc.constantFrom('', 'b'),
        prod: fc.boolean(),
        layout: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const), name }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('land' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  );
  test('through changes, new definitions, and deliveries that land late', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const member = TestMember.bootstrapped();
        let mirror = create(member, 'm');
        /** Deliveries under way: what was read, still to be reported. */
        const flying: (() => void)[] = [];
        const target = new Set<string>();
        const take = (environment: string): void => {
          const row = readOutboxRow(member.tables, mirror.id, environment);
          if (row === null) return;
          flying.push(() => {
            // A worker looks at the newest state right before it writes; here it is as late as can be.
            if (row.kind === 'deliver') target.add(environment);
            else target.delete(environment);
            member.apply(reportOf(mirror, environment, row, row.kind === 'deliver' ? 'delivered' : 'withdrawn'));
          });
        };
        for (const wish of steps) {
          if (wish.kind === 'set') set(member, wish.name, String(wish.value));
          if (wish.kind === 'label') label(member, wish.name, wish.value);
          if (wish.kind === 'delete') member.apply(writeOf([{ kind: 'delete', environment: wish.name }]));
          if (wish.kind === 'take') take(wish.name);
          if (wish.kind === 'land') flying.shift()?.();
          if (wish.kind === 'compact') member.apply({ kind: 'compact', revision: at(1) });
          if (wish.kind === 'update') {
            const labels = wish.prod ? [{ kind: 'in' as const, key: 'tier', values: ['prod'] }] : [];
            const layout = wish.layout ? 'blob' : 'per-variable';
            member.apply({ kind: 'update-mirror', definition: mirrorOf('m', { prefix: wish.prefix, labels, layout }) });
          }
        }
        while (flying.length > 0) flying.shift()!();
        member.settle();
        for (let rounds = 0; member.tables.size('outbox') > 0; rounds++) {
          expect(rounds).toBeLessThan(5);
          for (const row of readOutbox(member.tables, mirror.id, '', 10)) take(row.environment);
          while (flying.length > 0) flying.shift()!();
          member.settle();
        }
        mirror = readMirror(member.tables, 'default', 'm')!;
        const selected = readDeliveries(member.tables, mirror.id, '', 10).map(({ environment }) => environment);
        expect([...target].toSorted()).toEqual(selected);
        expect([mirror.pendingCount, mirror.failedCount]).toEqual([0, 0]);
        expect(selected).toEqual(selectedBy(member, mirror));
      }),
      { numRuns: 120 },
    );
  });
});

/** What the mirror selects, by another way than the one under test. */
function selectedBy({ tables }: TestMember, { definition }: MirrorRow): string[] {
  const page = list(tables, {
    namespace: 'default',
    prefix: definition.prefix,
    labels: definition.labels,
    after: null,
    revision: null,
    rowsMax: 100,
    bytesMax: 1e6,
    scanMax: 100,
  });
  if (page.kind !== 'page') throw new Error(page.kind);
  return page.environments.map((environment) => environment.name);
}
