import { describe, expect, test } from '@jest/globals';
import type { Revision } from '@env-cli/keyspace';
import { encodeUtf8 } from '@env-cli/support';

import { keyedHash } from './keyed-hash.ts';
import type { Condition } from './operation.ts';
import { bootstrapHashKey, hashOf, input, secretInput, setOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

const at = (revision: number): Revision => revision as Revision;

/** `a` with A=1 (revision 1), B=2 and secret S=x (revision 2); `d` was deleted at revision 4. */
function started(): TestMember {
  const member = TestMember.bootstrapped();
  member.apply(writeOf([setOf('a', input('A', '1'))]));
  member.apply(writeOf([setOf('a', input('B', '2'), secretInput('S', 'x'))]), { principal: 'bob' });
  member.apply(writeOf([setOf('d', input('A', '1'))]));
  member.apply(writeOf([{ kind: 'delete', environment: 'd' }]), { principal: 'carol' });
  return member;
}

const value = (text: string) => encodeUtf8(text);

describe('a write happens when all of its conditions hold', () => {
  const cases: [string, Condition, boolean][] = [
    ['absent: never there', { kind: 'environment-absent', environment: 'n' }, true],
    ['absent: deleted', { kind: 'environment-absent', environment: 'd' }, true],
    ['absent: there', { kind: 'environment-absent', environment: 'a' }, false],
    ['exists: there', { kind: 'environment-exists', environment: 'a' }, true],
    ['exists: deleted', { kind: 'environment-exists', environment: 'd' }, false],
    ['at its revision', { kind: 'environment-at-revision', environment: 'a', revision: at(2) }, true],
    ['at an older revision', { kind: 'environment-at-revision', environment: 'a', revision: at(1) }, false],
    ['at the revision of its deletion', { kind: 'environment-at-revision', environment: 'd', revision: at(4) }, false],
    ['variable at its revision', { kind: 'variable-at-revision', environment: 'a', variable: 'A', revision: at(1) }, true],
    [
      'variable at the revision of its environment',
      { kind: 'variable-at-revision', environment: 'a', variable: 'A', revision: at(2) },
      false,
    ],
    ['variable absent', { kind: 'variable-absent', environment: 'a', variable: 'X' }, true],
    ['variable absent, of no environment', { kind: 'variable-absent', environment: 'n', variable: 'X' }, true],
    ['variable absent: there', { kind: 'variable-absent', environment: 'a', variable: 'A' }, false],
    ['equal', { kind: 'variable-equals', environment: 'a', variable: 'B', value: value('2'), hash: null }, true],
    ['not equal', { kind: 'variable-equals', environment: 'a', variable: 'B', value: value('3'), hash: null }, false],
    ['a secret by its hash', { kind: 'variable-equals', environment: 'a', variable: 'S', value: null, hash: hashOf('x') }, true],
    [
      'a secret by another hash',
      { kind: 'variable-equals', environment: 'a', variable: 'S', value: null, hash: hashOf('y') },
      false,
    ],
    [
      'a plain variable by its hash',
      { kind: 'variable-equals', environment: 'a', variable: 'B', value: null, hash: keyedHash(bootstrapHashKey, value('2')) },
      true,
    ],
    [
      'a plain variable by another hash',
      { kind: 'variable-equals', environment: 'a', variable: 'B', value: null, hash: keyedHash(bootstrapHashKey, value('3')) },
      false,
    ],
    [
      'a secret is never compared by its text',
      { kind: 'variable-equals', environment: 'a', variable: 'S', value: value('x'), hash: null },
      false,
    ],
  ];
  test.each(cases)('%s', (_why, condition, holds) => {
    const member = started();
    const result = member.apply(writeOf([setOf('z', input('Z', '1'))], [condition]));
    expect(result).toMatchObject(
      holds ? { kind: 'applied', revision: 5 } : { kind: 'refused', refusal: { code: 'condition-failed' } },
    );
  });
});

/** The answer to a write whose second condition does not hold. */
function failed(condition: Condition) {
  const holds = { kind: 'environment-exists', environment: 'a' } as const;
  return started().apply(writeOf([setOf('z', input('Z', '1'))], [holds, condition]));
}

describe('a failed condition tells what is there now', () => {
  test('the environment: its revision, who changed it and when', () => {
    expect(failed({ kind: 'environment-at-revision', environment: 'a', revision: at(1) })).toEqual({
      kind: 'refused',
      refusal: {
        code: 'condition-failed',
        field: 'conditions[1]',
        environment: 'a',
        variable: '',
        current: { revision: 2, exists: true, changedBy: 'bob', changedAtMs: 1_700_000_000_030, variable: null },
      },
    });
  });

  test('a deletion', () => {
    expect(failed({ kind: 'environment-exists', environment: 'd' })).toMatchObject({
      refusal: { current: { revision: 4, exists: false, changedBy: 'carol' } },
    });
  });

  test('a variable: its revision and text', () => {
    expect(failed({ kind: 'variable-equals', environment: 'a', variable: 'A', value: value('9'), hash: null })).toMatchObject({
      refusal: {
        variable: 'A',
        current: { variable: { revision: 1, secret: false, value: value('1'), hash: null, valueBytes: 1 } },
      },
    });
  });

  test('a secret: its hash and never its text', () => {
    expect(failed({ kind: 'variable-absent', environment: 'a', variable: 'S' })).toMatchObject({
      refusal: { current: { variable: { revision: 2, secret: true, value: null, hash: hashOf('x'), valueBytes: 1 } } },
    });
  });
});

test('conditions see the state before the write, not what its operations do', () => {
  const absent = { kind: 'environment-absent', environment: 'z' } as const;
  expect(started().apply(writeOf([setOf('z', input('Z', '1'))], [absent]))).toEqual({ kind: 'applied', revision: 5 });
});

test('hashing the texts that conditions compare counts as work, so that no entry hashes without bound', () => {
  const member = started();
  const text = 'x'.repeat(256 * 1024);
  member.apply(writeOf([setOf('large', input('A', text))]));
  const hash = keyedHash(bootstrapHashKey, value(text));
  const equals: Condition = { kind: 'variable-equals', environment: 'large', variable: 'A', value: null, hash };
  const write = (count: number) => {
    const conditions = Array.from({ length: count }, () => equals);
    return member.apply(writeOf([setOf('z', input('Z', String(count)))], conditions));
  };
  expect(write(10)).toMatchObject({ kind: 'applied' });
  expect(write(20)).toMatchObject({ kind: 'refused', refusal: { code: 'too-large', limit: 'commandRowsMax' } });
});
