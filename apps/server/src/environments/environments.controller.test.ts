import assert from 'node:assert/strict';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ChangeKind, Consistency, Environments, View } from '@env-cli/wire';

import { CallFailed, Serving, TestClient } from '../testing/serving.ts';
import { creating, setting } from '../testing/operations.ts';
import { TwinMember } from '../testing/twin-member.ts';

let serving: Serving;
let client: TestClient;

beforeAll(async () => {
  serving = await Serving.of(TwinMember.alone());
  client = new TestClient(serving.address);
});
afterAll(async () => {
  client.close();
  await serving.close();
  assert.deepEqual(serving.faults, []);
});

function create(environment: string, values: Readonly<Record<string, string>>, labels: Record<string, string> = {}) {
  return client.call(Environments, 'write', { operations: [creating(environment, values, labels)] });
}

function set(environment: string, values: Readonly<Record<string, string>>, secret?: boolean) {
  return client.call(Environments, 'write', { operations: [setting(environment, values, secret)] });
}

async function failureOf(call: Promise<unknown>): Promise<CallFailed> {
  try {
    await call;
  } catch (error) {
    if (error instanceof CallFailed) return error;
    throw error;
  }
  throw new Error('the call was answered');
}

async function pagesOf(request: {
  readonly prefix: string;
  readonly selector?: string;
  readonly pageSize: number;
}): Promise<string[]> {
  const names: string[] = [];
  let pageToken = '';
  do {
    const page = await client.call(Environments, 'list', { ...request, pageToken });
    names.push(...page.environments.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return names;
}

const writing = (operation: object) => () => client.call(Environments, 'write', { operations: [operation] as never });
const getting = (request: object) => () => client.call(Environments, 'get', { name: 'a', ...request });
const setOf = (...names: string[]) => ({
  environment: 'a',
  action: { case: 'set', value: { createIfAbsent: true, variables: names.map((name) => ({ name, value: '' })) } },
});

describe('what was written is read back', () => {
  test('with its revision, its version and the token of a state that has it', async () => {
    const written = await create(
      'payments/prod',
      { DB_URL: 'postgres://x', EMPTY: '', UMLAUT: 'ä\u{1F600}' },
      { team: 'payments' },
    );
    expect(written).toMatchObject({ changed: true, replayed: false, header: { memberId: 1n } });
    const { environment, header } = await client.call(Environments, 'get', {
      name: 'payments/prod',
      options: { token: written.header!.token },
    });
    expect(header?.revision).toBe(written.revision);
    expect(environment).toMatchObject({
      namespace: 'default',
      name: 'payments/prod',
      labels: { team: 'payments' },
      createRevision: written.revision,
      version: 1n,
    });
    expect(environment!.variables.map(({ name, value, valueBytes }) => [name, value, valueBytes])).toEqual([
      ['DB_URL', 'postgres://x', 12n],
      ['EMPTY', '', 0n],
      ['UMLAUT', 'ä\u{1F600}', 6n],
    ]);
  });

  test('a part of the variables is a part, and what does not exist is left out', async () => {
    await set('picked', { A: '1', B: '2', C: '3' });
    const { environment } = await client.call(Environments, 'get', { name: 'picked', variables: ['C', 'A', 'X'] });
    expect(environment!.variables.map(({ name }) => name)).toEqual(['A', 'C']);
  });

  test('a write that changes nothing takes no revision and says so', async () => {
    const first = await set('same', { A: '1' });
    const again = await set('same', { A: '1' });
    expect(again).toMatchObject({ changed: false, revision: first.revision });
  });

  test('several environments come from one state, with those that are missing', async () => {
    await set('batch/a', { A: '1' });
    await set('batch/b', { B: '1' });
    const answer = await client.call(Environments, 'batchGet', { names: ['batch/b', 'batch/none', 'batch/a'] });
    expect(answer.environments.map(({ name }) => name)).toEqual(['batch/b', 'batch/a']);
    expect([answer.missing, answer.remaining]).toEqual([['batch/none'], []]);
  });

  test('a batch whose answer would be too large names what remains, and each can be asked for', async () => {
    const large = 'x'.repeat(250 * 1024);
    for (const name of ['large/a', 'large/b', 'large/c']) await set(name, { A: large, B: large, C: large, D: large, E: large });
    const names = ['large/a', 'large/b', 'large/c'];
    const first = await client.call(Environments, 'batchGet', { names });
    const second = await client.call(Environments, 'batchGet', { names: first.remaining });
    expect(first.remaining.length).toBeGreaterThan(0);
    expect([...first.environments, ...second.environments].map(({ name }) => name)).toEqual(names);
  });
});

describe('a secret is shown to those alone who ask for it in full', () => {
  beforeAll(async () => {
    await set('secrets', { KEY: 'hunter2' }, true);
    await set('secrets', { KEY: 'hunter3', SAME: 'hunter3' });
  });

  test('masked it is its length and a keyed hash, in a read, a history and a comparison', async () => {
    const { environment } = await client.call(Environments, 'get', { name: 'secrets' });
    const key = environment!.variables.find(({ name }) => name === 'KEY')!;
    expect(key).toMatchObject({ secret: true, valueBytes: 7n });
    expect(key.value).toBeUndefined();
    expect(key.valueHash).toMatch(/^[0-9a-f]{32}$/);
    const { changes } = await client.call(Environments, 'history', { name: 'secrets' });
    const { variables: compared } = await client.call(Environments, 'diff', {
      name: 'secrets',
      revision: changes.at(-1)!.revision,
    });
    const shown = JSON.stringify([environment, changes, compared], (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(shown.match(/hunter\d/g)).toEqual(['hunter3', 'hunter3', 'hunter3']);
  });

  test('in full it is the text', async () => {
    const { environment } = await client.call(Environments, 'get', { name: 'secrets', options: { view: View.FULL } });
    expect(environment!.variables.find(({ name }) => name === 'KEY')?.value).toBe('hunter3');
  });

  test('what became a secret is masked as it was before, too: it may be the same text', async () => {
    await set('secrets', { LATE: 'hunter5' });
    await set('secrets', { LATE: 'hunter5' }, true);
    const { changes } = await client.call(Environments, 'history', { name: 'secrets' });
    expect(changes[0]?.variables[0]).toMatchObject({ name: 'LATE', before: { secret: false }, after: { secret: true } });
    expect(changes[0]?.variables[0]?.before?.value).toBeUndefined();
  });

  test('it stays a secret when a write does not say, and can be compared by value in a condition', async () => {
    const condition = {
      environment: 'secrets',
      demand: { case: 'variable', value: { name: 'KEY', demand: { case: 'value', value: 'hunter3' } } },
    } as const;
    const request = { conditions: [condition], operations: [setting('secrets', { KEY: 'hunter4' })] };
    const written = await client.call(Environments, 'write', request);
    expect(written.changed).toBe(true);
    const failure = await failureOf(client.call(Environments, 'write', request));
    expect([failure.code, failure.reason]).toEqual(['FAILED_PRECONDITION', 'CONDITION_FAILED']);
    expect(
      JSON.stringify(failure.details, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toContain('hunter');
  });
});

describe('pages', () => {
  beforeAll(async () => {
    for (const name of ['pages/a', 'pages/b', 'pages/c', 'pages/d']) await create(name, { X: name }, { letter: name.slice(-1) });
  });

  test('hold every environment once, in the order of names', async () => {
    expect(await pagesOf({ prefix: 'pages/', pageSize: 3 })).toEqual(['pages/a', 'pages/b', 'pages/c', 'pages/d']);
    expect(await pagesOf({ prefix: 'pages/', selector: 'letter in (b,d)', pageSize: 1 })).toEqual(['pages/b', 'pages/d']);
  });

  test('show the revision of the first, whatever is written meanwhile', async () => {
    const first = await client.call(Environments, 'list', { prefix: 'pages/', pageSize: 2 });
    await set('pages/d', { X: 'later' });
    await create('pages/e', {});
    const second = await client.call(Environments, 'list', { prefix: 'pages/', pageSize: 10, pageToken: first.nextPageToken });
    expect(second.listRevision).toBe(first.listRevision);
    expect(second.environments.map(({ name, variables: [x] }) => [name, x?.value])).toEqual([
      ['pages/c', 'pages/c'],
      ['pages/d', 'pages/d'],
    ]);
  });

  test('may leave the variables out', async () => {
    const { environments } = await client.call(Environments, 'list', { prefix: 'pages/a', namesOnly: true });
    expect(environments.map(({ variables: all }) => all.length)).toEqual([0]);
  });

  test('a token of a page goes with its own request alone', async () => {
    const { nextPageToken: pageToken } = await client.call(Environments, 'list', { prefix: 'pages/', pageSize: 1 });
    const other = await failureOf(client.call(Environments, 'list', { prefix: 'other/', pageSize: 1, pageToken }));
    const history = await failureOf(client.call(Environments, 'history', { name: 'pages/a', pageToken }));
    expect([other.reason, history.reason]).toEqual(['TOKEN_MISMATCH', 'TOKEN_MISMATCH']);
  });
});

describe('the past', () => {
  let revisions: bigint[];
  beforeAll(async () => {
    revisions = [
      (await create('past', { A: '1', B: '1' })).revision,
      (await set('past', { A: '2' })).revision,
      (
        await client.call(Environments, 'write', {
          operations: [{ environment: 'past', action: { case: 'delete', value: {} } }],
          reason: 'no longer',
        })
      ).revision,
    ];
  });

  test('is read at any revision', async () => {
    const { environment } = await client.call(Environments, 'get', { name: 'past', options: { revision: revisions[1]! } });
    expect(environment!.variables.map(({ name, value }) => [name, value])).toEqual([
      ['A', '2'],
      ['B', '1'],
    ]);
    const gone = await failureOf(client.call(Environments, 'get', { name: 'past' }));
    expect([gone.code, gone.reason]).toEqual(['NOT_FOUND', 'ENVIRONMENT_NOT_FOUND']);
  });

  test('is told newest first, in pages, with who and why', async () => {
    const first = await client.call(Environments, 'history', { name: 'past', pageSize: 2 });
    const second = await client.call(Environments, 'history', { name: 'past', pageSize: 2, pageToken: first.nextPageToken });
    const all = [...first.changes, ...second.changes];
    expect(all.map(({ kind, revision }) => [kind, revision])).toEqual([
      [ChangeKind.DELETED, revisions[2]],
      [ChangeKind.UPDATED, revisions[1]],
      [ChangeKind.CREATED, revisions[0]],
    ]);
    expect(all[0]).toMatchObject({ principal: 'unauthenticated', reason: 'no longer', previousRevision: revisions[1] });
    expect(all[1]!.variables.map(({ name, before, after }) => [name, before?.value, after?.value])).toEqual([['A', '1', '2']]);
    expect(second.nextPageToken).toBe('');
  });

  test('two revisions, and two environments, are compared', async () => {
    const {
      variables: changed,
      leftExists,
      rightExists,
    } = await client.call(Environments, 'diff', { name: 'past', revision: revisions[0]!, otherRevision: revisions[1]! });
    expect(changed.map(({ name, before, after }) => [name, before?.value, after?.value])).toEqual([['A', '1', '2']]);
    expect([leftExists, rightExists]).toEqual([true, true]);
    const gone = await client.call(Environments, 'diff', { name: 'past', revision: revisions[1]! });
    expect([gone.leftExists, gone.rightExists]).toEqual([true, false]);
  });
});

describe('what cannot be is refused with its reason', () => {
  const longName = `a${'b'.repeat(256)}`;
  const large = 'x'.repeat(256 * 1024 + 1);
  const cases: readonly (readonly [string, () => Promise<unknown>, string, string])[] = [
    ['a name outside the rules', getting({ name: 'A b' }), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    ['a name that is too long', getting({ name: longName }), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    ['a name with a zero character', getting({ name: 'a\0b' }), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    ['a namespace outside the rules', getting({ namespace: 'No' }), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    ['an unknown level', getting({ options: { consistency: 9 } }), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    ['an unknown view', getting({ options: { view: 9 } }), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    [
      'a lag at the wrong level',
      getting({ options: { maxLag: { seconds: 1n, nanos: 0 } } }),
      'INVALID_ARGUMENT',
      'INVALID_FIELD',
    ],
    [
      'a lag below 0',
      getting({ options: { consistency: Consistency.EVENTUAL, maxLag: { seconds: -1n, nanos: 0 } } }),
      'INVALID_ARGUMENT',
      'INVALID_FIELD',
    ],
    ['a revision below 0', getting({ options: { revision: -1n } }), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    ['a revision in the future', getting({ options: { revision: 1_000_000n } }), 'OUT_OF_RANGE', 'REVISION_IN_FUTURE'],
    ['a token that is none', getting({ options: { token: 'x' } }), 'INVALID_ARGUMENT', 'TOKEN_MALFORMED'],
    ['a write of nothing', () => client.call(Environments, 'write', {}), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    ['a variable’s name outside the rules', writing(setOf('1A')), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    ['a variable twice', writing(setOf('A', 'A')), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    [
      'too many variables',
      writing(setOf(...Array.from({ length: 4_097 }, (_, at) => `V${at}`))),
      'INVALID_ARGUMENT',
      'TOO_LARGE',
    ],
    [
      'a value that is too long',
      writing({
        environment: 'a',
        action: { case: 'set', value: { createIfAbsent: true, variables: [{ name: 'A', value: large }] } },
      }),
      'INVALID_ARGUMENT',
      'TOO_LARGE',
    ],
    [
      'a value that is not of its type',
      writing({
        environment: 'a',
        action: { case: 'set', value: { createIfAbsent: true, variables: [{ name: 'A', value: 'x', type: 2 }] } },
      }),
      'INVALID_ARGUMENT',
      'INVALID_FIELD',
    ],
    [
      'setting what does not exist',
      writing({ environment: 'absent', action: { case: 'set', value: { variables: [{ name: 'A', value: '' }] } } }),
      'NOT_FOUND',
      'ENVIRONMENT_NOT_FOUND',
    ],
    [
      'a session of the wrong length',
      () =>
        client.call(Environments, 'write', {
          operations: [setOf('A')] as never,
          session: { sessionId: new Uint8Array(3), sequence: 1n, firstIncomplete: 1n },
        }),
      'INVALID_ARGUMENT',
      'INVALID_FIELD',
    ],
    [
      'an unknown session',
      () =>
        client.call(Environments, 'write', {
          operations: [setOf('A')] as never,
          session: { sessionId: new Uint8Array(16), sequence: 1n, firstIncomplete: 1n },
        }),
      'FAILED_PRECONDITION',
      'SESSION_UNKNOWN',
    ],
    [
      'too many names',
      () => client.call(Environments, 'batchGet', { names: Array.from({ length: 1_001 }, () => 'a') }),
      'INVALID_ARGUMENT',
      'INVALID_FIELD',
    ],
    [
      'a selector that is none',
      () => client.call(Environments, 'list', { selector: 'a in (' }),
      'INVALID_ARGUMENT',
      'INVALID_FIELD',
    ],
    ['a page of a size below 0', () => client.call(Environments, 'list', { pageSize: -1 }), 'INVALID_ARGUMENT', 'INVALID_FIELD'],
    [
      'bytes that are no request',
      () => client.raw('/envcli.v1.Environments/Get', Buffer.from([0xff, 0xff, 0xff])),
      'INVALID_ARGUMENT',
      'MALFORMED_MESSAGE',
    ],
    [
      'a request that is larger than any may be',
      () => client.raw('/envcli.v1.Environments/Get', Buffer.alloc(4 * 1024 * 1024 + 1)),
      'RESOURCE_EXHAUSTED',
      '',
    ],
    ['a method that does not exist', () => client.raw('/envcli.v1.Environments/Nothing', Buffer.alloc(0)), 'UNIMPLEMENTED', ''],
  ];
  test.each(cases)('%s', async (_why, call, code, reason) => {
    const before = serving.api.member.view().appliedIndex;
    const failure = await failureOf(call());
    expect([failure.code, failure.reason]).toEqual([code, reason]);
    // Refused before it was proposed, unless only the state could tell.
    expect(code === 'INVALID_ARGUMENT' ? serving.api.member.view().appliedIndex : before).toBe(before);
  });
});
