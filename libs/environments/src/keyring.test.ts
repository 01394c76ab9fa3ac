import { describe, expect, test } from '@jest/globals';
import type { Revision, VariableValue } from '@env-cli/keyspace';
import { encodeUtf8 } from '@env-cli/support';

import type { CommandBody, ResealBody, ResealedValue } from './command.ts';
import { diff } from './diff.ts';
import { getEnvironment } from './get.ts';
import { readKeyring } from './keyring.ts';
import { sealsPerDataKeyMax, sealsTakenAtOnceMax } from './keyring-row.ts';
import { hashOf, input, secretInput, setOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const wrapped = (byte: number) => ({ wrapped: fill(60, byte), check: fill(16, byte) });
const founding: CommandBody = { kind: 'found-keyring', masterKey: fill(8, 1), hashKey: wrapped(1), dataKey: wrapped(2) };
const sealedBy = (keyId: number, nonce: number) =>
  ({ kind: 'sealed', keyId, nonce: fill(12, nonce), bytes: fill(21, nonce), plainLengthBytes: 5 }) as const;

function founded(): TestMember {
  const member = TestMember.bootstrapped();
  expect(member.apply(founding).kind).toBe('applied');
  return member;
}

describe('the keys of secrets', () => {
  test('are founded once: whoever comes later has to open those that are there', () => {
    const member = founded();
    expect(member.apply({ ...founding, masterKey: fill(8, 9) } as CommandBody).kind).toBe('unchanged');
    expect(readKeyring(member.tables)).toMatchObject({ version: 1, masterKey: fill(8, 1), dataKeys: [{ id: 1, sealsTaken: 0 }] });
  });

  test('grow by one data key at a time, so that two members that add one add one', () => {
    const member = founded();
    expect(member.apply({ kind: 'add-data-key', id: 2, key: wrapped(3) }).kind).toBe('applied');
    expect(member.apply({ kind: 'add-data-key', id: 2, key: wrapped(4) }).kind).toBe('unchanged');
    expect(member.apply({ kind: 'add-data-key', id: 4, key: wrapped(4) }).kind).toBe('unchanged');
    expect(readKeyring(member.tables)?.dataKeys.map(({ id, check }) => [id, check[0]])).toEqual([
      [1, 2],
      [2, 3],
    ]);
  });

  test('give no more seals than one key may make', () => {
    const member = founded();
    const take = (): string => member.apply({ kind: 'take-seals', id: 1, count: sealsTakenAtOnceMax }).kind;
    for (let taken = 0; taken < sealsPerDataKeyMax; taken += sealsTakenAtOnceMax) expect(take()).toBe('applied');
    expect(take()).toBe('unchanged');
    expect(readKeyring(member.tables)?.dataKeys[0]?.sealsTaken).toBe(2 ** 32);
  });

  test('are wrapped anew only as they stand', () => {
    const member = founded();
    const rewrap = (version: number): CommandBody => ({
      kind: 'rewrap-keys',
      version,
      masterKey: fill(8, 5),
      hashKey: wrapped(6),
      dataKeys: [wrapped(7)],
    });
    expect(member.apply(rewrap(0)).kind).toBe('unchanged');
    expect(member.apply(rewrap(1)).kind).toBe('applied');
    expect(member.apply(rewrap(1)).kind).toBe('unchanged');
    expect(readKeyring(member.tables)).toMatchObject({
      version: 2,
      masterKey: fill(8, 5),
      dataKeys: [{ id: 1, check: fill(16, 7) }],
    });
  });
});

test('a cluster that has keys takes no secret that is not sealed', () => {
  const member = founded();
  expect(member.apply(writeOf([setOf('a', secretInput('S', 'x'))]))).toMatchObject({
    refusal: { code: 'secret-not-sealed', variable: 'S' },
  });
  expect(member.apply(writeOf([setOf('a', secretInput('S', 'x', { value: sealedBy(1, 1) }), input('P', 'plain'))])).kind).toBe(
    'applied',
  );
});

const valueOf = (member: TestMember, revision: number | null = null): VariableValue | undefined => {
  const answer = getEnvironment(member.tables, { namespace: 'default', name: 'a', revision: revision as Revision | null });
  return answer.kind === 'found' ? answer.environment.variable('S')?.value : undefined;
};
function written(): TestMember {
  const member = founded();
  member.apply(writeOf([setOf('a', secretInput('S', 'x', { value: sealedBy(1, 1) }), input('P', 'plain'))]));
  return member;
}

describe('values that are sealed anew', () => {
  const anew = (parts: Partial<ResealedValue> = {}): ResealBody => ({
    kind: 'reseal',
    values: [
      { environment: 'a', variable: 'S', keyId: 1, nonce: fill(12, 1), hash: hashOf('x'), value: sealedBy(2, 9), ...parts },
    ],
  });
  test('stand in the place of the old ones, and nothing else has changed', () => {
    const member = written();
    const before = getEnvironment(member.tables, { namespace: 'default', name: 'a', revision: null });
    expect(member.apply(anew())).toEqual({ kind: 'applied', revision: 1 });
    const after = getEnvironment(member.tables, { namespace: 'default', name: 'a', revision: null });
    expect(valueOf(member)).toEqual(sealedBy(2, 9));
    if (before.kind !== 'found' || after.kind !== 'found') throw new Error('the environment is gone');
    expect(after.environment.head).toEqual(before.environment.head);
    expect(after.environment.variable('P')).toEqual(before.environment.variable('P'));
    expect(after.environment.variable('S')?.changedRevision).toBe(1);
    const place = { namespace: 'default', name: 'a' };
    expect(diff(member.tables, { ...place, revision: 1 as Revision }, { ...place, revision: null })).toMatchObject({
      variables: [],
    });
  });

  test('are undone and kept in the history like any others', () => {
    const member = written();
    member.apply(anew());
    member.apply(writeOf([setOf('a', secretInput('S', 'y', { value: sealedBy(2, 3) }))]));
    expect([valueOf(member, 1), valueOf(member)]).toEqual([sealedBy(2, 9), sealedBy(2, 3)]);
  });

  const stay = [
    ['a variable that was set meanwhile', { nonce: fill(12, 7) }],
    ['a variable that is not there', { variable: 'T' }],
    ['an environment that is not there', { environment: 'b' }],
    ['a plain variable', { variable: 'P' }],
    ['another key', { keyId: 3 }],
  ] as const;
  test.each(stay)('leave alone: %s', (_why, parts) => {
    const member = written();
    expect(member.apply(anew(parts)).kind).toBe('unchanged');
    expect(valueOf(member)).toEqual(sealedBy(1, 1));
  });

  test('a secret from before there were keys is sealed in its place', () => {
    const member = TestMember.bootstrapped();
    member.apply(writeOf([setOf('a', secretInput('S', 'x'))]));
    member.apply(founding);
    const asWas = { keyId: 0, nonce: hashOf('x').subarray(0, 12), hash: hashOf('new'), value: sealedBy(1, 4) };
    expect(member.apply(anew({ ...asWas, nonce: hashOf('y').subarray(0, 12) })).kind).toBe('unchanged');
    expect(member.apply(anew(asWas)).kind).toBe('applied');
    expect(valueOf(member)).toEqual(sealedBy(1, 4));
  });

  test('what no member would have made is refused', () => {
    const member = written();
    const tooLong = { ...sealedBy(2, 9), bytes: fill(5 + 65, 1) };
    expect(member.apply(anew({ value: tooLong }))).toMatchObject({ refusal: { code: 'invalid', field: 'values[0]' } });
    const many = {
      kind: 'reseal',
      values: Array.from({ length: 101 }, () => anew().values[0]!),
    } as const;
    expect(member.apply(many)).toMatchObject({ refusal: { code: 'too-large', limit: 'resealedValuesMax' } });
    const badKey = { kind: 'add-data-key', id: 2, key: { wrapped: encodeUtf8(''), check: fill(16, 1) } } as const;
    expect(member.apply(badKey)).toMatchObject({ refusal: { code: 'invalid', field: 'key' } });
  });
});
