import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Change, ChangeKind, Cluster, Environments, type WatchResponse } from '@env-cli/wire';
import * as fc from 'fast-check';

import { type CallFailed, infoOf, Serving, TestClient, type TestStream } from '../testing/serving.ts';
import { setting } from '../testing/operations.ts';
import { TwinMember } from '../testing/twin-member.ts';

type WatchTestStream = TestStream<typeof Environments.method.watch.input, typeof Environments.method.watch.output>;

let member: TwinMember;
let serving: Serving;
let client: TestClient;
let watch: WatchTestStream;

beforeEach(async () => {
  member = TwinMember.alone();
  serving = await Serving.of(member);
  client = new TestClient(serving.address);
  watch = client.stream(Environments, 'watch');
});
afterEach(async () => {
  watch.cancel();
  await watch.next().catch(() => null);
  client.close();
  await serving.close();
  assert.deepEqual(serving.faults, []);
});

async function set(environment: string, value: string): Promise<bigint> {
  return (await client.call(Environments, 'write', { operations: [setting(environment, { A: value })] })).revision;
}

async function label(environment: string, labels: Record<string, string>): Promise<void> {
  await client.call(Environments, 'write', {
    operations: [{ environment, action: { case: 'label', value: { set: labels } } }],
  });
}

async function remove(environment: string): Promise<bigint> {
  return (await client.call(Environments, 'write', { operations: [{ environment, action: { case: 'delete', value: {} } }] }))
    .revision;
}

type Start = Extract<Parameters<WatchTestStream['send']>[0]['action'], { case: 'start' }>['value'] & object;

function start(id: number, value: Start): void {
  watch.send({ watchId: BigInt(id), action: { case: 'start', value } as never });
}

/** Starts a watch and waits until it has begun. */
async function begin(id: number, value: Start): Promise<WatchResponse> {
  start(id, value);
  return watch.find(({ event }) => event.case === 'started');
}

/** Changes of one watch until there are so many. */
async function changesOf(id: number, count: number): Promise<Change[]> {
  const changes: Change[] = [];
  while (changes.length < count) {
    const { event } = await watch.find((message) => message.watchId === BigInt(id) && message.event.case === 'changes');
    if (event.case === 'changes') changes.push(...event.value.changes);
  }
  return changes;
}

async function endOf(id: number): Promise<{ reason: string | undefined; code: number }> {
  const { event } = await watch.find((message) => message.watchId === BigInt(id) && message.event.case === 'ended');
  const failure = event.case === 'ended' ? event.value.status : undefined;
  return { code: failure?.code ?? 0, reason: failure === undefined || failure.code === 0 ? undefined : infoOf(failure)?.reason };
}

const everything = { scope: { case: 'prefix', value: '' } } as const;

describe('a watch sees what concerns it', () => {
  test('by name, by prefix and by label, each on the same stream', async () => {
    await begin(1, { scope: { case: 'name', value: 'pay/prod' } });
    await begin(2, { scope: { case: 'prefix', value: 'pay/' } });
    await begin(3, { ...everything, selector: 'team=red' });
    await begin(4, { ...everything });
    await set('pay/prod', '1');
    await set('other', '1');
    await label('other', { team: 'red' });
    await set('pay/test', '1');
    const seen = new Map<number, string[]>();
    for (let left = 1 + 2 + 1 + 4; left > 0;) {
      const message = await watch.find(({ event }) => event.case === 'changes');
      assert.ok(message.event.case === 'changes', 'changes were looked for');
      for (const change of message.event.value.changes) {
        const id = Number(message.watchId);
        seen.set(id, [...(seen.get(id) ?? []), change.environment]);
        left--;
      }
    }
    expect([...seen].toSorted((a, b) => a[0] - b[0])).toEqual([
      [1, ['pay/prod']],
      [2, ['pay/prod', 'pay/test']],
      [3, ['other']],
      [4, ['pay/prod', 'other', 'other', 'pay/test']],
    ]);
  });

  test('and is told when an environment leaves its selector without being deleted', async () => {
    await begin(1, { ...everything, selector: 'team=red' });
    await set('a', '1');
    await label('a', { team: 'red' });
    await set('a', '2');
    await label('a', { team: 'blue' });
    await set('a', '3');
    await label('a', { team: 'red' });
    await remove('a');
    const changes = await changesOf(1, 5);
    expect(changes.map(({ kind }) => kind)).toEqual([
      ChangeKind.UPDATED,
      ChangeKind.UPDATED,
      ChangeKind.LEFT,
      ChangeKind.UPDATED,
      ChangeKind.DELETED,
    ]);
  });

  test('masked, unless it asks for secrets in full', async () => {
    await begin(1, { ...everything });
    await begin(2, { ...everything, view: 2 });
    await client.call(Environments, 'write', { operations: [setting('a', { KEY: 'hunter2' }, true)] });
    const shown: (readonly [bigint, string | undefined])[] = [];
    while (shown.length < 2) {
      const { watchId, event } = await watch.find((message) => message.event.case === 'changes');
      if (event.case === 'changes') shown.push([watchId, event.value.changes[0]?.variables[0]?.after?.value]);
    }
    expect(shown.toSorted((a, b) => (a[0] < b[0] ? -1 : 1))).toEqual([
      [1n, undefined],
      [2n, 'hunter2'],
    ]);
  });
});

describe('a watch begins', () => {
  beforeEach(async () => {
    for (const value of ['1', '2', '3']) await set('a', value);
  });

  test('with what comes after it began, when it names no revision', async () => {
    const { event, revision } = await begin(1, everything);
    expect([event.value, revision]).toMatchObject([{ startRevision: 4n }, 3n]);
    await set('a', '4');
    expect((await changesOf(1, 1)).map(({ revision: at }) => at)).toEqual([4n]);
  });

  test('at a revision of the past, all of it', async () => {
    await begin(1, { ...everything, startRevision: 2n });
    await set('a', '4');
    expect((await changesOf(1, 3)).map(({ revision }) => revision)).toEqual([2n, 3n, 4n]);
  });

  test('right behind the message whose token it brings', async () => {
    await begin(1, { ...everything, startRevision: 1n });
    const { resumeToken } = await watch.find(({ event }) => event.case === 'changes');
    await set('a', '4');
    await begin(2, { ...everything, resumeToken });
    expect((await changesOf(2, 1)).map(({ revision }) => revision)).toEqual([4n]);
  });

  test.each([
    ['in the future', { ...everything, startRevision: 99n }, 'REVISION_IN_FUTURE'],
    ['below 0', { ...everything, startRevision: -1n }, 'INVALID_FIELD'],
    ['without a scope', {}, 'INVALID_FIELD'],
    ['with a selector that is none', { ...everything, selector: '=' }, 'INVALID_FIELD'],
    ['with a token that is none', { ...everything, resumeToken: 'x' }, 'TOKEN_MALFORMED'],
    ['with a view that there is not', { ...everything, view: 7 }, 'INVALID_FIELD'],
  ])('not %s, and the stream goes on', async (_why, value, reason) => {
    start(1, value as never);
    expect((await endOf(1)).reason).toBe(reason);
    await begin(2, everything);
  });

  test('not in what is compacted', async () => {
    await client.call(Cluster, 'compact', { revision: 3n });
    start(1, { ...everything, startRevision: 3n });
    expect(await endOf(1)).toEqual({ code: 11, reason: 'COMPACTED' });
    await begin(2, { ...everything, startRevision: 4n });
    await set('a', '4');
    expect(await changesOf(2, 1)).toHaveLength(1);
  });
});

describe('a watch ends', () => {
  test('when it is cancelled, and its number may not be cancelled again', async () => {
    await begin(1, everything);
    watch.send({ watchId: 1n, action: { case: 'cancel', value: {} } });
    expect(await endOf(1)).toEqual({ code: 0, reason: undefined });
    watch.send({ watchId: 1n, action: { case: 'cancel', value: {} } });
    expect((await endOf(1)).reason).toBe('WATCH_ID_UNKNOWN');
    expect(serving.api.dispatcher.count).toBe(0);
  });

  test('when the state was replaced, with where to go on', async () => {
    await set('a', '1');
    await begin(1, everything);
    member.replaceStateWith(member);
    const { event, resumeToken } = await watch.find((message) => message.event.case === 'ended');
    expect(event.case === 'ended' ? infoOf(event.value.status!)?.reason : event.case).toBe('STATE_REPLACED');
    await begin(2, { ...everything, resumeToken });
    await set('a', '2');
    expect((await changesOf(2, 1)).map(({ revision }) => revision)).toEqual([2n]);
  });

  test('with its stream, when the member stops', async () => {
    await begin(1, everything);
    serving.api.drain();
    await expect(watch.next()).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'STOPPING' });
    expect(serving.api.dispatcher.count).toBe(0);
  });

  test('when the client goes away', async () => {
    await begin(1, everything);
    watch.cancel();
    await watch.next().catch((error: CallFailed) => error);
    while (serving.ended.at(-1) !== '/envcli.v1.Environments/Watch CANCELLED') await new Promise(setImmediate);
    expect(serving.api.dispatcher.count).toBe(0);
  });

  test('not because the client has no more requests', async () => {
    await begin(1, everything);
    watch.end();
    await set('a', '1');
    expect(await changesOf(1, 1)).toHaveLength(1);
  });
});

test('a stream is refused whose client uses the number of a running watch', async () => {
  await begin(1, everything);
  start(1, everything);
  await expect(watch.next()).rejects.toMatchObject({ reason: 'WATCH_ID_TAKEN' });
});

test('all changes of a revision arrive together', async () => {
  await begin(1, everything);
  const names = Array.from({ length: 30 }, (_, at) => `e/${String(at).padStart(2, '0')}`);
  const operations = names.map((environment) => setting(environment, { A: 'x'.repeat(30_000) }));
  await client.call(Environments, 'write', { operations });
  const { event, revision } = await watch.find((message) => message.event.case === 'changes');
  expect(event.case === 'changes' ? event.value.changes.map(({ environment }) => environment) : []).toEqual(names);
  expect(revision).toBe(1n);
});

test('a revision that is too large for a message comes in parts, and counts as seen with the last', async () => {
  const names = ['a', 'b', 'c'];
  const values = Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`V${at}`, 'x'.repeat(250_000)]));
  for (const name of names) await client.call(Environments, 'write', { operations: [setting(name, values)] });
  await begin(1, everything);
  const operations = names.map((environment) => ({ environment, action: { case: 'delete', value: {} } as const }));
  await client.call(Environments, 'write', { operations });
  const parts: [string[], bigint][] = [];
  while (parts.flatMap(([environments]) => environments).length < names.length) {
    const { event, revision } = await watch.find((message) => message.event.case === 'changes');
    parts.push([event.case === 'changes' ? event.value.changes.map(({ environment }) => environment) : [], revision]);
  }
  expect(parts).toEqual([
    [['a', 'b'], 3n],
    [['c'], 4n],
  ]);
});

test('a quiet watch is told how far it has seen, and never further', async () => {
  const quick = await Serving.of(member, { watchProgressIntervalMs: 20 });
  const other = new TestClient(quick.address);
  const stream = other.stream(Environments, 'watch');
  stream.send({ watchId: 1n, action: { case: 'start', value: { scope: { case: 'name', value: 'quiet' } } } });
  let sent = 0n;
  for (let round = 0; round < 20; round++) {
    const written = await set(round % 2 === 0 ? 'loud' : 'quiet', String(round));
    const message = await stream.find(
      ({ event, revision }) => (event.case === 'progress' || event.case === 'changes') && revision >= written,
    );
    expect(message.revision).toBeGreaterThanOrEqual(sent);
    expect(message.event.case).toBe(round % 2 === 0 ? 'progress' : 'changes');
    sent = message.revision;
  }
  stream.cancel();
  other.close();
  await quick.close();
});

test('whatever starts, resumes and stalls: every change arrives once, in order, without a gap', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.constant('write' as const),
          fc.constant('start' as const),
          fc.constant('turn' as const),
          fc.constant('burst' as const),
        ),
        {
          minLength: 5,
          maxLength: 25,
        },
      ),
      async (steps) => {
        const stream = client.stream(Environments, 'watch');
        const began = new Map<bigint, bigint>();
        const seen = new Map<bigint, bigint[]>();
        let next = 1n;
        for (const step of steps) {
          if (step === 'write') await set('a', String(Math.random()));
          else if (step === 'burst')
            await Promise.all(Array.from({ length: 150 }, () => set('b', 'y'.repeat(2_000) + String(Math.random()))));
          else if (step === 'turn') await new Promise(setImmediate);
          else
            stream.send({
              watchId: next++,
              action: { case: 'start', value: { ...everything, startRevision: BigInt(Math.max(1, member.revision - 200)) } },
            });
        }
        const newest = BigInt(member.revision);
        const started = next - 1n;
        const last = await set('end', String(newest));
        let open = Number(started);
        while (open > 0) {
          const { watchId, event } = await stream.find(() => true);
          if (event.case === 'started') began.set(watchId, event.value.startRevision);
          if (event.case !== 'changes') continue;
          const revisions = [...(seen.get(watchId) ?? []), ...event.value.changes.map(({ revision }) => revision)];
          seen.set(watchId, revisions);
          if (revisions.at(-1) === last) open--;
        }
        for (const [watchId, from] of began) {
          const expected = Array.from({ length: Number(last - from) + 1 }, (_, at) => from + BigInt(at));
          expect(seen.get(watchId)).toEqual(expected);
        }
        stream.cancel();
        await stream.next().catch(() => null);
      },
    ),
    { numRuns: 3 },
  );
});
