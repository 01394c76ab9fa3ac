import { spawnSync } from 'node:child_process';

import { afterEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { connect, type Client, type ClientOptions } from './client.ts';
import type { EnvCliError } from './error.ts';
import { pipelineLimits } from './waiting-calls.ts';
import { sessionWindowMax } from './session.ts';
import { answerFor, refusal, serviceError, TwinMember, TwinState, type TwinScript } from './testing/twin.ts';

const quick: ClientOptions = { backoff: { initialMs: 1, maxMs: 5 } };
const ended: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

async function member(state: TwinState, script: TwinScript = {}): Promise<TwinMember> {
  const started = await TwinMember.start(state, script);
  ended.push(() => started.stop());
  return started;
}

async function clientOf(members: readonly TwinMember[], options: ClientOptions = {}): Promise<Client> {
  const client = await connect(
    members.map(({ address }) => address),
    { ...quick, ...options },
  );
  ended.push(() => client.close());
  return client;
}

const failure = (promise: Promise<unknown>): Promise<EnvCliError> =>
  promise.then(
    () => Promise.reject(new Error('it was answered')),
    (error: EnvCliError) => error,
  );

describe('calls of one turn of the event loop ride together', () => {
  test('ten thousand reads are ten messages on one stream', async () => {
    const state = new TwinState();
    state.environments.set('a', new Map([['X', '1']]));
    const twin = await member(state);
    const client = await clientOf([twin]);
    const answers = await Promise.all(Array.from({ length: 10_000 }, () => client.environments.get('a')));
    expect(answers[9999]?.environment.variables[0]).toMatchObject({ name: 'X', value: '1', secret: false });
    expect(twin.messages.length).toBe(Math.ceil(10_000 / pipelineLimits.messageCallsMax));
    expect(twin.pipelinesOpened).toBe(1);
  });

  test('ten thousand writes are each done once, and never more than the session keeps are unanswered', async () => {
    const state = new TwinState();
    let unanswered = 0;
    let highest = 0;
    const twin = await member(state, {
      pipeline: (stream, request, self) => {
        unanswered += request.calls.length;
        highest = Math.max(highest, unanswered);
        setImmediate(() => {
          unanswered -= request.calls.length;
          self.answerAll(stream, request);
        });
      },
    });
    const client = await clientOf([twin]);
    const writes = Array.from({ length: 10_000 }, (_, i) =>
      client.environments.set('a', { X: String(i) }, { reason: String(i) }),
    );
    const answers = await Promise.all(writes);
    expect(new Set(answers.map(({ revision }) => revision)).size).toBe(10_000);
    expect([...state.executed.values()].every((times) => times === 1)).toBe(true);
    expect(highest).toBeLessThanOrEqual(sessionWindowMax);
    expect(twin.messages.length).toBeLessThan(40);
    expect(twin.unaryCalls).toEqual(['Sessions.Open']);
  });

  test('ten thousand reads beside ten thousand writes cost less than 4 KiB each while they wait, and nothing afterwards', () => {
    const flags = ['--conditions=@env-cli/source', '--expose-gc', '--disable-warning=ExperimentalWarning'];
    const args = [...flags, 'libs/client/src/testing/memory-child.ts'];
    // It waits for calls to be sent: one that never is must not hold the tests up.
    const child = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
    expect(child.stderr).toBe('');
    const cost = JSON.parse(child.stdout) as Readonly<Record<'waitingBytes' | 'afterBytes' | 'messages', number>>;
    // The member of the test is in the same process, and has what it was sent in this figure.
    expect(cost.waitingBytes).toBeLessThan(20_000 * 4096);
    expect(cost.afterBytes).toBeLessThan(8 * 1024 * 1024);
    expect(cost.messages).toBeLessThan(40);
  });

  test('what waits to go out is bounded: beyond it a call is refused, and was certainly not sent', async () => {
    const opening = new Promise<object>(() => undefined);
    const twin = await member(new TwinState(), { unary: { 'Sessions.Open': () => opening } });
    const client = await clientOf([twin]);
    const value = 'x'.repeat(pipelineLimits.messageBytesMax - 1000);
    const fitting = Math.floor(pipelineLimits.waitingBytesMax / value.length);
    const waiting = Array.from({ length: fitting }, () => failure(client.environments.set('a', { X: value })));
    const error = await failure(client.environments.set('a', { X: value }));
    expect(error).toMatchObject({ reason: 'CLIENT_OVERLOADED', outcomeUnknown: false });
    expect(error.message).toContain(String(pipelineLimits.waitingBytesMax));
    await client.close();
    expect(new Set((await Promise.all(waiting)).map(({ reason }) => reason))).toEqual(new Set(['CLIENT_CLOSED']));
  });

  test('a read does not wait for the session that the writes of its turn need', async () => {
    const state = new TwinState();
    state.environments.set('a', new Map());
    const allowed = Promise.withResolvers<void>();
    const twin = await member(state, {
      unary: {
        'Sessions.Open': async (request: { readonly sessionId: Uint8Array }) => {
          await allowed.promise;
          state.openSession(request.sessionId);
          return {};
        },
      },
    });
    const client = await clientOf([twin]);
    const write = client.environments.set('a', { X: '1' });
    await client.environments.get('a');
    expect(state.revision).toBe(0);
    allowed.resolve();
    expect((await write).revision).toBe(1);
  });
});

describe('a call that is refused', () => {
  test.each([
    ['by a name that does not exist', 'ENVIRONMENT_NOT_FOUND', 'NOT_FOUND'],
    ['by a limit', 'TOO_LARGE', 'INVALID_ARGUMENT'],
    ['by compaction', 'COMPACTED', 'OUT_OF_RANGE'],
  ] as const)('%s fails with its reason, at once, and leaves the others alone', async (_why, reason, code) => {
    const state = new TwinState();
    state.environments.set('a', new Map());
    const twin = await member(state, {
      pipeline: (stream, { calls }, self) =>
        self.answer(
          stream,
          calls.map((call) =>
            call.call.value && 'name' in call.call.value && call.call.value.name === 'bad'
              ? { id: call.id, result: { case: 'error', value: refusal(reason, { limit: 'x' }) } }
              : { id: call.id, result: answerFor(state, call) },
          ),
        ),
    });
    const client = await clientOf([twin]);
    const [error, good] = await Promise.all([failure(client.environments.get('bad')), client.environments.get('a')]);
    expect(error).toMatchObject({
      name: 'EnvCliError',
      reason,
      code,
      outcomeUnknown: false,
      details: { metadata: { limit: 'x' } },
    });
    expect(error.next).not.toBe('');
    expect(good.environment.name).toBe('a');
    expect(twin.messages.length).toBe(1);
  });

  test('before it goes out, when it is larger than a message may be', async () => {
    const twin = await member(new TwinState());
    const client = await clientOf([twin]);
    const error = await failure(client.environments.set('a', { X: 'x'.repeat(pipelineLimits.messageBytesMax) }));
    expect(error).toMatchObject({ reason: 'TOO_LARGE', outcomeUnknown: false });
    expect(error.message).toContain(String(pipelineLimits.messageBytesMax));
    expect(twin.messages).toEqual([]);
  });
});

describe('what is safe is sent again', () => {
  test.each(['NO_LEADER', 'TOO_BUSY', 'LEADER_UNREACHED', 'STOPPING', 'TOO_STALE', 'ENTRY_FULL'] as const)(
    'a read and a write after %s, which says that nothing was proposed',
    async (reason) => {
      const state = new TwinState();
      state.environments.set('a', new Map());
      let refusals = 0;
      const script: TwinScript = {
        pipeline: (stream, request, self) => {
          if (refusals++ >= 2) self.answerAll(stream, request);
          else {
            const error = refusal(reason);
            self.answer(
              stream,
              request.calls.map(({ id }) => ({ id, result: { case: 'error', value: error } })),
            );
          }
        },
      };
      const client = await clientOf([await member(state, script), await member(state, script)]);
      await Promise.all([client.environments.get('a'), client.environments.set('a', { X: '1' }, { reason: 'w' })]);
      expect(state.executed.get('w')).toBe(1);
    },
  );

  test('a write whose outcome is unknown, in the same session and with the same number', async () => {
    const state = new TwinState();
    const places: string[] = [];
    const twin = await member(state, {
      pipeline: (stream, request, self) => {
        for (const { call } of request.calls) {
          if (call.case === 'write')
            places.push(`${Buffer.from(call.value.session!.sessionId).toString('hex')} ${call.value.session!.sequence}`);
        }
        if (places.length > 2) self.answerAll(stream, request);
        else {
          // Done, but the answer says that this is not known.
          for (const call of request.calls) answerFor(state, call);
          const error = refusal('OUTCOME_UNKNOWN');
          self.answer(
            stream,
            request.calls.map(({ id }) => ({ id, result: { case: 'error', value: error } })),
          );
        }
      },
    });
    const client = await clientOf([twin]);
    const answer = await client.environments.set('a', { X: '1' }, { reason: 'w' });
    expect(answer).toMatchObject({ revision: 1, changed: true, replayed: true });
    expect(new Set(places).size).toBe(1);
    expect(state.executed.get('w')).toBe(1);
  });

  test('a write that was refused, and whose answer was lost, keeps the reason of its refusal', async () => {
    const state = new TwinState();
    let broken = false;
    const twin = await member(state, {
      pipeline: (stream, request, self) => {
        if (broken) self.answerAll(stream, request);
        else {
          broken = true;
          for (const call of request.calls) answerFor(state, call);
          self.cut();
        }
      },
    });
    const client = await clientOf([twin]);
    const error = await failure(client.environments.set('a', { X: '1' }, { ifRevision: 3, reason: 'w' }));
    expect(error).toMatchObject({ reason: 'CONDITION_FAILED', code: 'FAILED_PRECONDITION', outcomeUnknown: false });
    expect(state.executed.get('w')).toBe(1);
  });

  test('a write to a secret whose mark changed, as a new write of the session', async () => {
    const state = new TwinState();
    const sequences: bigint[] = [];
    const twin = await member(state, {
      pipeline: (stream, request, self) => {
        const [call] = request.calls;
        if (call?.call.case === 'write') sequences.push(call.call.value.session!.sequence);
        if (sequences.length > 1) self.answerAll(stream, request);
        else self.answer(stream, [{ id: call?.id ?? 0n, result: { case: 'error', value: refusal('SECRET_MARK_CHANGED') } }]);
      },
    });
    const client = await clientOf([twin]);
    await client.environments.set('a', { X: '1' });
    expect(sequences).toEqual([1n, 2n]);
  });
});

describe('a session that is gone', () => {
  test('is replaced for a write that was certainly not done', async () => {
    const state = new TwinState();
    const twin = await member(state);
    const client = await clientOf([twin]);
    await client.environments.set('a', { X: '1' }, { reason: 'first' });
    state.sessions.clear();
    await client.environments.set('a', { X: '2' }, { reason: 'second' });
    expect(state.executed.get('second')).toBe(1);
    expect(twin.unaryCalls).toEqual(['Sessions.Open', 'Sessions.Open']);
  });

  test('makes a write that may have been done an error: it is never done twice', async () => {
    const state = new TwinState();
    let messages = 0;
    const twin = await member(state, {
      pipeline: (stream, request, self) => {
        if (++messages === 2) {
          for (const call of request.calls) answerFor(state, call);
          state.sessions.clear();
          self.cut();
        } else self.answerAll(stream, request);
      },
    });
    const client = await clientOf([twin]);
    await client.environments.set('a', { X: '1' }, { reason: 'first' });
    const error = await failure(client.environments.set('a', { X: '2' }, { reason: 'second' }));
    expect(error).toMatchObject({ reason: 'OUTCOME_UNKNOWN', outcomeUnknown: true });
    expect((error.cause as EnvCliError).reason).toBe('SESSION_UNKNOWN');
    expect(state.executed.get('second')).toBe(1);
    await client.environments.set('a', { X: '3' }, { reason: 'third' });
    expect(state.executed.get('third')).toBe(1);
  });
});

describe('wherever a stream breaks, an answered write was done once and no write was done twice', () => {
  /** What happens to a message of the pipeline. */
  const fates = fc.constantFrom(
    'answer',
    'lose',
    'do and lose',
    'do half and lose',
    'answer twice',
    'stop',
    'busy',
    'unknown',
    'done, unknown',
    'end',
  );

  test('by random breaks at two members', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fates, { maxLength: 12 }), fc.integer({ min: 1, max: 40 }), async (script, count) => {
        const state = new TwinState();
        let at = 0;
        const pipeline: TwinScript['pipeline'] = (stream, request, self) => {
          const { calls } = request;
          const error = (reason: 'TOO_BUSY' | 'OUTCOME_UNKNOWN'): void =>
            self.answer(
              stream,
              calls.map(({ id }) => ({ id, result: { case: 'error', value: refusal(reason) } })),
            );
          switch (script[at++]) {
            case 'lose':
              self.cut();
              break;
            case 'do and lose':
              for (const call of calls) answerFor(state, call);
              self.cut();
              break;
            case 'stop':
              stream.emit('error', serviceError(refusal('STOPPING')));
              break;
            case 'do half and lose':
              for (const call of calls.slice(calls.length / 2)) answerFor(state, call);
              self.cut();
              break;
            case 'answer twice':
              self.answerAll(stream, request);
              self.answerAll(stream, request);
              break;
            case 'busy':
              error('TOO_BUSY');
              break;
            case 'unknown':
              error('OUTCOME_UNKNOWN');
              break;
            case 'done, unknown':
              for (const call of calls) answerFor(state, call);
              error('OUTCOME_UNKNOWN');
              break;
            case 'end':
              stream.end();
              break;
            case 'answer':
            case undefined:
              self.answerAll(stream, request);
              break;
            default:
              throw new Error('no such fate');
          }
        };
        const members = [await TwinMember.start(state, { pipeline }), await TwinMember.start(state, { pipeline })];
        const client = await connect(
          members.map(({ address }) => address),
          quick,
        );
        try {
          await Promise.all(
            Array.from({ length: count }, (_, i) => client.environments.set('a', { [`V${i}`]: '1' }, { reason: String(i) })),
          );
          expect([...state.executed.values()].every((times) => times === 1)).toBe(true);
          expect(state.executed.size).toBe(count);
          expect((await client.environments.get('a')).environment.variables.length).toBe(count);
        } finally {
          await client.close();
          for (const each of members) each.stop();
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('the bounds of a call', () => {
  const silent: TwinScript = { pipeline: () => undefined };

  test('a read that is not answered in time fails with DEADLINE_EXCEEDED', async () => {
    const client = await clientOf([await member(new TwinState(), silent)]);
    expect(await failure(client.environments.get('a', { timeoutMs: 30 }))).toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
      message: 'no answer within 0.03 s',
    });
  });

  test('a write that was sent and not answered in time is of unknown outcome', async () => {
    const client = await clientOf([await member(new TwinState(), silent)]);
    const error = await failure(client.environments.set('a', { X: '1' }, { timeoutMs: 500 }));
    expect(error).toMatchObject({ reason: 'OUTCOME_UNKNOWN', outcomeUnknown: true });
  });

  test('a write that nobody would take says why it was never sent', async () => {
    const script: TwinScript = {
      pipeline: (stream, { calls }, self) =>
        self.answer(
          stream,
          calls.map(({ id }) => ({ id, result: { case: 'error', value: refusal('NO_LEADER', {}, 5000) } })),
        ),
    };
    const client = await clientOf([await member(new TwinState(), script)]);
    const error = await failure(client.environments.set('a', { X: '1' }, { timeoutMs: 500 }));
    expect(error).toMatchObject({ reason: 'NO_LEADER', code: 'UNAVAILABLE', outcomeUnknown: false });
    expect(error.message).toContain('tried for 0.5 s');
  });

  test('a signal gives a call up at once, before it goes out, on its way, or before it was made', async () => {
    const twin = await member(new TwinState(), silent);
    const client = await clientOf([twin]);
    const abort = new AbortController();
    const before = failure(client.environments.get('a', { signal: AbortSignal.abort() }));
    const reads = Array.from({ length: 20 }, () => failure(client.environments.get('a', { signal: abort.signal })));
    const write = failure(client.environments.set('a', { X: '1' }, { signal: abort.signal }));
    expect((await before).reason).toBe('CANCELLED');
    abort.abort();
    expect(new Set((await Promise.all(reads)).map(({ reason }) => reason))).toEqual(new Set(['CANCELLED']));
    expect(await write).toMatchObject({ reason: 'CANCELLED', outcomeUnknown: false });
    expect(twin.messages).toEqual([]);
  });

  test('writes that are given up make room in the session for those behind them', async () => {
    const state = new TwinState();
    const reached = Promise.withResolvers<void>();
    let ignored = 0;
    const twin = await member(state, {
      pipeline: (stream, request, self) => {
        if (ignored === sessionWindowMax) self.answerAll(stream, request);
        else ignored += request.calls.length;
        if (ignored === sessionWindowMax) reached.resolve();
      },
    });
    const client = await clientOf([twin]);
    const abort = new AbortController();
    const first = Array.from({ length: sessionWindowMax }, () =>
      failure(client.environments.set('a', { X: '1' }, { signal: abort.signal })),
    );
    // Sooner than the silence of the member is noticed, which would send it as well.
    const behind = client.environments.set('a', { X: '2' }, { timeoutMs: 4500 });
    await reached.promise;
    abort.abort();
    expect((await behind).changed).toBe(true);
    expect((await Promise.all(first)).every(({ reason, outcomeUnknown }) => reason === 'CANCELLED' && outcomeUnknown)).toBe(true);
  });

  test.each([0, -1, Number.NaN])('a timeout of %p is refused', async (timeoutMs) => {
    const client = await clientOf([await member(new TwinState())]);
    expect((await failure(client.environments.get('a', { timeoutMs }))).reason).toBe('INVALID_FIELD');
  });
});

describe('a client that is closed', () => {
  test('fails what is under way, refuses what comes after, and closes its session', async () => {
    const state = new TwinState();
    const sent = Promise.withResolvers<void>();
    let answered = 0;
    const twin = await member(state, {
      pipeline: (stream, request, self) => {
        if (answered++ === 0) self.answerAll(stream, request);
        else sent.resolve();
      },
    });
    const client = await clientOf([twin]);
    await client.environments.set('a', { X: '1' });
    expect(state.sessions.size).toBe(1);
    const [read, write] = [failure(client.environments.get('a')), failure(client.environments.set('a', { X: '2' }))];
    await sent.promise;
    await client.close();
    expect((await read).reason).toBe('CLIENT_CLOSED');
    expect(await write).toMatchObject({ reason: 'OUTCOME_UNKNOWN', outcomeUnknown: true });
    expect((await failure(client.environments.get('a'))).reason).toBe('CLIENT_CLOSED');
    expect((await failure(client.cluster.members())).reason).toBe('CLIENT_CLOSED');
    expect(state.sessions.size).toBe(0);
  });
});
