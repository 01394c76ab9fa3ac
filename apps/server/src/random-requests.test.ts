import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { EventEmitter } from 'node:events';

import { afterAll, expect, test } from '@jest/globals';
import { create, type DescMethod, fromBinary, toBinary } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import {
  type PipelineRequest,
  PipelineRequestSchema,
  PipelineResponseSchema,
  type WatchRequest,
  WatchRequestSchema,
  WatchResponseSchema,
} from '@env-cli/wire';
import { Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';

import { Api } from './api.ts';
import { ClusterController } from './cluster/cluster.controller.ts';
import { MembersController } from './cluster/members.controller.ts';
import { EnvironmentsController } from './environments/environments.controller.ts';
import { apiServices } from './health.ts';
import { LevelsController } from './levels/levels.controller.ts';
import { MirrorsController } from './mirrors/mirrors.controller.ts';
import { type FaultSink, statusOf } from './rpc/faults.ts';
import { type Encoded, MalformedMessage, serviceDefinition } from './rpc/service-definition.ts';
import { SessionsController } from './sessions/sessions.controller.ts';
import { Dice, RandomMessages } from './testing/random-message.ts';
import { idleWorker } from './testing/serving.ts';
import { plainSecrets } from './secrets/secrets.ts';
import { TwinMember } from './testing/twin-member.ts';
import { testAwsDefaults } from './testing/aws-defaults.ts';

const requests = 100_000;
const atOnce = 1_000;
/** A read that waits for what never comes is given up so soon. */
const deadlineMs = 10;
const seed = 20_261_123;

const faults: string[] = [];
const sink: FaultSink = {
  unexpected: (where, what, stack) => faults.push(`${where}: ${what}\n${stack}`),
  broken: (error) => faults.push(String(error.stack)),
};
const member = TwinMember.alone();
const api = new Api(member, idleWorker, {
  defaultDeadlineMs: deadlineMs,
  defaultConsistency: 'strong',
  watchProgressIntervalMs: 10,
  awsDefaults: testAwsDefaults,
  mapBytes: 2 ** 30,
  storageBytes: () => 0,
  folderProblem: () => null,
  dataDir: tmpdir(),
  faults: sink,
  secrets: plainSecrets,
});
afterAll(() => {
  api.drain();
  api.close();
});

const dice = new Dice(seed);
const messages = new RandomMessages(dice);
const environments = new EnvironmentsController(api);
/** Those that share the methods of a service. */
const controllers: Readonly<Record<string, readonly object[]>> = {
  Environments: [environments],
  Sessions: [new SessionsController(api)],
  Mirrors: [new MirrorsController(api)],
  Cluster: [new ClusterController(api), new MembersController(api), new LevelsController(api)],
};

/** A call as grpc-js hands it over, as far as handlers look at it. */
class FakeCall extends EventEmitter {
  readonly metadata = new Metadata();
  cancelled = false;
  /** Messages that the client sends; for a stream. */
  readonly #inbox: unknown[] = [];

  getDeadline(): number {
    return Date.now() + deadlineMs;
  }

  send(message: unknown): void {
    this.#inbox.push(message);
    this.emit('readable');
  }

  read(): unknown {
    return this.#inbox.shift() ?? null;
  }

  end(): void {
    this.emit('end');
  }

  readonly _readableState = { highWaterMark: 16 };
}

const unary = apiServices.flatMap((service) => {
  const definition = serviceDefinition(service);
  return service.methods
    .filter((method) => method.methodKind === 'unary')
    .map((method) => ({
      method,
      deserialize: definition[method.name]!.requestDeserialize,
      controller: controllers[service.name]!.find((each) => method.localName in each)!,
    }));
});

const codes = new Map<string, number>();

function count(code: number | undefined): void {
  const name = status[code ?? status.OK] ?? 'NONE';
  codes.set(name, (codes.get(name) ?? 0) + 1);
}

/** One request as bytes; now and then with a byte that is another. */
function bytesOf(method: DescMethod): Buffer {
  const bytes = Buffer.from(toBinary(method.input, messages.of(method.input)));
  if (bytes.length > 0 && dice.chance(0.05)) bytes[dice.below(bytes.length)] = dice.below(256);
  return bytes;
}

async function callOnce(): Promise<void> {
  const { method, deserialize, controller } = dice.pick(unary);
  const request: unknown = deserialize(bytesOf(method));
  if (request instanceof MalformedMessage) return count(status.INVALID_ARGUMENT);
  try {
    const handler = (controller as Record<string, (...args: unknown[]) => Promise<Encoded>>)[method.localName]!;
    const answer = fromBinary(method.output, await handler.call(controller, request, new Metadata(), new FakeCall()));
    hearAll(answer);
    count(status.OK);
  } catch (error) {
    const { code, details } = statusOf(error, method.name, sink);
    assert.notEqual(details, '');
    count(code);
  }
}

/** Tokens of answers go into later requests. */
function hearAll(answer: object): void {
  for (const value of Object.values(answer)) {
    if (typeof value === 'object' && value !== null && 'token' in value && typeof value.token === 'string')
      messages.hear(value.token);
  }
  if ('nextPageToken' in answer && typeof answer.nextPageToken === 'string') messages.hear(answer.nextPageToken);
}

/** A pipeline of random calls: each is answered once, or the stream is refused. */
async function pipelineOnce(): Promise<number> {
  const call = new FakeCall();
  const controller = environments;
  let sent = 0;
  let answered = 0;
  for (let round = 0; round < 5; round++) {
    const message = messages.of(PipelineRequestSchema) as PipelineRequest;
    for (const [at, each] of message.calls.entries()) {
      each.id = dice.chance(0.001) ? 1n : BigInt(round * 10 + at + 1);
      const awaited = each.call.case === 'write' ? each.call.value.awaitMirrors : undefined;
      // No worker delivers here: on a stream without a deadline a write would wait for as long as it asks for, if that is not refused.
      const seconds = awaited?.timeout?.seconds ?? 0n;
      if (awaited !== undefined && seconds >= 0n && seconds <= 600n)
        awaited.timeout = create(DurationSchema, { nanos: 1_000_000 });
    }
    sent += message.calls.length;
    call.send(message);
  }
  setImmediate(() => call.end());
  try {
    for await (const bytes of controller.pipeline(call as unknown as ServerDuplexStream<PipelineRequest, Encoded>)) {
      for (const { result } of fromBinary(PipelineResponseSchema, bytes).results) {
        answered++;
        count(result.case === 'error' ? result.value.code : status.OK);
      }
    }
    expect(answered).toBe(sent);
  } catch (error) {
    count(statusOf(error, 'Pipeline', sink).code);
  }
  return sent;
}

/** A stream of random watches. */
async function watchOnce(): Promise<number> {
  const call = new FakeCall();
  const controller = environments;
  const sent = 10;
  for (let at = 0; at < sent; at++) {
    const message = messages.of(WatchRequestSchema) as WatchRequest;
    if (dice.chance(0.9)) message.watchId = BigInt(at + 1);
    call.send(message);
  }
  setTimeout(() => {
    call.cancelled = true;
    call.emit('cancelled');
  }, 5);
  try {
    for await (const bytes of controller.watch(call as unknown as ServerDuplexStream<WatchRequest, Encoded>)) {
      const { event, resumeToken } = fromBinary(WatchResponseSchema, bytes);
      messages.hear(resumeToken);
      if (event.case === 'ended') count(event.value.status?.code);
    }
  } catch (error) {
    count(statusOf(error, 'Watch', sink).code);
  }
  return sent;
}

test('100,000 random requests over the whole API: no crash, and nothing INTERNAL', async () => {
  let made = 0;
  while (made < requests) {
    const streams = await Promise.all([pipelineOnce(), pipelineOnce(), watchOnce()]);
    await Promise.all(Array.from({ length: atOnce }, callOnce));
    made += atOnce + streams.reduce((sum, sent) => sum + sent, 0);
  }
  expect(faults).toEqual([]);
  expect([...codes.keys()]).not.toContain('INTERNAL');
  // Not everything was refused at the door.
  expect(codes.get('OK')).toBeGreaterThan(requests / 10);
  expect(codes.size).toBeGreaterThan(5);
}, 300_000);
