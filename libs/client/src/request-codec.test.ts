import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { BatchGetRequestSchema, Consistency, GetRequestSchema, VariableType, View, WriteRequestSchema } from '@env-cli/wire';
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import type { Condition, Operation } from './operation.ts';
import { encodeBatchGet, encodeGet, encodeWrite, type SentReadOptions } from './request-codec.ts';

const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 80 }), fc.string({ unit: 'binary-ascii', maxLength: 300 }));
const revision = fc.nat(Number.MAX_SAFE_INTEGER);
const levels = { strong: Consistency.STRONG, 'read-your-writes': Consistency.READ_YOUR_WRITES, eventual: Consistency.EVENTUAL };
const views = { masked: View.MASKED, full: View.FULL };
const strong: SentReadOptions = { consistency: 'strong', token: '', revision: 0, view: 'masked' };

describe('what is written by hand is what generated code reads', () => {
  test('for reads', () => {
    const options = fc.record({
      consistency: fc.constantFrom('strong' as const, 'eventual' as const, 'read-your-writes' as const),
      token: text,
      revision,
      view: fc.constantFrom('masked' as const, 'full' as const),
    });
    fc.assert(
      fc.property(text, text, fc.array(text, { maxLength: 5 }), options, (namespace, name, names, sent) => {
        const wire = {
          consistency: levels[sent.consistency],
          token: sent.token,
          revision: BigInt(sent.revision),
          view: views[sent.view],
        };
        expect(fromBinary(GetRequestSchema, encodeGet(namespace, name, sent, names))).toEqual(
          create(GetRequestSchema, {
            namespace,
            name,
            options: wire,
            variables: names,
          }),
        );
        expect(fromBinary(BatchGetRequestSchema, encodeBatchGet(namespace, names, sent))).toEqual(
          create(BatchGetRequestSchema, {
            namespace,
            names,
            options: wire,
          }),
        );
      }),
    );
  });

  test('for the greatest lag', () => {
    const bytes = encodeGet('', 'a', { ...strong, consistency: { maxLagMs: 1500.5 } }, []);
    expect(fromBinary(GetRequestSchema, bytes).options?.maxLag).toMatchObject({ seconds: 1n, nanos: 500_500_000 });
  });

  test('for values of any length, at the edges of a length’s own length', () => {
    for (const length of [0, 1, 47, 48, 49, 127, 128, 16_383, 16_384, 300_000]) {
      for (const unit of ['a', 'é', '🌍']) {
        const value = unit.repeat(length);
        const bytes = encodeWrite('n', { operations: [{ kind: 'set', environment: 'e', variables: { X: value } }] }, '');
        const { action } = fromBinary(WriteRequestSchema, bytes).operations[0]!;
        expect(action.case === 'set' && action.value.variables[0]?.value === value).toBe(true);
      }
    }
  });

  test.each<[Operation, NonNullable<MessageInitShape<typeof WriteRequestSchema>['operations']>[number]]>([
    [
      {
        kind: 'create',
        environment: 'e',
        variables: { A: '1', B: { value: '', secret: true } },
        labels: { t: 'p', u: '' },
        description: 'd',
      },
      {
        environment: 'e',
        action: {
          case: 'create',
          value: {
            variables: [
              { name: 'A', value: '1' },
              { name: 'B', secret: true },
            ],
            labels: { t: 'p', u: '' },
            description: 'd',
          },
        },
      },
    ],
    [
      { kind: 'create', environment: 'e' },
      { environment: 'e', action: { case: 'create', value: {} } },
    ],
    [
      { kind: 'set', environment: 'e', variables: { A: { value: '1', secret: false, type: 'url', comment: '' } } },
      {
        environment: 'e',
        action: {
          case: 'set',
          value: { variables: [{ name: 'A', value: '1', secret: false, type: VariableType.URL, comment: '' }] },
        },
      },
    ],
    [
      { kind: 'replace', environment: 'e', variables: {}, createIfAbsent: true },
      { environment: 'e', action: { case: 'replace', value: { createIfAbsent: true } } },
    ],
    [
      { kind: 'unset', environment: 'e', names: ['A', ''] },
      { environment: 'e', action: { case: 'unset', value: { names: ['A', ''] } } },
    ],
    [
      { kind: 'label', environment: 'e', set: { a: 'b' }, remove: ['c'] },
      { environment: 'e', action: { case: 'label', value: { set: { a: 'b' }, remove: ['c'] } } },
    ],
    [
      { kind: 'describe', environment: 'e', description: '' },
      { environment: 'e', action: { case: 'describe', value: {} } },
    ],
    [
      { kind: 'delete', environment: 'e' },
      { environment: 'e', action: { case: 'delete', value: {} } },
    ],
    [
      { kind: 'restore', environment: 'e', revision: 9 },
      { environment: 'e', action: { case: 'restore', value: { revision: 9n } } },
    ],
  ])('for the operation %j', (operation, meant) => {
    expect(fromBinary(WriteRequestSchema, encodeWrite('n', { operations: [operation, operation] }, 'why'))).toEqual(
      create(WriteRequestSchema, {
        namespace: 'n',
        operations: [meant, meant],
        reason: 'why',
      }),
    );
  });

  test.each([
    [{}, {}],
    [{ names: ['a', 'b'] }, { names: ['a', 'b'] }],
    [{ timeoutMs: 1_500 }, { timeout: { seconds: 1n, nanos: 500_000_000 } }],
  ])('for the mirrors that a write waits for: %j', (awaited, meant) => {
    const bytes = encodeWrite('n', { operations: [{ kind: 'delete', environment: 'e' }] }, '', awaited);
    expect(fromBinary(WriteRequestSchema, bytes)).toEqual(
      create(WriteRequestSchema, {
        namespace: 'n',
        operations: [{ environment: 'e', action: { case: 'delete', value: {} } }],
        awaitMirrors: meant,
      }),
    );
  });

  test.each<[Condition, NonNullable<MessageInitShape<typeof WriteRequestSchema>['conditions']>[number]]>([
    [
      { kind: 'exists', environment: 'e' },
      { environment: 'e', demand: { case: 'exists', value: true } },
    ],
    [
      { kind: 'absent', environment: 'e' },
      { environment: 'e', demand: { case: 'exists', value: false } },
    ],
    [
      { kind: 'at-revision', environment: 'e', revision: 0 },
      { environment: 'e', demand: { case: 'modifyRevision', value: 0n } },
    ],
    [
      { kind: 'variable-at-revision', environment: 'e', variable: 'A', revision: 0 },
      { environment: 'e', demand: { case: 'variable', value: { name: 'A', demand: { case: 'modifyRevision', value: 0n } } } },
    ],
    [
      { kind: 'variable-equals', environment: 'e', variable: 'A', value: '' },
      { environment: 'e', demand: { case: 'variable', value: { name: 'A', demand: { case: 'value', value: '' } } } },
    ],
  ])('for the condition %j', (condition, meant) => {
    expect(fromBinary(WriteRequestSchema, encodeWrite('n', { operations: [], conditions: [condition] }, ''))).toEqual(
      create(WriteRequestSchema, {
        namespace: 'n',
        conditions: [meant],
      }),
    );
  });
});

const setting = (value: unknown): Operation => ({ kind: 'set', environment: 'e', variables: { X: value as string } });

describe('what the wire cannot carry is refused, and the next message is whole', () => {
  test.each<[string, () => unknown]>([
    ['half of a surrogate pair', () => encodeWrite('', { operations: [setting('a\uD800b')] }, '')],
    ['a value that is a number', () => encodeWrite('', { operations: [setting({ value: 5 })] }, '')],
    ['a negative revision', () => encodeWrite('', { operations: [{ kind: 'restore', environment: 'e', revision: -1 }] }, '')],
    ['a broken revision', () => encodeGet('', 'e', { ...strong, revision: 1.5 }, [])],
    ['a negative lag', () => encodeGet('', 'e', { ...strong, consistency: { maxLagMs: -1 } }, [])],
  ])('%s', (_why, encode) => {
    expect(encode).toThrow(expect.objectContaining({ name: 'EnvCliError', reason: 'INVALID_FIELD' }));
    expect(fromBinary(GetRequestSchema, encodeGet('', 'next', strong, []))).toEqual(
      create(GetRequestSchema, {
        name: 'next',
        options: { consistency: 1, view: 1 },
      }),
    );
  });
});
