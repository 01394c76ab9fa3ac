import { describe, expect, test } from '@jest/globals';
import { hashedTableNames, HashScrub, MemoryTables, type Revision, revisionGapsMax, tableNames } from '@env-cli/keyspace';
import { readMirrors } from '@env-cli/mirroring';

import { changesAfter } from './changes.ts';
import type { CommandBody } from './command.ts';
import { getEnvironment } from './get.ts';
import { history } from './history.ts';
import { positionOf } from './position.ts';
import { RestoredState, restoreRevisionStep } from './restored-state.ts';
import { bootstrapOf, input, mirrorOf, setOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

const clusterId = new Uint8Array(16).fill(1);
const members = [{ memberId: 7, diskId: new Uint8Array(16).fill(8), address: 'z:7381' }];
const restoreOf = (epoch: number): CommandBody => ({
  kind: 'restore',
  clusterId,
  epoch,
  members,
  backupDigest: new Uint8Array(32),
});

/** The tables of a member that is restored from these, before its first entry. */
function restoredFrom(tables: MemoryTables) {
  const restored = new MemoryTables();
  const state = new RestoredState();
  for (const table of tableNames) {
    for (const { key, value } of tables.range(table, { limit: 100_000 })) {
      const after = state.row(table, key, value);
      if (after !== null) restored.put(table, key, after);
    }
  }
  const { found, meta } = state.end();
  for (const { key, value } of meta) restored.put('meta', key, value);
  return { restored, found };
}

function loaded(): TestMember {
  const member = TestMember.bootstrapped({ variablesMax: 7 });
  for (const value of ['1', '2', '3', '4']) member.apply(writeOf([setOf('a', input('A', value))]));
  member.apply(writeOf([setOf('b', input('B', 'x'))]));
  member.apply(writeOf([{ kind: 'delete', environment: 'b' }]));
  member.apply({ kind: 'compact', revision: 2 as Revision });
  member.apply({ kind: 'open-session', session: new Uint8Array(16).fill(5) });
  member.apply({ kind: 'create-mirror', definition: mirrorOf('m') });
  member.settle();
  return member;
}

const page = { namespace: 'default', upTo: null, rowsMax: 100, bytesMax: 1_000_000 };
const shown = (tables: MemoryTables, revision: number | null) => {
  const answer = getEnvironment(tables, { namespace: 'default', name: 'a', revision: revision as Revision | null });
  return answer.kind === 'refused' ? answer.refusal : answer.kind;
};

describe('a restored state', () => {
  test('holds every environment and its history down to the floor; what the cluster may have given out since is refused', () => {
    const source = loaded();
    const { restored, found } = restoredFrom(source.tables);
    expect(found).toMatchObject({ environments: 1, broken: [], progress: { revision: 6, floor: 2 }, identity: { epoch: 1 } });
    const member = new TestMember(restored);
    expect(member.apply(restoreOf(2)).kind).toBe('applied');
    const newest = 6 + restoreRevisionStep;
    expect(positionOf(restored)).toMatchObject({ epoch: 2, clusterId, revision: newest, floor: 2, appliedIndex: 1 });

    const before = history(source.tables, { ...page, name: 'a' });
    const after = history(restored, { ...page, name: 'a' });
    expect(after).toMatchObject({ kind: 'page', compacted: true });
    expect(JSON.stringify(after)).toBe(JSON.stringify(before));
    for (const revision of [null, 2, 3, 6, newest]) expect(shown(restored, revision)).toBe('found');
    for (const revision of [7, newest - 1])
      expect(shown(restored, revision)).toEqual({ code: 'compacted', asked: revision, oldest: newest });
    expect(shown(restored, 1)).toEqual({ code: 'compacted', asked: 1, oldest: 2 });
    expect(shown(restored, newest + 1)).toMatchObject({ code: 'future-revision' });

    // It goes on above all of them, and a watch from below the gap finds what came since.
    expect(member.apply(writeOf([setOf('a', input('A', '5'))]))).toEqual({ kind: 'applied', revision: newest + 1 });
    const limit = { rowsMax: 10, bytesMax: 1_000_000 };
    expect(changesAfter(restored, 6 as Revision, limit)).toMatchObject({ kind: 'changes', changes: [{ revision: newest + 1 }] });
    expect(changesAfter(restored, 9 as Revision, limit)).toMatchObject({ refusal: { code: 'compacted', oldest: newest } });
  });

  test('has the hashes of its rows, as each member keeps them from then on', () => {
    const { restored } = restoredFrom(loaded().tables);
    const member = new TestMember(restored);
    member.apply(restoreOf(2));
    member.apply(writeOf([setOf('c', input('C', '1'))]));
    member.settle();
    const scrub = new HashScrub();
    let step = scrub.step(restored, 10);
    while (step.kind === 'more') step = scrub.step(restored, 10);
    expect(step).toEqual({ kind: 'done', broken: [] });
  });

  test('knows no session: one of before is refused, and nothing of it executed', () => {
    const { restored } = restoredFrom(loaded().tables);
    const member = new TestMember(restored);
    member.apply(restoreOf(2));
    const session = { session: new Uint8Array(16).fill(5), sequence: 1, firstIncomplete: 1 };
    const { revision } = positionOf(restored);
    expect(member.apply(writeOf([setOf('a', input('A', '9'))]), { session })).toMatchObject({
      refusal: { code: 'session-unknown' },
    });
    expect(positionOf(restored).revision).toBe(revision);
    expect(member.apply({ kind: 'open-session', session: session.session }).kind).toBe('applied');
  });

  test('delivers everything to its mirrors again', () => {
    const source = loaded();
    const [mirror] = readMirrors(source.tables, null);
    const report = { mirror: mirror!.id, environment: 'a', revision: 4 as Revision, enqueuedIndex: 0, term: 1 };
    source.apply({ kind: 'withdrawn', ...report });
    const { restored } = restoredFrom(source.tables);
    const member = new TestMember(restored);
    expect(readMirrors(restored, null)[0]!.phases).toEqual(['redeliver', 'retry']);
    member.apply(restoreOf(2));
    member.settle();
    expect(restored.range('outbox', { limit: 10 })).toHaveLength(1);
    expect(readMirrors(restored, null)[0]).toMatchObject({ phases: [], pendingCount: 1 });
  });

  test('says which tables of the backup do not have their hashes', () => {
    for (const table of hashedTableNames.filter((name) => loaded().tables.range(name, { limit: 1 }).length > 0)) {
      const { tables } = loaded();
      const [row] = tables.range(table, { limit: 1 });
      tables.remove(table, row!.key);
      expect(restoredFrom(tables).found.broken).toEqual([table]);
    }
    const { tables } = loaded();
    for (const { key } of tables.range('meta', { limit: 100 })) tables.remove('meta', key);
    expect(() => restoredFrom(tables)).toThrow('the row cluster of meta is missing');
  });

  test('restored again and again keeps a bounded number of gaps, and forgets the history behind the oldest', () => {
    let { tables } = loaded();
    for (let times = 1; times <= revisionGapsMax + 2; times++) {
      const member = new TestMember(restoredFrom(tables).restored);
      member.apply(restoreOf(times + 1));
      ({ tables } = member);
    }
    const { gaps, floor, revision } = positionOf(tables);
    expect(gaps).toHaveLength(revisionGapsMax);
    expect(floor).toBe(6 + 2 * restoreRevisionStep);
    expect(revision).toBe(6 + (revisionGapsMax + 2) * restoreRevisionStep);
    expect(shown(tables, null)).toBe('found');
  });
});

describe('the command restore', () => {
  test('is the first of a restored cluster, and no other', () => {
    const { restored } = restoredFrom(loaded().tables);
    const member = new TestMember(restored);
    expect(member.apply(restoreOf(2)).kind).toBe('applied');
    expect(member.apply(restoreOf(3))).toMatchObject({ refusal: { code: 'already-bootstrapped' } });
    expect(new TestMember().apply(restoreOf(2))).toMatchObject({ refusal: { code: 'not-bootstrapped' } });
    expect(member.apply(bootstrapOf())).toMatchObject({ refusal: { code: 'already-bootstrapped' } });
  });
});
