import { describe, expect, test } from '@jest/globals';
import type { Revision } from '@env-cli/keyspace';
import { decodeUtf8, encodeUtf8 } from '@env-cli/support';

import { getEnvironment } from './get.ts';
import type { Operation } from './operation.ts';
import { hashOf, input, secretInput, setOf, writeOf } from './testing/commands.ts';
import { TestMember } from './testing/test-member.ts';

const at = (revision: number): Revision => revision as Revision;

function shown(member: TestMember, name = 'a', revision: Revision | null = null) {
  const answer = getEnvironment(member.tables, { namespace: 'default', name, revision });
  if (answer.kind !== 'found') return answer.kind;
  const { environment } = answer;
  const variables: Record<string, string> = {};
  for (const cursor = environment.variables(); cursor.next();) variables[cursor.name] = decodeUtf8(cursor.valueBytes);
  return {
    variables,
    labels: environment.labels(),
    description: decodeUtf8(environment.description),
    version: environment.version,
  };
}

/** A member with one environment `a` of A=1, B=2, made at revision 1. */
function started(): TestMember {
  const member = TestMember.bootstrapped();
  member.apply(writeOf([setOf('a', input('A', '1'), input('B', '2'))]));
  return member;
}

const label = (key: string, value: string) => ({ key, value });

function state(variables: Record<string, string>, labels: { key: string; value: string }[] = [], description = '') {
  return { variables, labels, description, version: 2 };
}

describe('each operation does what it says', () => {
  const cases: [string, Operation[], ReturnType<typeof shown>][] = [
    ['set leaves others alone', [setOf('a', input('A', '9'))], state({ A: '9', B: '2' })],
    ['set adds', [setOf('a', input('C', ''))], state({ A: '1', B: '2', C: '' })],
    [
      'unset removes, and an absent one is no error',
      [{ kind: 'unset', environment: 'a', variables: ['A', 'X'] }],
      state({ B: '2' }),
    ],
    [
      'replace removes what it does not name',
      [{ ...setOf('a', input('B', '2'), input('Z', '3')), kind: 'replace' } as Operation],
      state({ B: '2', Z: '3' }),
    ],
    [
      'label sets and removes',
      [{ kind: 'label', environment: 'a', set: [label('x', '1'), label('b', '')], remove: ['y'] }],
      state({ A: '1', B: '2' }, [label('b', ''), label('x', '1')]),
    ],
    [
      'describe',
      [{ kind: 'describe', environment: 'a', description: encodeUtf8('Shop') }],
      state({ A: '1', B: '2' }, [], 'Shop'),
    ],
    ['delete', [{ kind: 'delete', environment: 'a' }], 'absent'],
    [
      'a later operation sees the earlier ones',
      [setOf('a', input('C', '3')), { kind: 'unset', environment: 'a', variables: ['C', 'A'] }],
      state({ B: '2' }),
    ],
    [
      'delete and create in one write is a new environment',
      [{ kind: 'delete', environment: 'a' }, setOf('a', input('N', '1'))],
      { ...state({ N: '1' }), version: 1 },
    ],
  ];
  test.each(cases)('%s', (_rule, operations, expected) => {
    const member = started();
    expect(member.apply(writeOf(operations))).toEqual({ kind: 'applied', revision: 2 });
    expect(shown(member)).toEqual(expected);
  });
});

describe('a write that changes nothing takes no revision', () => {
  const cases: [string, Operation[]][] = [
    ['set to what it is', [setOf('a', input('A', '1'))]],
    ['set and set back', [setOf('a', input('A', '7')), setOf('a', input('A', '1'))]],
    ['unset of what is not there', [{ kind: 'unset', environment: 'a', variables: ['X'] }]],
    ['replace by the same', [{ ...setOf('a', input('B', '2'), input('A', '1')), kind: 'replace' } as Operation]],
    ['create and delete', [setOf('z', input('A', '1')), { kind: 'delete', environment: 'z' }]],
    ['restore of the newest', [{ kind: 'restore', environment: 'a', revision: at(1) }]],
    [
      'a secret with the same hash',
      [setOf('s', secretInput('S', 'x', { value: { kind: 'plain', bytes: encodeUtf8('sealed anew') } }))],
    ],
  ];
  test.each(cases)('%s', (_rule, operations) => {
    const member = started();
    member.apply(writeOf([setOf('s', secretInput('S', 'x'))]));
    expect(member.apply(writeOf(operations))).toEqual({ kind: 'unchanged', revision: 2 });
  });

  test('a variable that is set back keeps the revision that last changed it', () => {
    const member = started();
    member.apply(writeOf([setOf('a', input('A', '7')), setOf('a', input('A', '1')), setOf('a', input('B', '3'))]));
    const answer = getEnvironment(member.tables, { namespace: 'default', name: 'a', revision: null });
    if (answer.kind !== 'found') throw new Error(answer.kind);
    expect(answer.environment.variable('A')?.changedRevision).toBe(1);
    expect(answer.environment.variable('B')?.changedRevision).toBe(2);
  });
});

describe('a write happens wholly or not at all', () => {
  const cases: [string, Operation[], object][] = [
    [
      'create of what exists',
      [setOf('n', input('A', '1')), { kind: 'create', environment: 'a', labels: [], description: encodeUtf8(''), variables: [] }],
      { code: 'already-exists', field: 'operations[1].environment', current: { revision: 1, exists: true, changedBy: 'alice' } },
    ],
    [
      'set of what does not exist',
      [setOf('n', input('A', '1')), { kind: 'set', environment: 'x', createIfAbsent: false, variables: [] }],
      { code: 'not-found', environment: 'x' },
    ],
    [
      'delete of what was deleted before in the write',
      [
        { kind: 'delete', environment: 'a' },
        { kind: 'delete', environment: 'a' },
      ],
      { code: 'not-found' },
    ],
    [
      'a variable without a value that does not exist',
      [setOf('a', input('N', '', { value: null, comment: encodeUtf8('c') }))],
      { code: 'invalid', field: 'operations[0].variables[0].value' },
    ],
    [
      'restore to a time before its creation',
      [{ kind: 'restore', environment: 'n', revision: at(1) }],
      { code: 'not-found', field: 'operations[0].revision' },
    ],
    ['restore to the future', [{ kind: 'restore', environment: 'a', revision: at(99) }], { code: 'future-revision', newest: 1 }],
  ];
  test.each(cases)('%s', (_rule, operations, refusal) => {
    const member = started();
    expect(member.apply(writeOf(operations))).toMatchObject({ kind: 'refused', refusal });
    expect(shown(member)).toMatchObject({ variables: { A: '1', B: '2' }, version: 1 });
    expect(shown(member, 'n')).toBe('absent');
    expect(member.apply(writeOf([setOf('a', input('A', '2'))]))).toEqual({ kind: 'applied', revision: 2 });
  });
});

function typed(kind: 'set' | 'replace', parts: object) {
  const member = TestMember.bootstrapped();
  member.apply(writeOf([setOf('a', input('N', '1', { type: 'number', comment: encodeUtf8('how many') }))]));
  const result = member.apply(writeOf([{ kind, environment: 'a', createIfAbsent: false, variables: [input('N', '2', parts)] }]));
  const answer = getEnvironment(member.tables, { namespace: 'default', name: 'a', revision: null });
  if (answer.kind !== 'found') throw new Error(answer.kind);
  const variable = answer.environment.variable('N');
  return [result.kind, variable?.type, decodeUtf8(variable!.comment), decodeUtf8(variable!.value.bytes)];
}

describe('set and replace keep what they do not say', () => {
  test.each(['set', 'replace'] as const)('%s keeps type and comment', (kind) => {
    expect(typed(kind, {})).toEqual(['applied', 'number', 'how many', '2']);
    expect(typed(kind, { type: 'none', comment: encodeUtf8('') })).toEqual(['applied', null, '', '2']);
    expect(typed(kind, { value: null, comment: encodeUtf8('new') })).toEqual(['applied', 'number', 'new', '1']);
  });

  test('a value must be of the type that it keeps, and of the type that it gets', () => {
    expect(typed('set', { value: { kind: 'plain', bytes: encodeUtf8('many') } }).slice(0, 2)).toEqual(['refused', 'number']);
    expect(typed('set', { value: null, type: 'boolean' }).slice(0, 2)).toEqual(['refused', 'number']);
  });
});

function marked(parts: object) {
  const member = TestMember.bootstrapped();
  member.apply(writeOf([setOf('a', secretInput('S', 'old'), input('P', 'old'))]));
  return member.apply(writeOf([setOf('a', input('S', 'new', parts))]));
}

const changed = (secret: boolean) => ({
  kind: 'refused',
  refusal: { code: 'secret-mark-changed', environment: 'a', variable: 'S', secret },
});

describe('no secret is stored as none by a race', () => {
  test('whoever did not know that it is a secret is refused, and may come again', () => {
    expect(marked({})).toEqual(changed(true));
  });

  test('whoever knew writes it', () => {
    expect(marked({ hash: hashOf('new') })).toEqual({ kind: 'applied', revision: 2 });
  });

  test('whoever thought that it is one is refused when it is not', () => {
    const member = TestMember.bootstrapped();
    member.apply(writeOf([setOf('a', input('S', 'old'))]));
    expect(member.apply(writeOf([setOf('a', input('S', 'new', { hash: hashOf('new') }))]))).toEqual(changed(false));
  });

  test('the mark goes and comes with a value alone', () => {
    expect(marked({ secret: false })).toEqual({ kind: 'applied', revision: 2 });
    expect(marked({ value: null, secret: false })).toEqual(changed(true));
    expect(marked({ value: null, secret: true, comment: encodeUtf8('c') })).toEqual({ kind: 'applied', revision: 2 });
  });
});

describe('restore', () => {
  test('brings back variables, labels and description of a revision, as a change of its own', () => {
    const member = started();
    member.apply(
      writeOf([
        { kind: 'label', environment: 'a', set: [label('x', '1')], remove: [] },
        setOf('a', input('A', '9'), input('C', '3')),
      ]),
    );
    expect(member.apply(writeOf([{ kind: 'restore', environment: 'a', revision: at(1) }]))).toEqual({
      kind: 'applied',
      revision: 3,
    });
    expect(shown(member)).toEqual({ variables: { A: '1', B: '2' }, labels: [], description: '', version: 3 });
  });

  test('brings a deleted environment back, as a new incarnation', () => {
    const member = started();
    member.apply(writeOf([{ kind: 'delete', environment: 'a' }]));
    expect(shown(member, 'a', at(2))).toBe('absent');
    expect(member.apply(writeOf([{ kind: 'restore', environment: 'a', revision: at(1) }]))).toEqual({
      kind: 'applied',
      revision: 3,
    });
    expect(shown(member)).toMatchObject({ variables: { A: '1', B: '2' }, version: 1 });
    const answer = getEnvironment(member.tables, { namespace: 'default', name: 'a', revision: null });
    expect(answer).toMatchObject({ kind: 'found', environment: { createRevision: 3 } });
  });
});

test('namespaces have their own names', () => {
  const member = started();
  member.apply(writeOf([setOf('a', input('A', 'other'))]), { namespace: 'team' });
  expect(shown(member)).toMatchObject({ variables: { A: '1', B: '2' } });
  const answer = getEnvironment(member.tables, { namespace: 'team', name: 'a', revision: null });
  expect(answer).toMatchObject({ kind: 'found', environment: { variableCount: 1 } });
});
