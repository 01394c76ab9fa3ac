import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Environments, type PipelineCallSchema, type PipelineResponse, type PipelineResult, Sessions } from '@env-cli/wire';

import { infoOf, Serving, TestClient, type CallFailed, type TestStream } from '../testing/serving.ts';
import { setting } from '../testing/operations.ts';
import { TwinMember } from '../testing/twin-member.ts';

type PipelineStream = TestStream<typeof Environments.method.pipeline.input, typeof Environments.method.pipeline.output>;

let member: TwinMember;
let serving: Serving;
let client: TestClient;
let pipeline: PipelineStream;

beforeEach(async () => {
  member = TwinMember.alone();
  serving = await Serving.of(member);
  client = new TestClient(serving.address);
  pipeline = client.stream(Environments, 'pipeline');
});
afterEach(async () => {
  pipeline.cancel();
  await pipeline.next().catch(() => null);
  client.close();
  await serving.close();
  assert.deepEqual(serving.faults, []);
});

type CallInit = MessageInitShape<typeof PipelineCallSchema>;

function setCall(id: number, environment: string, value: string): CallInit {
  return { id: BigInt(id), call: { case: 'write', value: { operations: [setting(environment, { A: value }, false)] } } };
}

function getCall(id: number, name: string, options: object = {}): CallInit {
  return { id: BigInt(id), call: { case: 'get', value: { name, options } } };
}

/** Takes answers until there are so many; also the messages that they came in. */
async function answers(count: number): Promise<{ results: PipelineResult[]; messages: PipelineResponse[] }> {
  const results: PipelineResult[] = [];
  const messages: PipelineResponse[] = [];
  while (results.length < count) {
    const message = await pipeline.next();
    assert.ok(message !== null, 'the pipeline goes on until everything is answered');
    messages.push(message);
    results.push(...message.results);
  }
  return { results, messages };
}

test('a thousand writes of one message are answered under few headers, each once', async () => {
  pipeline.send({ calls: Array.from({ length: 1_000 }, (_, id) => setCall(id + 1, `e/${id}`, 'x')) });
  const { results, messages } = await answers(1_000);
  expect(results.map(({ id }) => Number(id)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, id) => id + 1));
  expect(messages.length).toBeLessThan(100);
  expect(messages.at(-1)?.header?.revision).toBe(1_000n);
  expect(results[0]).toMatchObject({ result: { case: 'write', value: { changed: true, revision: 1n } } });
});

test('writes of one message happen in their order', async () => {
  pipeline.send({ calls: Array.from({ length: 50 }, (_, id) => setCall(id + 1, 'same', String(id))) });
  const { results } = await answers(50);
  expect(results.map(({ result }) => (result.case === 'write' ? Number(result.value.revision) : 0))).toEqual(
    Array.from({ length: 50 }, (_, at) => at + 1),
  );
});

test('reads of one message show one state', async () => {
  pipeline.send({ calls: [setCall(1, 'a', '1'), setCall(2, 'b', '1')] });
  await answers(2);
  pipeline.send({
    calls: [getCall(3, 'a'), getCall(4, 'b'), { id: 5n, call: { case: 'batchGet', value: { names: ['a', 'b'] } } }],
  });
  const { results, messages } = await answers(3);
  expect(results.map(({ result }) => result.case)).toEqual(['get', 'get', 'batchGet']);
  expect(messages).toHaveLength(1);
});

test('an answer’s token lets a read on another connection see it', async () => {
  pipeline.send({ calls: [setCall(1, 'a', 'mine')] });
  const { messages } = await answers(1);
  const { environment } = await client.call(Environments, 'get', { name: 'a', options: { token: messages[0]!.header!.token } });
  expect(environment?.variables[0]?.value).toBe('mine');
});

test('a call that fails says why, and the others go on', async () => {
  pipeline.send({
    calls: [
      getCall(1, 'none'),
      getCall(2, 'NO NAME'),
      { id: 3n },
      getCall(4, 'none', { token: 'x' }),
      { id: 5n, call: { case: 'write', value: {} } },
      setCall(6, 'fine', 'x'),
    ],
  });
  const { results } = await answers(6);
  const reasons = results
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ result }) => (result.case === 'error' ? infoOf(result.value)?.reason : result.case));
  expect(reasons).toEqual([
    'ENVIRONMENT_NOT_FOUND',
    'INVALID_FIELD',
    'INVALID_FIELD',
    'TOKEN_MALFORMED',
    'INVALID_FIELD',
    'write',
  ]);
});

test('a write that is sent again in its session happens once', async () => {
  const sessionId = new Uint8Array(16).fill(9);
  await client.call(Sessions, 'open', { sessionId });
  const session = { sessionId, sequence: 1n, firstIncomplete: 1n };
  const inSession = (id: number, value: string): CallInit => {
    const operations = [setting('once', { A: value }, false)];
    return { id: BigInt(id), call: { case: 'write', value: { operations, session } } };
  };
  pipeline.send({ calls: [inSession(1, 'x')] });
  const { results: first } = await answers(1);
  pipeline.send({ calls: [inSession(2, 'x')] });
  const { results: second } = await answers(1);
  expect(first[0]?.result.value).toMatchObject({ changed: true, replayed: false });
  expect(second[0]?.result.value).toMatchObject({
    changed: true,
    replayed: true,
    revision: (first[0]!.result.value as { revision: bigint }).revision,
  });
});

/** Why the stream ends. */
async function reasonOf(): Promise<string> {
  try {
    for (;;) if ((await pipeline.next()) === null) return 'ended';
  } catch (error) {
    return (error as CallFailed).reason;
  }
}

describe('the stream itself is refused', () => {
  test('when a number is used again before it is answered', async () => {
    pipeline.send({ calls: [setCall(1, 'a', 'x'), setCall(1, 'b', 'x')] });
    expect(await reasonOf()).toBe('CALL_ID_TAKEN');
  });

  test('when a message carries too many calls', async () => {
    pipeline.send({ calls: Array.from({ length: 1_025 }, (_, id) => getCall(id + 1, 'a')) });
    expect(await reasonOf()).toBe('INVALID_FIELD');
  });
});

test('large reads go out in several messages, none above what a client takes', async () => {
  const value = 'x'.repeat(200 * 1024);
  pipeline.send({ calls: [setCall(1, 'large', value)] });
  await answers(1);
  pipeline.send({ calls: Array.from({ length: 40 }, (_, id) => getCall(id + 2, 'large')) });
  const { results, messages } = await answers(40);
  expect(results.every(({ result }) => result.case === 'get' && result.value.environment?.variables[0]?.value === value)).toBe(
    true,
  );
  expect(Math.max(...messages.map((message) => message.results.length))).toBeLessThanOrEqual(5);
});

test('a client that ends its side gets what is still unanswered, and then the end', async () => {
  pipeline.send({ calls: [setCall(1, 'a', 'x'), setCall(2, 'b', 'x')] });
  pipeline.end();
  await answers(2);
  expect(await pipeline.next()).toBeNull();
});

test('a member that stops answers what it took, and ends the stream', async () => {
  pipeline.send({ calls: [setCall(1, 'a', 'x')] });
  await answers(1);
  serving.api.drain();
  expect(await pipeline.next()).toBeNull();
});

test('from a client that reads no answers no more is taken than some MiB of answers', async () => {
  const value = 'x'.repeat(64 * 1024);
  pipeline.send({ calls: [setCall(1, 'large', value)] });
  await answers(1);
  pipeline.call.pause();
  const variables = ['A', ...Array.from({ length: 100 }, (_, at) => `V${String(at).padStart(100, '0')}`)];
  const before = member.readCount;
  for (let id = 2; id < 2_000; id++)
    pipeline.send({ calls: [{ id: BigInt(id), call: { case: 'get', value: { name: 'large', variables } } }] });
  // Each of these takes turns of the same event loop, in which the server could take more of the other stream.
  const other = client.stream(Environments, 'pipeline');
  for (let id = 1; id <= 200; id++) {
    other.send({ calls: [getCall(id, 'none')] });
    await other.next();
  }
  other.cancel();
  // 8 MiB wait here, and the client's own buffers take 16 messages of up to 1 MiB.
  expect(member.readCount - before - 200).toBeGreaterThan(100);
  expect(member.readCount - before - 200).toBeLessThan(700);
});
