import { describe, expect, test } from '@jest/globals';
import { readLevelHold } from '@env-cli/keyspace';

import { bodyKinds } from './body-codec.ts';
import { decodeCommand, encodeCommand } from './command-codec.ts';
import type { CommandBody } from './command.ts';
import { commandLevel, featureLevelMax } from './levels.ts';
import { positionOf } from './position.ts';
import { commandOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

/** The last kind that the build of commit fff30fe knows: codes go up to its place. */
const kindsOfLevel1 = bodyKinds.indexOf('pause-mirror') + 1;
const hold: CommandBody = { kind: 'hold-level', held: true };

describe('the feature level of a command', () => {
  test('is 1 for all that the first published build understands, and above for all that came later', () => {
    const levels = bodyKinds.map((kind) => commandLevel({ kind }));
    expect(levels.slice(0, kindsOfLevel1)).toEqual(Array.from({ length: kindsOfLevel1 }, () => 1));
    for (const level of levels.slice(kindsOfLevel1)) expect(level).toBeGreaterThan(1);
    expect(Math.max(...levels)).toBe(featureLevelMax);
  });

  test('stands in front of its body: who does not know the level stops before it reads on', () => {
    const bytes = encodeCommand(commandOf(hold, { level: featureLevelMax + 1 }));
    expect(() => decodeCommand(bytes)).toThrow(expect.objectContaining({ name: 'NotUnderstood', what: 'level' }));
  });

  test('is no lower than its kind needs', () => {
    const bytes = encodeCommand(commandOf(hold, { level: 1 }));
    expect(() => decodeCommand(bytes)).toThrow('a command of a lower level than it needs');
  });
});

describe('a cluster', () => {
  test('takes no command above its level, and takes it from the entry on that raises the level', () => {
    const member = TestMember.bootstrapped();
    expect(member.apply(hold)).toEqual({ kind: 'refused', refusal: { code: 'level-too-low', needed: 2, level: 1 } });
    expect(member.apply({ kind: 'raise-level', featureLevel: 2 }).kind).toBe('applied');
    expect(positionOf(member.tables).featureLevel).toBe(2);
    expect(member.apply(hold).kind).toBe('applied');
  });

  test('never goes back to a lower level', () => {
    const member = TestMember.bootstrapped();
    member.apply({ kind: 'raise-level', featureLevel: 2 });
    expect(member.apply({ kind: 'raise-level', featureLevel: 1 }).kind).toBe('unchanged');
    expect(positionOf(member.tables).featureLevel).toBe(2);
  });

  test('keeps that its level is held, until it is let go', () => {
    const member = TestMember.bootstrapped();
    member.apply({ kind: 'raise-level', featureLevel: 2 });
    expect(readLevelHold(member.tables)).toBe(false);
    member.apply(hold);
    expect(readLevelHold(member.tables)).toBe(true);
    expect(member.apply(hold).kind).toBe('unchanged');
    expect(member.apply({ kind: 'hold-level', held: false }).kind).toBe('applied');
    expect(readLevelHold(member.tables)).toBe(false);
  });
});
