import { describe, expect, test } from '@jest/globals';

import { alarmToStopFor, isInAgreement, readIntegrity } from './integrity.ts';
import type { CommandBody } from './command.ts';
import { bootstrapOf, bytesOf, input, setOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

const hashes = (byte: number): Uint8Array => new Uint8Array(56).fill(byte);
const right = hashes(1);

/** A member of a cluster of so many. */
function memberOf(count: number): TestMember {
  const member = new TestMember();
  const members = Array.from({ length: count }, (_, i) => ({
    memberId: i + 1,
    diskId: new Uint8Array(16).fill(i),
    address: `m${i + 1}:7381`,
  }));
  member.apply({ ...bootstrapOf(), members } as CommandBody);
  return member;
}

/** Marks an entry, and lets members report about it; answers its index. */
function marked(state: TestMember, ...reports: readonly (readonly [member: number, hashes: Uint8Array])[]): number {
  state.apply({ kind: 'mark-hashes' });
  const { index } = state;
  for (const [member, bytes] of reports) state.apply({ kind: 'report-hashes', index, member, hashes: bytes });
  return index;
}

const alarmsOf = (state: TestMember): string[] =>
  readIntegrity(state.tables).alarms.map(({ kind, member }) => (member === 0 ? kind : `${kind} ${member}`));

describe('the hashes that members report after a marked entry are compared by the log itself', () => {
  const wrong = hashes(2);
  const cases = [
    // why                                          members  reports in their order                        alarms                  agreed
    [
      'all are equal',
      3,
      [
        [1, right],
        [2, right],
        [3, right],
      ],
      [],
      true,
    ],
    [
      'a majority is equal, and nobody says else',
      3,
      [
        [1, right],
        [3, right],
      ],
      [],
      true,
    ],
    ['too few have reported', 3, [[2, right]], [], false],
    [
      'one differs from the majority',
      3,
      [
        [1, right],
        [2, wrong],
        [3, right],
      ],
      ['state-diverged 2'],
      true,
    ],
    [
      'one differs, and reports last',
      3,
      [
        [1, right],
        [3, right],
        [2, wrong],
      ],
      ['state-diverged 2'],
      true,
    ],
    [
      'two differ, the third is away',
      3,
      [
        [1, right],
        [2, wrong],
      ],
      ['state-disagreed'],
      false,
    ],
    [
      'all differ',
      3,
      [
        [1, right],
        [2, wrong],
        [3, hashes(3)],
      ],
      ['state-disagreed'],
      false,
    ],
    [
      'a draw',
      4,
      [
        [1, right],
        [2, wrong],
        [3, right],
        [4, wrong],
      ],
      ['state-disagreed'],
      false,
    ],
    [
      'two of five differ',
      5,
      [
        [1, wrong],
        [2, right],
        [3, right],
        [4, hashes(3)],
        [5, right],
      ],
      ['state-diverged 1', 'state-diverged 4'],
      true,
    ],
    [
      'a majority of who reported is none of all',
      5,
      [
        [1, right],
        [2, right],
        [3, wrong],
      ],
      ['state-disagreed'],
      false,
    ],
    ['one alone agrees with itself', 1, [[1, right]], [], true],
    [
      'who is no member is not heard',
      3,
      [
        [1, right],
        [7, right],
        [2, wrong],
      ],
      ['state-disagreed'],
      false,
    ],
    [
      'who reports twice is heard once',
      3,
      [
        [1, right],
        [1, wrong],
        [2, right],
      ],
      [],
      true,
    ],
  ] as const;

  test.each(cases)('%s', (_why, count, reports, alarms, agreed) => {
    const state = memberOf(count);
    const index = marked(state, ...reports);
    expect(alarmsOf(state)).toEqual(alarms);
    expect(readIntegrity(state.tables).agreedIndex).toBe(agreed ? index : 0);
  });

  test('a mark finds equal hashes on members that applied the same, and others where a row is not what was applied', () => {
    const states = [memberOf(3), memberOf(3), memberOf(3)];
    const found = states.map((state, place) => {
      state.apply(writeOf([setOf('a', input('A', '1'))]));
      if (place === 2) state.apply(writeOf([setOf('a', input('A', '2'))]));
      else state.apply(writeOf([setOf('a', input('A', '3'))]));
      return state.entry([bytesOf({ kind: 'mark-hashes' })]).hashes;
    });
    expect(found[0]).toMatchObject({ index: states[0]!.index });
    expect(found[1]).toEqual(found[0]);
    expect(found[2]!.bytes).not.toEqual(found[0]!.bytes);
  });

  test('a report about an entry that is not marked, or whose mark is forgotten, changes nothing', () => {
    const state = memberOf(3);
    const first = marked(state);
    const report = (index: number) => state.apply({ kind: 'report-hashes', index, member: 1, hashes: right }).kind;
    expect(report(first + 1)).toBe('unchanged');
    for (let more = 0; more < 4; more++) marked(state);
    expect(report(first)).toBe('unchanged');
    expect(report(state.index)).toBe('unchanged');
    expect(readIntegrity(state.tables).marks).toHaveLength(4);
  });

  test('hashes that are longer than any version makes are refused', () => {
    const state = memberOf(3);
    const index = marked(state);
    expect(state.apply({ kind: 'report-hashes', index, member: 1, hashes: new Uint8Array(257) })).toMatchObject({
      refusal: { code: 'invalid', field: 'hashes' },
    });
  });
});

describe('an alarm', () => {
  test('stays until it is cleared, and is raised again by the next mark that finds the same', () => {
    const state = memberOf(3);
    const diverged = [
      [1, right],
      [2, hashes(2)],
      [3, right],
    ] as const;
    marked(state, ...diverged);
    marked(state, [1, right], [2, right], [3, right]);
    expect(alarmsOf(state)).toEqual(['state-diverged 2']);
    expect(state.apply({ kind: 'clear-alarm', alarm: 'state-diverged', member: 3 }).kind).toBe('unchanged');
    expect(state.apply({ kind: 'clear-alarm', alarm: 'state-diverged', member: 2 }).kind).toBe('applied');
    expect(alarmsOf(state)).toEqual([]);
    marked(state, ...diverged);
    expect(alarmsOf(state)).toEqual(['state-diverged 2']);
  });

  test('is raised by a member about itself once, and only about a member', () => {
    const state = memberOf(3);
    const raise = (member: number) => state.apply({ kind: 'raise-alarm', alarm: 'state-rotten', member, index: 5 }).kind;
    expect([raise(3), raise(3), raise(4)]).toEqual(['applied', 'unchanged', 'unchanged']);
    expect(readIntegrity(state.tables).alarms).toEqual([
      { kind: 'state-rotten', member: 3, index: 5, raisedAtMs: state.stampMs - 20 },
    ]);
  });
});

describe('a member stops for an alarm about itself, while most of the cluster goes on without it', () => {
  const cases = [
    // why                                members  accused     stops
    ['one of three', 3, [2], true],
    ['two of three would be the quorum', 3, [1, 2], false],
    ['two of five', 5, [2, 4], true],
    ['three of five would be the quorum', 5, [1, 2, 4], false],
    ['one of two would be the quorum', 2, [2], false],
    ['a single member', 1, [1], false],
    ['another one is accused', 3, [3], false],
  ] as const;

  test.each(cases)('%s', (_why, count, accused, stops) => {
    const state = memberOf(count);
    for (const member of accused) state.apply({ kind: 'raise-alarm', alarm: 'state-rotten', member, index: 5 });
    const self = count === 1 ? 1 : 2;
    expect(alarmToStopFor(state.tables, self) !== null).toBe(stops);
  });

  test('an alarm about a member that was removed takes nothing from those that are left', () => {
    const state = memberOf(4);
    state.apply({ kind: 'raise-alarm', alarm: 'state-rotten', member: 4, index: 5 });
    state.apply({ kind: 'remove-member', memberId: 4 });
    state.apply({ kind: 'raise-alarm', alarm: 'state-rotten', member: 2, index: 6 });
    expect(alarmsOf(state)).toEqual(['state-rotten 4', 'state-rotten 2']);
    expect(alarmToStopFor(state.tables, 2)).toMatchObject({ member: 2 });
  });

  test('nobody stops for a disagreement in which nobody is known to be right', () => {
    const state = memberOf(3);
    marked(state, [1, right], [2, hashes(2)]);
    expect([1, 2, 3].map((member) => alarmToStopFor(state.tables, member))).toEqual([null, null, null]);
  });
});

describe('a member that was given another state in place of a wrong one', () => {
  const wrong = hashes(2);

  test('goes on though the alarm stands, for that is about the state before', () => {
    const state = memberOf(3);
    const index = marked(state, [1, right], [2, wrong], [3, right]);
    expect(alarmToStopFor(state.tables, 2, index - 1)).toMatchObject({ kind: 'state-diverged', index });
    expect(alarmToStopFor(state.tables, 2, index)).toBeNull();
    marked(state, [1, right], [2, right], [3, right]);
    expect(alarmToStopFor(state.tables, 2, index)).toBeNull();
    expect(alarmsOf(state)).toEqual(['state-diverged 2']);
  });

  test('stops when the new state is wrong too, though no second alarm is raised while the first stands', () => {
    const state = memberOf(3);
    const repaired = marked(state, [1, right], [2, wrong], [3, right]);
    const index = marked(state, [1, right], [2, wrong], [3, right]);
    expect(alarmsOf(state)).toEqual(['state-diverged 2']);
    expect(alarmToStopFor(state.tables, 2, repaired)).toMatchObject({ kind: 'state-diverged', member: 2, index });
  });

  test('stops for a later alarm of another kind', () => {
    const state = memberOf(3);
    const repaired = marked(state, [1, right], [2, wrong], [3, right]);
    state.apply({ kind: 'raise-alarm', alarm: 'state-rotten', member: 2, index: repaired + 1 });
    expect(alarmToStopFor(state.tables, 2, repaired)).toMatchObject({ kind: 'state-rotten' });
  });
});

describe('a state may be taken from a member', () => {
  test('that held what the majority held at the newest entry at which that is known', () => {
    const state = memberOf(3);
    expect([1, 2, 3].map((member) => isInAgreement(state.tables, member))).toEqual([true, true, true]);
    marked(state, [1, right], [2, hashes(2)], [3, right]);
    expect([1, 2, 3].map((member) => isInAgreement(state.tables, member))).toEqual([true, false, true]);
    // It was repaired since.
    marked(state, [1, right], [2, right], [3, right]);
    expect(isInAgreement(state.tables, 2)).toBe(true);
  });

  test('and from none that is accused and says nothing better', () => {
    const state = memberOf(3);
    state.apply({ kind: 'raise-alarm', alarm: 'state-rotten', member: 2, index: 5 });
    expect([1, 2].map((member) => isInAgreement(state.tables, member))).toEqual([true, false]);
  });
});
