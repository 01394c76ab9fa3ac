import { describe, expect, test } from '@jest/globals';
import type { Revision, VariableType } from '@env-cli/keyspace';
import { encodeUtf8 } from '@env-cli/support';

import { encodeCommand } from './command-codec.ts';
import type { Command, CommandBody } from './command.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { Operation } from './operation.ts';
import { commandOf, hashOf, input, mirrorOf, secretInput, setOf, writeOf } from './testing/commands.ts';
import { refusalOfCommand } from './validate.ts';
import { problemOfType } from './variable-type-rules.ts';

function refused(body: CommandBody, parts: Partial<Command> = {}, limits: Partial<Limits> = {}) {
  const command = commandOf(body, parts);
  return refusalOfCommand(command, encodeCommand(command).length, { ...defaultLimits, ...limits });
}

const good = writeOf([setOf('a', input('A', '1'))]);
const value = (text: string) => ({ kind: 'plain', bytes: encodeUtf8(text) }) as const;

describe('names', () => {
  const names: [string, boolean][] = [
    ['a', true],
    ['payments/prod/eu-1', true],
    ['0.a_b-c', true],
    ['1/2/3/4/5/6/7/8', true],
    ['1/2/3/4/5/6/7/8/9', false],
    ['', false],
    ['A', false],
    ['a//b', false],
    ['/a', false],
    ['a/', false],
    ['.a', false],
    ['a/..', false],
    ['a b', false],
    ['ä', false],
    ['a\0b', false],
    ['a'.repeat(256), true],
    ['a'.repeat(257), false],
  ];
  test.each(names)('environment %j: %s', (name, fits) => {
    expect(refused(writeOf([setOf(name)])) === null).toBe(fits);
  });

  const variables: [string, boolean][] = [
    ['A', true],
    ['_a.b-C9', true],
    ['9A', false],
    ['', false],
    ['A B', false],
    ['Ä', false],
    ['A'.repeat(256), true],
    ['A'.repeat(257), false],
  ];
  test.each(variables)('variable %j: %s', (name, fits) => {
    expect(refused(writeOf([setOf('a', input(name, '1'))])) === null).toBe(fits);
  });

  test.each([
    ['default', true],
    ['a-1', true],
    ['-a', false],
    ['', false],
    ['a/b', false],
    ['a'.repeat(64), false],
  ])('namespace %j: %s', (namespace, fits) => {
    expect(refused(good, { namespace }) === null).toBe(fits);
  });

  test.each([
    [{ key: 'app.kubernetes.io/name', value: 'shop' }, true],
    [{ key: 'k', value: '' }, true],
    [{ key: '', value: 'v' }, false],
    [{ key: '-k', value: 'v' }, false],
    [{ key: 'k', value: 'v v' }, false],
    [{ key: 'k', value: 'v'.repeat(129) }, false],
  ])('label %j: %s', (label, fits) => {
    expect(refused(writeOf([{ kind: 'label', environment: 'a', set: [label], remove: [] }])) === null).toBe(fits);
  });
});

const many = (count: number) => Array.from({ length: count }, (_, place) => input(`V${place}`, '1'));

describe('a refusal says where, and quotes the limit', () => {
  const cases: [string, CommandBody, Partial<Limits>, object][] = [
    ['a name', writeOf([setOf('a'), setOf('B')]), {}, { code: 'invalid', field: 'operations[1].environment' }],
    [
      'a variable',
      writeOf([setOf('a', input('A', '1'), input('9', '1'))]),
      {},
      { code: 'invalid', field: 'operations[0].variables[1].name' },
    ],
    [
      'a value',
      writeOf([setOf('a', input('A', 'long'))]),
      { valueBytesMax: 3 },
      { code: 'too-large', field: 'operations[0].variables[0].value', limit: 'valueBytesMax', max: 3, actual: 4 },
    ],
    [
      'a value that is no text',
      writeOf([setOf('a', input('A', '', { value: { kind: 'plain', bytes: Uint8Array.of(0xff) } }))]),
      {},
      { code: 'invalid', field: 'operations[0].variables[0].value', problem: 'must be UTF-8 text' },
    ],
    [
      'variables of one operation',
      writeOf([setOf('a', ...many(4))]),
      { variablesMax: 3 },
      { code: 'too-large', limit: 'variablesMax', max: 3, actual: 4 },
    ],
    [
      'operations',
      writeOf([setOf('a'), setOf('a')]),
      { operationsMax: 1 },
      { code: 'too-large', field: 'operations', limit: 'operationsMax' },
    ],
    ['no operation', writeOf([]), {}, { code: 'invalid', field: 'operations' }],
    [
      'conditions',
      writeOf([setOf('a')], [{ kind: 'environment-exists', environment: 'a' }]),
      { conditionsMax: 0 },
      { code: 'too-large', limit: 'conditionsMax' },
    ],
    [
      'a condition',
      writeOf([setOf('a')], [{ kind: 'variable-absent', environment: 'a', variable: '' }]),
      {},
      { field: 'conditions[0].variable' },
    ],
    [
      'a variable that is named twice',
      writeOf([setOf('a', input('A', '1'), input('B', '1'), input('A', '2'))]),
      {},
      { code: 'invalid', field: 'operations[0].variables' },
    ],
    [
      'a secret without its hash',
      writeOf([setOf('a', input('A', '1', { secret: true }))]),
      {},
      { field: 'operations[0].variables[0].hash' },
    ],
    [
      'a hash of what is no secret',
      writeOf([setOf('a', input('A', '1', { secret: false, hash: hashOf('1') }))]),
      {},
      { field: 'operations[0].variables[0].hash' },
    ],
    [
      'a restore to nothing',
      writeOf([{ kind: 'restore', environment: 'a', revision: 0 as Revision }]),
      {},
      { field: 'operations[0].revision' },
    ],
    [
      'a value that is not of its type',
      writeOf([setOf('a', input('A', 'x', { type: 'number' }))]),
      {},
      { field: 'operations[0].variables[0].value', problem: expect.stringContaining('decimal number') },
    ],
  ];
  test.each(cases)('%s', (_what, body, limits, refusal) => {
    expect(refused(body, {}, limits)).toMatchObject(refusal);
  });

  test('the place of a command in its session', () => {
    const session = { session: new Uint8Array(16), sequence: 1, firstIncomplete: 2 };
    expect(refused(good, { session })).toMatchObject({ code: 'invalid', field: 'session' });
    expect(refused(good, { session: { ...session, sequence: 0, firstIncomplete: 0 } })).toMatchObject({ field: 'session' });
  });

  test('the reason and the principal', () => {
    expect(refused(good, { reason: encodeUtf8('why') }, { reasonBytesMax: 2 })).toMatchObject({ field: 'reason', max: 2 });
    expect(refused(good, { principal: 'alice' }, { principalBytesMax: 2 })).toMatchObject({ field: 'principal', max: 2 });
  });

  test('no refusal holds a value', () => {
    const secret = 'TOP-SECRET';
    const body = writeOf([setOf('a', secretInput('S', secret, { type: 'number' }))]);
    expect(JSON.stringify(refused(body))).not.toContain(secret);
  });
});

const sized = (operations: Operation[]) => refused(writeOf(operations), {}, { writeBytesMax: 100, environmentBytesMax: 200 });

describe('the size of a write', () => {
  const long = input('A', 'x'.repeat(200));
  test('of several environments is bounded', () => {
    expect(sized([setOf('a', long), setOf('b')])).toMatchObject({ code: 'too-large', limit: 'writeBytesMax', max: 100 });
  });
  test('of one environment may be that of an environment, and then is bounded too', () => {
    expect(sized([setOf('a', long)])).toBeNull();
    expect(sized([setOf('a', long, input('B', 'x'.repeat(200)))])).toMatchObject({ limit: 'environmentBytesMax', max: 400 });
  });
});

describe('types', () => {
  const cases: [VariableType, string, boolean][] = [
    ['string', 'anything', true],
    ['number', '-12.5e3', true],
    ['number', '0', true],
    ['number', '', false],
    ['number', '1.', false],
    ['number', '0x10', false],
    ['number', ' 1', false],
    ['number', '1'.repeat(10_000), false],
    ['boolean', 'true', true],
    ['boolean', 'TRUE', false],
    ['json', '{"a":[1,null]}', true],
    ['json', '{a:1}', false],
    ['json', '['.repeat(100_000), false],
    ['url', 'https://example.org/a?b#c', true],
    ['url', 'postgres://user:pass@host/db', true],
    ['url', 'example.org', false],
    ['url', 'https://a b', false],
    ['url', 'https:', false],
    ['duration', '1h30m', true],
    ['duration', '300ms', true],
    ['duration', '1.5s', true],
    ['duration', '10', false],
    ['duration', '', false],
    ['bytes', '', true],
    ['bytes', 'AAE=', true],
    ['bytes', 'AA==', true],
    ['bytes', 'A===', false],
    ['bytes', 'AAE', false],
    ['bytes', '====', false],
    ['bytes', 'A-_=', false],
  ];
  test.each(cases)('%s %j: %s', (type, text, fits) => {
    expect(problemOfType(type, encodeUtf8(text)) === null).toBe(fits);
    expect(refused(writeOf([setOf('a', input('A', text, { type, value: value(text) }))])) === null).toBe(fits);
  });
});

describe('a mirror', () => {
  const cases: [string, Parameters<typeof mirrorOf>[1] & { name?: string }, string | null][] = [
    [
      'is let in',
      {
        prefix: 'shop/',
        options: [
          { key: 'a', value: '' },
          { key: 'b', value: '' },
        ],
      },
      null,
    ],
    ['of a bad name', { name: 'M' }, 'name'],
    ['of a bad prefix', { prefix: '/a' }, 'prefix'],
    ['of a bad label', { labels: [{ kind: 'has', key: '-' }] }, 'labels'],
    ['that demands one of no values', { labels: [{ kind: 'in', key: 'k', values: [] }] }, 'labels'],
    ['whose target key is not of its provider', { targetKey: 'aws/x' }, 'target_key'],
    ['whose target key ends with a slash', { targetKey: 'file/srv/' }, 'target_key'],
    [
      'whose options are not sorted',
      {
        options: [
          { key: 'b', value: '' },
          { key: 'a', value: '' },
        ],
      },
      'options',
    ],
    ['whose brake is above all', { deleteShareMaxPercent: 101 }, 'delete_share_max_percent'],
  ];
  test.each(cases)('%s', (_what, parts, field) => {
    const refusal = refused({ kind: 'create-mirror', definition: mirrorOf(parts.name ?? 'm', parts) });
    expect(refusal === null ? null : (refusal as { field: string }).field).toBe(field);
  });
});
