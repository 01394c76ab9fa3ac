import { describe, expect, test } from '@jest/globals';
import { countSize, readProgress, type Revision } from '@env-cli/keyspace';
import { encodeUtf8 } from '@env-cli/support';

import { readIntegrity } from './integrity.ts';
import { defaultLimits, quotaBytesCeiling, quotaBytesMin } from './limits.ts';
import { limitsOf } from './limits-codec.ts';
import { bytesOf, input, mirrorOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

const quotaBytes = 4000;

const set = (environment: string, text: string, createIfAbsent = true) =>
  writeOf([{ kind: 'set', environment, createIfAbsent, variables: [input('A', text)] }]);
const remove = (environment: string) => writeOf([{ kind: 'delete', environment }]);
const sizeOf = ({ tables }: TestMember): number => readProgress(tables).stateBytes;
const alarmsOf = ({ tables }: TestMember): string[] => readIntegrity(tables).alarms.map(({ kind }) => kind);

/** A member whose state is as large as it may be: 'a' and 'b' exist. */
function full(): TestMember {
  const member = TestMember.bootstrapped({ quotaBytes });
  expect(member.apply(set('a', 'x'.repeat(1000))).kind).toBe('applied');
  expect(member.apply(set('b', 'x'.repeat(1000))).kind).toBe('applied');
  expect(sizeOf(member)).toBeGreaterThanOrEqual(quotaBytes);
  return member;
}

describe('the quota', () => {
  test('a state that has reached it takes nothing that makes it grow, and says how large both are', () => {
    const member = full();
    const refusal = { code: 'no-space', stateBytes: sizeOf(member), quotaBytes };
    expect(member.apply(set('c', '1'))).toEqual({ kind: 'refused', refusal });
    expect(member.apply(set('a', ''))).toEqual({ kind: 'refused', refusal });
    expect(member.apply({ kind: 'create-mirror', definition: mirrorOf('m') })).toEqual({ kind: 'refused', refusal });
    expect(
      member.apply(
        writeOf([
          { kind: 'delete', environment: 'a' },
          { kind: 'label', environment: 'b', set: [], remove: [] },
        ]),
      ),
    ).toEqual({
      kind: 'refused',
      refusal,
    });
    expect(readProgress(member.tables).revision).toBe(2);
  });

  test('deletions and compaction still pass, and make room', () => {
    const member = full();
    expect(member.apply(writeOf([{ kind: 'unset', environment: 'b', variables: ['A'] }])).kind).toBe('applied');
    expect(member.apply(remove('a')).kind).toBe('applied');
    expect(member.apply({ kind: 'compact', revision: 4 as Revision }).kind).toBe('applied');
    member.settle();
    expect(sizeOf(member)).toBeLessThan(quotaBytes / 10);
    expect(member.apply(set('c', '1')).kind).toBe('applied');
  });

  test('sessions, and what mirrors report, still pass', () => {
    const member = TestMember.bootstrapped({ quotaBytes });
    member.apply({ kind: 'create-mirror', definition: mirrorOf('m') });
    member.apply(set('a', 'x'.repeat(2000)));
    const session = new Uint8Array(16).fill(5);
    expect(member.apply({ kind: 'open-session', session }).kind).toBe('applied');
    const about = { mirror: 1, environment: 'a', revision: 1 as Revision, enqueuedIndex: member.index - 1, term: 1 };
    const report = { contentHash: new Uint8Array(32), remoteVersion: encodeUtf8(''), detail: new Uint8Array(0) };
    expect(member.apply({ kind: 'delivered', ...about, ...report }).kind).toBe('applied');
  });

  test('a write that is sent again finds its result, however full the state is by now', () => {
    const member = TestMember.bootstrapped({ quotaBytes });
    const id = new Uint8Array(16).fill(5);
    member.apply({ kind: 'open-session', session: id });
    const session = { session: id, sequence: 1, firstIncomplete: 1 };
    const large = set('a', 'x'.repeat(3000));
    expect(member.apply(large, { session }).kind).toBe('applied');
    expect(member.apply(large, { session })).toMatchObject({ kind: 'replayed', answer: 'applied' });
    expect(member.apply(set('b', '1'), { session: { ...session, sequence: 2 } })).toMatchObject({ kind: 'refused' });
    expect(member.apply(set('b', '1'), { session: { ...session, sequence: 2 } })).toMatchObject({ answer: 'no-space' });
  });

  test('it can be set, alone, within its range; a lower one than the state takes stops all growth', () => {
    const member = TestMember.bootstrapped({ valueBytesMax: 4096 });
    expect(limitsOf(member.tables).quotaBytes).toBe(defaultLimits.quotaBytes);
    expect(member.apply({ kind: 'set-quota', quotaBytes: quotaBytesMin }).kind).toBe('applied');
    expect(member.apply({ kind: 'set-quota', quotaBytes: quotaBytesMin }).kind).toBe('unchanged');
    expect(limitsOf(member.tables)).toEqual({ ...defaultLimits, valueBytesMax: 4096, quotaBytes: quotaBytesMin });
    for (const wrong of [0, quotaBytesMin - 1, quotaBytesCeiling + 1]) {
      expect(member.apply({ kind: 'set-quota', quotaBytes: wrong })).toMatchObject({
        kind: 'refused',
        refusal: { code: 'invalid', field: 'quota_bytes' },
      });
    }
  });
});

describe('the alarm space-low', () => {
  test('is raised once at 80 % of the quota, is about nobody, and comes back when it is cleared too early', () => {
    const member = TestMember.bootstrapped({ quotaBytes });
    member.apply(set('a', 'x'.repeat(1500)));
    expect(alarmsOf(member)).toEqual([]);
    member.apply(set('b', 'x'.repeat(100)));
    const size = sizeOf(member);
    expect(size).toBeGreaterThanOrEqual(quotaBytes * 0.8);
    expect(size).toBeLessThan(quotaBytes);
    expect(readIntegrity(member.tables).alarms).toEqual([
      { kind: 'space-low', member: 0, index: member.index, raisedAtMs: member.stampMs },
    ]);
    member.apply(set('b', 'y'));
    expect(alarmsOf(member)).toEqual(['space-low']);
    expect(member.apply({ kind: 'clear-alarm', alarm: 'space-low', member: 0 }).kind).toBe('applied');
    expect(alarmsOf(member)).toEqual(['space-low']);
    member.apply(remove('a'));
    member.apply({ kind: 'compact', revision: readProgress(member.tables).revision });
    member.settle();
    expect(alarmsOf(member)).toEqual(['space-low']);
    member.apply({ kind: 'clear-alarm', alarm: 'space-low', member: 0 });
    expect(alarmsOf(member)).toEqual([]);
  });
});

describe('the size of the state', () => {
  test('is that of its rows, and the same wherever transactions end', () => {
    const writes = Array.from({ length: 60 }, (_, at) =>
      at % 7 === 6 ? remove(`e${at % 5}`) : set(`e${at % 5}`, 'v'.repeat((at * 37) % 300)),
    );
    const entries = [
      bytesOf({ kind: 'create-mirror', definition: mirrorOf('m') }),
      ...writes.map((body) => bytesOf(body)),
      bytesOf({ kind: 'compact', revision: 30 as Revision }),
      bytesOf({ kind: 'update-mirror', definition: mirrorOf('m', { prefix: 'e1' }) }),
    ];
    const one = TestMember.bootstrapped();
    for (const bytes of entries) one.entry([bytes]);
    one.settle();
    const all = TestMember.bootstrapped();
    all.entry(entries.slice(0, 30));
    all.entry(entries.slice(30));
    all.settle();
    for (const member of [one, all]) expect(sizeOf(member)).toBe(countSize(member.tables));
    expect(sizeOf(all)).toBe(sizeOf(one));
  });
});
