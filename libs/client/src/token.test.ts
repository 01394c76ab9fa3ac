import { afterEach, describe, expect, test } from '@jest/globals';
import { Consistency, type GetRequest, type PipelineRequest } from '@env-cli/wire';

import { connect } from './client.ts';
import type { EnvCliError } from './error.ts';
import { answerFor, refusal, TwinMember, TwinState, type TwinScript } from './testing/twin.ts';
import { TokenKeeper } from './token.ts';

describe('the newest token is kept', () => {
  const cases = [
    // why                                                         kept at   answer at  began     taken
    ['a later state', 5, 6, 'before', true],
    ['an earlier state', 5, 4, 'after', false],
    ['the same revision, by a read that began afterwards', 5, 5, 'after', true],
    ['the same revision, by a read that began before', 5, 5, 'before', false],
    ['the same revision, by a change', 5, 5, 'change', true],
    ['an earlier revision, by a change whose answer came late', 5, 4, 'change', false],
  ] as const;
  test.each(cases)('%s', (_why, kept, answered, began, taken) => {
    const keeper = new TokenKeeper();
    const before = keeper.generation;
    keeper.saw({ revision: BigInt(kept), token: 'kept' }, null);
    const generation = { before, after: keeper.generation, change: null }[began];
    keeper.saw({ revision: BigInt(answered), token: 'answered' }, generation);
    expect(keeper.token).toBe(taken ? 'answered' : 'kept');
  });

  test('until it is dropped, which does not hurt a newer one', () => {
    const keeper = new TokenKeeper('given');
    keeper.saw({ revision: 9n, token: 'nine' }, null);
    keeper.drop('given');
    expect(keeper.token).toBe('nine');
    keeper.drop('nine');
    expect(keeper.token).toBe('');
    keeper.saw({ revision: 1n, token: 'one' }, null);
    expect(keeper.token).toBe('one');
  });
});

const lastGet = ({ messages }: TwinMember): GetRequest => messages.at(-1)?.calls[0]?.call.value as GetRequest;

const refusing = (reason: 'EPOCH_CHANGED' | 'TOKEN_FOREIGN'): TwinScript => ({
  pipeline: (stream, request: PipelineRequest, self) =>
    self.answer(
      stream,
      request.calls.map((call) => {
        const old = call.call.case === 'get' && call.call.value.options?.token !== '';
        return { id: call.id, result: old ? { case: 'error', value: refusal(reason) } : answerFor(self.state, call) };
      }),
    ),
});

describe('a read carries the token that its level asks for', () => {
  const ended: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ended.splice(0).toReversed()) await end();
  });

  async function setup(script: TwinScript = {}) {
    const state = new TwinState();
    const twin = await TwinMember.start(state, script);
    const client = await connect(twin.address, { backoff: { initialMs: 1, maxMs: 5 } });
    ended.push(
      () => twin.stop(),
      () => client.close(),
    );
    await client.environments.set('a', { X: '1' });
    return { twin, client };
  }

  test.each([
    ['strong', {}, Consistency.STRONG, ''],
    ['read-your-writes: the one of the last write', { consistency: 'read-your-writes' }, Consistency.READ_YOUR_WRITES, 't1'],
    ['eventual', { consistency: 'eventual' }, Consistency.EVENTUAL, ''],
    ['bounded', { consistency: { maxLagMs: 1500 } }, Consistency.EVENTUAL, '', { maxLag: { seconds: 1n, nanos: 500_000_000 } }],
    ['one that was given', { consistency: 'read-your-writes', token: 'given' }, Consistency.READ_YOUR_WRITES, 'given'],
    ['one that was given, at any level', { token: 'given' }, Consistency.STRONG, 'given'],
    ['a revision that a weaker read might not have yet', { consistency: 'eventual', revision: 1 }, Consistency.EVENTUAL, 't1'],
  ] as const)('%s', async (_why, options, consistency, token, lag: object = {}) => {
    const { twin, client } = await setup();
    expect(client.token).toBe('t1');
    await client.environments.get('a', options);
    expect(lastGet(twin).options).toMatchObject({ consistency, token, ...lag });
  });

  test('a kept token of a former epoch is dropped, and the read made again', async () => {
    const { twin, client } = await setup(refusing('EPOCH_CHANGED'));
    await client.environments.get('a', { consistency: 'read-your-writes' });
    expect(lastGet(twin).options?.token).toBe('');
  });

  test('a given token of a former epoch, and one of another cluster, are the caller’s to drop', async () => {
    const { client } = await setup(refusing('EPOCH_CHANGED'));
    const given = client.environments.get('a', { token: 'given' });
    await expect(given).rejects.toMatchObject({ reason: 'EPOCH_CHANGED' } satisfies Partial<EnvCliError>);
    const foreign = (await setup(refusing('TOKEN_FOREIGN'))).client.environments.get('a', { consistency: 'read-your-writes' });
    await expect(foreign).rejects.toMatchObject({ reason: 'TOKEN_FOREIGN' });
  });
});
