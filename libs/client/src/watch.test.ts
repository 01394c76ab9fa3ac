import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ChangeKind, StatusSchema, type WatchRequest, type WatchResponseSchema } from '@env-cli/wire';
import { afterEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { connect, type Client } from './client.ts';
import type { EnvCliError } from './error.ts';
import { refusal, serviceError, TwinMember, TwinState, type WatchCallStream } from './testing/twin.ts';
import { watchLimitsDefault, type WatchEvent } from './watch.ts';

const quick = { backoff: { initialMs: 1, maxMs: 5 } };
const ended: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

type Response = MessageInitShape<typeof WatchResponseSchema>;
type Event = NonNullable<Response['event']>;

/** A response of a watch at a revision, with the resume token of it. */
const at = (revision: number, event: Event): Response => ({
  event,
  revision: BigInt(revision),
  resumeToken: `r${revision}`,
});
const changed = (revision: number, size = 1): Response =>
  at(revision, {
    case: 'changes',
    value: {
      changes: [
        {
          revision: BigInt(revision),
          environment: 'a',
          kind: ChangeKind.UPDATED,
          variables: [{ name: 'X', after: { name: 'X', value: 'x'.repeat(size) } }],
        },
      ],
    },
  });

/** A member whose change log holds revisions 1 to `last`, and that sends them as a script says. */
class WatchedMember {
  readonly starts: WatchRequest[] = [];
  readonly cancels: bigint[] = [];
  member!: TwinMember;
  onStart: (send: (response: Response) => void, from: number, stream: WatchCallStream, id: bigint) => void = () => undefined;
  onCancel: () => void = () => undefined;

  static async start(): Promise<WatchedMember> {
    const watched = new WatchedMember();
    watched.member = await TwinMember.start(new TwinState(), {
      watch: (stream, request) => {
        if (request.action.case === 'cancel') {
          watched.cancels.push(request.watchId);
          watched.onCancel();
          return;
        }
        watched.starts.push(request);
        const token = request.action.value?.resumeToken ?? '';
        const from = token === '' ? Math.max(1, Number(request.action.value?.startRevision ?? 0)) : Number(token.slice(1)) + 1;
        watched.onStart((response) => stream.write({ watchId: request.watchId, ...response }), from, stream, request.watchId);
      },
    });
    ended.push(() => watched.member.stop());
    return watched;
  }
}

async function clientOf(members: readonly WatchedMember[]): Promise<Client> {
  const client = await connect(
    members.map(({ member }) => member.address),
    quick,
  );
  ended.push(() => client.close());
  return client;
}

const started = (revision: number): Response => at(revision - 1, { case: 'started', value: { startRevision: BigInt(revision) } });
const failure = (promise: Promise<unknown>): Promise<EnvCliError> =>
  promise.then(
    () => Promise.reject(new Error('it went well')),
    (error: EnvCliError) => error,
  );

test('a watch tells where it began, and each change once, in order', async () => {
  const watched = await WatchedMember.start();
  watched.onStart = (send, from) => {
    send(started(from));
    for (const revision of [3, 4, 4, 5]) send(changed(revision));
  };
  const client = await clientOf([watched]);
  const watch = client.environments.watch({ prefix: 'pay', selector: 'tier=prod', startRevision: 3, view: 'full' });
  expect(await watch.started).toBe(3);
  const revisions: number[] = [];
  for await (const event of watch) {
    revisions.push(event.revision);
    if (event.revision === 5) break;
  }
  expect(revisions).toEqual([3, 4, 5]);
  const [first] = watched.starts;
  expect(first?.action.value).toMatchObject({
    namespace: 'default',
    scope: { case: 'prefix', value: 'pay' },
    selector: 'tier=prod',
    view: 2,
  });
});

describe('wherever the stream of a watch breaks, its reader sees every revision once and in order', () => {
  const fates = fc.array(
    fc.record({
      /** Revisions sent before the break. */
      sent: fc.integer({ min: 0, max: 5 }),
      how: fc.constantFrom('cut', 'unavailable', 'ended', 'replaced', 'finish'),
      begins: fc.boolean(),
    }),
    { maxLength: 6 },
  );

  test('by random breaks at two members', async () => {
    await fc.assert(
      fc.asyncProperty(fates, async (script) => {
        const members = [await WatchedMember.start(), await WatchedMember.start()];
        let attempt = 0;
        for (const watched of members) {
          watched.onStart = (send, from, stream) => {
            const fate = script[attempt++];
            const { begins, sent } = fate ?? { begins: true, sent: 30 };
            if (begins) send(started(from));
            for (let i = 0; i < (begins ? sent : 0); i++) send(changed(from + i));
            switch (fate?.how) {
              case 'cut':
                watched.member.cut();
                break;
              case 'unavailable':
                stream.emit('error', { code: 14, details: 'gone' });
                break;
              case 'finish':
                stream.end();
                break;
              case 'ended':
              case 'replaced':
                send({
                  event: { case: 'ended', value: { status: refusal(fate.how === 'ended' ? 'STOPPING' : 'STATE_REPLACED') } },
                });
                break;
              case undefined:
                break;
              default:
                fate?.how satisfies undefined;
            }
          };
        }
        const client = await clientOf(members);
        const revisions: number[] = [];
        for await (const { revision } of client.environments.watch({ startRevision: 1 })) {
          revisions.push(revision);
          if (revisions.length === 25) break;
        }
        expect(revisions).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
        for (const end of ended.splice(0).toReversed()) await end();
      }),
      { numRuns: 40 },
    );
  });
});

describe('a watch that cannot go on ends with the reason, after what had come was read', () => {
  test.each(['COMPACTED', 'EPOCH_CHANGED', 'INVALID_FIELD'] as const)('%s', async (reason) => {
    const watched = await WatchedMember.start();
    watched.onStart = (send, from) => {
      send(started(from));
      send(changed(1));
      send({ event: { case: 'ended', value: { status: refusal(reason, { oldest: '9' }) } } });
    };
    const watch = (await clientOf([watched])).environments.watch({ name: 'a' });
    expect((await watch.next()).value).toMatchObject({ kind: 'changes', revision: 1 });
    expect(await failure(watch.next())).toMatchObject({ reason, details: { metadata: { oldest: '9' } } });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });

  test('a member that cannot be reached, before it began', async () => {
    const watched = await WatchedMember.start();
    const client = await connect(watched.member.address, { ...quick, connectTimeoutMs: 1000 });
    ended.push(() => client.close());
    watched.member.stop();
    const watch = client.environments.watch({ name: 'a' });
    expect((await failure(watch.next())).reason).toBe('UNREACHABLE');
    expect((await failure(watch.started)).reason).toBe('UNREACHABLE');
  });

  test('a member that never takes it on, at its time-out; one that has begun is not bounded by it', async () => {
    const watched = await WatchedMember.start();
    const client = await clientOf([watched]);
    const error = await failure(client.environments.watch({ timeoutMs: 30 }).next());
    expect(error).toMatchObject({ reason: 'DEADLINE_EXCEEDED', message: 'no answer within 0.03 s' });
    expect(() => client.environments.watch({ timeoutMs: 0 })).toThrow('a timeout is a number of milliseconds above 0, not 0');
    watched.onStart = (send, from) => send(started(from));
    const timeoutMs = 1000;
    const begun = client.environments.watch({ timeoutMs });
    await begun.started;
    const next = begun.next();
    watched.onStart = () => undefined;
    // It was begun later, so that its time-out is over later.
    await failure(client.environments.watch({ timeoutMs }).next());
    await begun.return();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  test('an unknown status is an error, not an endless retry', async () => {
    const watched = await WatchedMember.start();
    watched.onStart = (_send, _from, stream) =>
      stream.emit('error', serviceError(create(StatusSchema, { code: 13, message: 'oops' })));
    const watch = (await clientOf([watched])).environments.watch();
    expect(await failure(watch.next())).toMatchObject({ reason: 'OTHER', code: 'INTERNAL' });
  });
});

test('who asks is told that a watch lost its connection, and that it goes on', async () => {
  const watched = await WatchedMember.start();
  const told: string[] = [];
  watched.onStart = (send, from) => {
    send(started(from));
    if (watched.starts.length > 1) send(changed(7));
  };
  const client = await clientOf([watched]);
  const watch = client.environments.watch({
    onInterrupted: ({ reason }) => told.push(reason),
    onResumed: () => told.push('resumed'),
  });
  await watch.started;
  watched.member.cut();
  await watch.next();
  expect(told).toEqual(['CONNECTION_LOST', 'resumed']);
});

describe('whoever leaves a watch ends it', () => {
  test('by the signal, by leaving the loop, or by closing the client', async () => {
    const watched = await WatchedMember.start();
    watched.onStart = (send, from) => {
      send(started(from));
      send(changed(1));
    };
    const client = await clientOf([watched]);
    const abort = new AbortController();
    const [byClose, bySignal, byReturn] = [
      client.environments.watch(),
      client.environments.watch({ signal: abort.signal }),
      client.environments.watch(),
    ];
    for (const watch of [byClose, bySignal, byReturn]) await watch.next();
    const waiting = bySignal.next();
    abort.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    const cancelled = new Promise<void>((resolve) => {
      watched.onCancel = resolve;
    });
    await byReturn.return();
    await cancelled;
    const open = failure(byClose.next());
    await client.close();
    expect((await open).reason).toBe('CLIENT_CLOSED');
    expect(
      await client.environments
        .watch()
        .next()
        .catch((error: EnvCliError) => error.reason),
    ).toBe('CLIENT_CLOSED');
    const gone = new AbortController();
    gone.abort();
    expect(await client.environments.watch({ signal: gone.signal }).next()).toEqual({ done: true, value: undefined });
  });
});

test('progress is told only to those who ask, and moves the place where a watch goes on', async () => {
  const watched = await WatchedMember.start();
  watched.onStart = (send, from) => {
    send(started(from));
    send(at(41, { case: 'progress', value: {} }));
    if (watched.starts.length === 1) send({ event: { case: 'ended', value: { status: refusal('STATE_REPLACED') } } });
    else send(changed(42));
  };
  const client = await clientOf([watched]);
  const quiet = client.environments.watch();
  expect((await quiet.next()).value).toMatchObject({ kind: 'changes', revision: 42 });
  expect(watched.starts[1]?.action.value).toMatchObject({ resumeToken: 'r41', startRevision: 0n });
  const told = client.environments.watch({ progress: true });
  expect((await told.next()).value).toEqual({ kind: 'progress', revision: 41, resumeToken: 'r41' } satisfies WatchEvent);
});

test('a reader that stops reading costs a buffer: the cluster is asked to stop, and goes on where it stopped', async () => {
  const watched = await WatchedMember.start();
  const size = 100_000;
  const total = 60;
  watched.onStart = (send, from) => {
    send(started(from));
    for (let revision = Math.max(1, from); revision <= total; revision++) send(changed(revision, size));
  };
  const client = await clientOf([watched]);
  const cancelled = new Promise<void>((resolve) => {
    watched.onCancel = resolve;
  });
  // A second watch keeps the stream open, and is not held up by the first.
  const other = client.environments.watch({ startRevision: total });
  const slow = client.environments.watch({ startRevision: 1 });
  await cancelled;
  expect((await other.next()).value).toMatchObject({ revision: total });
  const held = Math.ceil(watchLimitsDefault.bufferBytesMax / size) + 1;
  expect(Number(slow.resumeToken.slice(1))).toBeLessThanOrEqual(held);
  const revisions: number[] = [];
  for await (const { revision } of slow) {
    revisions.push(revision);
    if (revision === total) break;
  }
  expect(revisions).toEqual(Array.from({ length: total }, (_, i) => i + 1));
  expect(watched.starts.length).toBeGreaterThan(2);
});
