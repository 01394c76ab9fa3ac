import { describe, expect, test } from '@jest/globals';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { encodeCommand, keyedHash as pureKeyedHash, type VariableInput } from '@env-cli/environments';
import { WriteRequestSchema } from '@env-cli/wire';

import { Refused } from '../errors/refused.ts';
import { keyedHash, unmarked } from './secrets.ts';
import { needsMarks, writeBodyOf } from './write.ts';

const hashKey = new Uint8Array(32).fill(1);
const surroundings = {
  hashKey,
  marks: {
    of: (environment: string, variable: string) =>
      environment === 'none' ? unmarked : { secret: `${environment} ${variable}` === 'a KEY', type: 'number' as const },
  },
};

function bodyOf(init: MessageInitShape<typeof WriteRequestSchema>) {
  return writeBodyOf(create(WriteRequestSchema, init), surroundings);
}

const set = (environment: string, name: string, secret?: boolean) =>
  ({
    environment,
    action: { case: 'set', value: { variables: [{ name, value: 'v', ...(secret === undefined ? {} : { secret }) }] } },
  }) as const;

const setTyped = (environment: string, name: string) =>
  ({ environment, action: { case: 'set', value: { variables: [{ name, value: 'v', secret: true, type: 1 }] } } }) as const;

function hashesOf(init: MessageInitShape<typeof WriteRequestSchema>): (boolean | string)[] {
  return bodyOf(init).operations.flatMap((operation) => {
    const variables: readonly (VariableInput | string)[] = 'variables' in operation ? operation.variables : [];
    return variables.map((variable) => (typeof variable === 'string' ? variable : variable.hash !== null));
  });
}

describe('a value is hashed exactly when its variable is a secret as the operations before it leave it', () => {
  const cases = [
    ['a secret from before, not spoken of', [set('a', 'KEY')], [true]],
    ['another environment', [set('b', 'KEY')], [false]],
    ['made a secret', [set('b', 'KEY', true)], [true]],
    ['made none', [set('a', 'KEY', false)], [false]],
    ['made a secret by an operation before', [set('b', 'KEY', true), set('b', 'KEY')], [true, true]],
    ['deleted before', [{ environment: 'a', action: { case: 'delete', value: {} } }, set('a', 'KEY')], [false]],
    [
      'removed before',
      [{ environment: 'a', action: { case: 'unset', value: { names: ['KEY'] } } }, set('a', 'KEY')],
      ['KEY', false],
    ],
    [
      'replaced before',
      [{ environment: 'a', action: { case: 'replace', value: { variables: [{ name: 'B', value: '' }] } } }, set('a', 'KEY')],
      [false, false],
    ],
    [
      'kept by a replacement',
      [{ environment: 'a', action: { case: 'replace', value: { variables: [{ name: 'KEY', value: '' }] } } }, set('a', 'KEY')],
      [true, true],
    ],
    [
      'given after a restore',
      [{ environment: 'a', action: { case: 'restore', value: { revision: 1n } } }, setTyped('a', 'KEY'), set('a', 'KEY')],
      [true, true],
    ],
  ] as const;
  test.each(cases)('%s', (_why, operations, hashed) => {
    expect(hashesOf({ operations: operations as never })).toEqual(hashed);
  });
});

test('the mark of a variable of a restored environment must be said', () => {
  const operations = [{ environment: 'a', action: { case: 'restore', value: { revision: 1n } } }, set('a', 'KEY')] as const;
  expect(() => bodyOf({ operations: operations as never })).toThrow(Refused);
});

test('a hash is the first half of HMAC-SHA256 of the text (RFC 4231, case 1)', () => {
  const hash = keyedHash(new Uint8Array(20).fill(0x0b), new TextEncoder().encode('Hi There'));
  expect(Buffer.from(hash).toString('hex')).toBe('b0344c61d8db38535ca8afceaf0bf12b');
});

const equals = (environment: string, name: string) =>
  ({ environment, demand: { case: 'variable', value: { name, demand: { case: 'value', value: 'v' } } } }) as const;

test('a text that is compared stands in the log only where the variable is there and no secret', () => {
  const { conditions } = bodyOf({ conditions: [equals('a', 'KEY'), equals('a', 'PLAIN'), equals('none', 'X')] });
  const value = new TextEncoder().encode('v');
  expect(conditions).toMatchObject([
    { value: null, hash: keyedHash(hashKey, value) },
    { value, hash: null },
    { value: null, hash: null },
  ]);
});

test('revision 0 in a condition says that nothing is there', () => {
  const { conditions } = bodyOf({
    conditions: [
      { environment: 'a', demand: { case: 'modifyRevision', value: 0n } },
      { environment: 'a', demand: { case: 'variable', value: { name: 'X', demand: { case: 'modifyRevision', value: 0n } } } },
      { environment: 'a', demand: { case: 'modifyRevision', value: 7n } },
    ],
  });
  expect(conditions.map(({ kind }) => kind)).toEqual(['environment-absent', 'variable-absent', 'environment-at-revision']);
});

test('a condition on a text holds its hash and never the text, which may be that of a secret', () => {
  const demand = { case: 'variable', value: { name: 'KEY', demand: { case: 'value', value: 'sk_live_1' } } } as const;
  const body = bodyOf({
    conditions: [{ environment: 'a', demand }],
    operations: [{ environment: 'b', action: { case: 'delete', value: {} } }],
  });
  const hash = keyedHash(hashKey, new TextEncoder().encode('sk_live_1'));
  expect(body.conditions).toEqual([{ kind: 'variable-equals', environment: 'a', variable: 'KEY', value: null, hash }]);
  const requestId = { member: 1, startNonce: 1, counter: 1 };
  const frame = { level: 1, group: 1, namespace: 'default', principal: 'p', authorisationRevision: 0, session: null, requestId };
  const command = encodeCommand({ ...frame, reason: new Uint8Array(), body });
  expect(Buffer.from(command).includes('sk_live_1')).toBe(false);
  expect(Buffer.from(command).includes(Buffer.from(hash))).toBe(true);
});

test('a hash that is made here is the one that the state machine makes', () => {
  for (const text of ['', 'x', 'ö'.repeat(100_000)]) {
    const bytes = new TextEncoder().encode(text);
    expect(Buffer.from(keyedHash(hashKey, bytes))).toEqual(Buffer.from(pureKeyedHash(hashKey, bytes)));
  }
});

describe('what is no request is refused by its field', () => {
  const cases = [
    ['an operation without action', { operations: [{ environment: 'a' }] }, 'operations[0]'],
    ['a condition without demand', { conditions: [{ environment: 'a' }] }, 'conditions[0]'],
    [
      'a revision below 0',
      { conditions: [{ environment: 'a', demand: { case: 'modifyRevision', value: -1n } }] },
      'conditions[0].modify_revision',
    ],
    [
      'a revision above 2^53 - 1',
      { operations: [{ environment: 'a', action: { case: 'restore', value: { revision: 2n ** 53n } } }] },
      'operations[0].revision',
    ],
    [
      'an unknown type',
      { operations: [{ environment: 'a', action: { case: 'set', value: { variables: [{ name: 'A', type: 99 }] } } }] },
      'operations[0].variables[0].type',
    ],
  ] as const;
  test.each(cases)('%s', (_why, init, field) => {
    let refusal: unknown;
    try {
      bodyOf(init as never);
    } catch (error) {
      refusal = (error as Refused).refusal;
    }
    expect(refusal).toMatchObject({ code: 'invalid', field });
  });
});

test('only a write that leaves a mark unsaid has to look at what is there', () => {
  const requests = [undefined, false].map((secret) =>
    create(WriteRequestSchema, { operations: [set('a', 'KEY', secret)] as never }),
  );
  expect(requests.map(needsMarks)).toEqual([true, false]);
});
