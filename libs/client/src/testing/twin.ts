import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  Cluster,
  Environments,
  ErrorInfoSchema,
  grpcService,
  Mirrors,
  RetryInfoSchema,
  Sessions,
  StatusSchema,
  type BatchGetResponseSchema,
  type GetResponseSchema,
  type PipelineCall,
  type PipelineRequest,
  type PipelineResultSchema,
  type Status,
  type WatchRequest,
  type WriteRequest,
  type WriteResponseSchema,
} from '@env-cli/wire';
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';

import { connect as connectSocket, createServer, type AddressInfo, type Server as SocketServer, type Socket } from 'node:net';

import { reasonTable, statusNames, type Reason } from '../reasons.ts';

type Result = MessageInitShape<typeof PipelineResultSchema>;
type ResultCase = NonNullable<Result['result']>;
export type PipelineCallStream = ServerDuplexStream<PipelineRequest, unknown>;
export type WatchCallStream = ServerDuplexStream<WatchRequest, unknown>;

/** A refusal as the API words it. */
export function refusal(reason: Reason, metadata: Record<string, string> = {}, retryAfterMs?: number): Status {
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: 'env-cli', metadata }))];
  if (retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(retryAfterMs);
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return create(StatusSchema, { code: statusNames.indexOf(reasonTable[reason].code), message: `said ${reason}`, details });
}

/** What a refused call or stream ends with, as grpc-js wants it. */
export function serviceError(refused: Status): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, refused)));
  return { code: refused.code, details: refused.message, metadata };
}

/** The state that the members of a twin share: what a cluster would have agreed on. */
export class TwinState {
  revision = 0;
  /** Each environment's variables. */
  readonly environments = new Map<string, Map<string, string>>();
  /** By session, the answers by sequence. */
  readonly sessions = new Map<string, { first: number; answers: Map<number, ResultCase> }>();
  /** How often each write was executed, by its reason: tests give each write a reason of its own. */
  readonly executed = new Map<string, number>();
  leaderAddress = '';

  header(): { revision: bigint; token: string; memberId: bigint; leaderAddress: string } {
    return { revision: BigInt(this.revision), token: `t${this.revision}`, memberId: 1n, leaderAddress: this.leaderAddress };
  }

  /** Opens a session, once. */
  openSession(id: Uint8Array): void {
    const key = Buffer.from(id).toString('hex');
    if (!this.sessions.has(key)) this.sessions.set(key, { first: 1, answers: new Map() });
  }

  /** Does a write as apply would: once a session and sequence. */
  write(request: WriteRequest): ResultCase {
    const place = request.session;
    if (place === undefined) return this.#execute(request);
    const session = this.sessions.get(Buffer.from(place.sessionId).toString('hex'));
    if (session === undefined) return { case: 'error', value: refusal('SESSION_UNKNOWN') };
    session.first = Math.max(session.first, Number(place.firstIncomplete));
    for (const sequence of session.answers.keys()) if (sequence < session.first) session.answers.delete(sequence);
    const sequence = Number(place.sequence);
    if (sequence < session.first) return { case: 'error', value: refusal('SEQUENCE_FORGOTTEN') };
    const kept = session.answers.get(sequence);
    if (kept?.case === 'write') return { case: 'write', value: { ...kept.value, replayed: true } as never };
    if (kept?.case === 'error') return { case: 'error', value: refusal('REPLAYED_REFUSAL', { earlier: 'CONDITION_FAILED' }) };
    const answer = this.#execute(request);
    session.answers.set(sequence, answer);
    return answer;
  }

  #execute(request: WriteRequest): ResultCase {
    this.executed.set(request.reason, (this.executed.get(request.reason) ?? 0) + 1);
    if (request.conditions.length > 0) return { case: 'error', value: refusal('CONDITION_FAILED', { current_revision: '7' }) };
    this.revision++;
    for (const { environment, action } of request.operations) {
      const variables = this.environments.get(environment) ?? new Map<string, string>();
      if (action.case === 'set') for (const { name, value } of action.value.variables) variables.set(name, value);
      this.environments.set(environment, variables);
    }
    const value: MessageInitShape<typeof WriteResponseSchema> = { revision: BigInt(this.revision), changed: true };
    return { case: 'write', value: value as never };
  }

  get(name: string): MessageInitShape<typeof GetResponseSchema> | null {
    const variables = this.environments.get(name);
    if (variables === undefined) return null;
    return {
      environment: {
        namespace: 'default',
        name,
        variables: [...variables].map(([variable, value]) => ({ name: variable, value, valueBytes: BigInt(value.length) })),
        modifyRevision: BigInt(this.revision),
      },
    };
  }
}

/** Answers one call of a pipeline from the state. */
export function answerFor(state: TwinState, { call }: PipelineCall): ResultCase {
  switch (call.case) {
    case 'write':
      return state.write(call.value);
    case 'get': {
      const found = state.get(call.value.name);
      return found === null ? { case: 'error', value: refusal('ENVIRONMENT_NOT_FOUND') } : { case: 'get', value: found as never };
    }
    case 'batchGet': {
      const found = call.value.names.map((name) => [name, state.get(name)] as const);
      const value: MessageInitShape<typeof BatchGetResponseSchema> = {
        environments: found.flatMap(([, answer]) => (answer === null ? [] : [answer.environment!])),
        missing: found.flatMap(([name, answer]) => (answer === null ? [name] : [])),
      };
      return { case: 'batchGet', value: value as never };
    }
    case undefined:
      return { case: 'error', value: refusal('MALFORMED_MESSAGE') };
    default:
      return call satisfies never;
  }
}

/** What a test may take over of a member. */
export interface TwinScript {
  /** A message of a pipeline. Unless taken over, it is answered from the state. */
  pipeline?: (stream: PipelineCallStream, request: PipelineRequest, member: TwinMember) => void;
  watch?: (stream: WatchCallStream, request: WatchRequest, member: TwinMember) => void;
  /** A single call, by `Service.Method`: an answer, or a refusal to throw. */
  unary?: Record<string, (request: any, member: TwinMember) => object | Promise<object>>;
}

/** A single call that a script refuses. */
export class TwinRefused extends Error {
  readonly refused: Status;

  constructor(refused: Status) {
    super(refused.message);
    this.refused = refused;
  }
}

/**
 * A member of the twin: a gRPC server of the test that speaks the API as the cluster does, and fails as the test asks.
 *
 * It is this library's own: what it says of the cluster's behaviour is checked by the tests against a real one.
 */
export class TwinMember {
  readonly state: TwinState;
  readonly script: TwinScript;
  /** Messages of pipelines, in the order in which they came. */
  readonly messages: PipelineRequest[] = [];
  readonly pipelines = new Set<PipelineCallStream>();
  readonly watches = new Set<WatchCallStream>();
  pipelinesOpened = 0;
  readonly unaryCalls: string[] = [];
  address = '';
  readonly #server = new Server();
  /** What clients connect to: it passes bytes on, until it is cut. */
  readonly #front: SocketServer;
  readonly #sockets = new Set<Socket>();

  private constructor(state: TwinState, script: TwinScript) {
    this.state = state;
    this.script = script;
    this.#front = createServer();
  }

  /** Starts one on a free port, or on that of one which was stopped. */
  static async start(state: TwinState, script: TwinScript = {}, address = '127.0.0.1:0'): Promise<TwinMember> {
    const member = new TwinMember(state, script);
    await member.#listen(address);
    return member;
  }

  async #listen(address: string): Promise<void> {
    const handlers = {
      Pipeline: (stream: PipelineCallStream) => this.#onPipeline(stream),
      Watch: (stream: WatchCallStream) => this.#onWatch(stream),
    };
    for (const service of [Environments, Sessions, Mirrors, Cluster]) {
      const unary = Object.fromEntries(
        service.methods.map(({ name }) => [name, this.#unary(`${service.typeName.split('.').at(-1)}.${name}`)]),
      );
      this.#server.addService(grpcService(service), { ...unary, ...(service === Environments ? handlers : {}) });
    }
    const behind = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    this.#front.on('connection', (socket) => {
      const inner = connectSocket(behind, '127.0.0.1');
      for (const [from, to] of [
        [socket, inner],
        [inner, socket],
      ] as const) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on('error', () => undefined);
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    const [host, port] = address.split(':');
    await new Promise<void>((resolve) => {
      this.#front.listen(Number(port), host, resolve);
    });
    this.address = `127.0.0.1:${(this.#front.address() as AddressInfo).port}`;
  }

  /** Breaks every connection at once, in the middle of whatever it carries. New ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Says nothing any more on the connections that stand, as a process that is stopped does. */
  freeze(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** Dies: every connection breaks, and no new one is taken. */
  stop(): void {
    this.#front.close();
    this.cut();
    this.#server.forceShutdown();
  }

  /** Answers calls in one message. */
  answer(stream: PipelineCallStream, results: readonly Result[]): void {
    stream.write({ header: this.state.header(), results });
  }

  #onPipeline(stream: PipelineCallStream): void {
    this.pipelinesOpened++;
    this.pipelines.add(stream);
    stream.on('error', () => undefined);
    stream.on('close', () => this.pipelines.delete(stream));
    stream.on('end', () => stream.end());
    stream.on('data', (request: PipelineRequest) => {
      this.messages.push(request);
      if (this.script.pipeline === undefined) this.answerAll(stream, request);
      else this.script.pipeline(stream, request, this);
    });
  }

  /** Answers a message as a healthy member does. */
  answerAll(stream: PipelineCallStream, request: PipelineRequest): void {
    this.answer(
      stream,
      request.calls.map((call) => ({ id: call.id, result: answerFor(this.state, call) })),
    );
  }

  #onWatch(stream: WatchCallStream): void {
    this.watches.add(stream);
    stream.on('error', () => undefined);
    stream.on('close', () => this.watches.delete(stream));
    stream.on('end', () => stream.end());
    stream.on('data', (request: WatchRequest) => this.script.watch?.(stream, request, this));
  }

  #unary(name: string) {
    return (call: ServerUnaryCall<{ sessionId?: Uint8Array }, object>, callback: sendUnaryData<object>): void => {
      this.unaryCalls.push(name);
      const answer = async (): Promise<object> => {
        const scripted = this.script.unary?.[name];
        if (scripted !== undefined) return await scripted(call.request, this);
        const id = call.request.sessionId ?? new Uint8Array();
        if (name === 'Sessions.Open') this.state.openSession(id);
        if (name === 'Sessions.Close') this.state.sessions.delete(Buffer.from(id).toString('hex'));
        if (name.startsWith('Sessions.')) return { header: this.state.header() };
        throw new TwinRefused(refusal('INTERNAL'));
      };
      const report = async (): Promise<void> => {
        try {
          callback(null, { header: this.state.header(), ...(await answer()) });
        } catch (error) {
          const refused = (error as Partial<TwinRefused>).refused;
          callback(refused === undefined ? { code: status.UNKNOWN, details: String(error) } : serviceError(refused));
        }
      };
      void report();
    };
  }
}
