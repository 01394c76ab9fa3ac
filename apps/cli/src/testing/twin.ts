import { create, toBinary, toJson, type DescMessage, type DescMethod, type MessageShape } from '@bufbuild/protobuf';
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  Cluster,
  Environments,
  ErrorInfoSchema,
  grpcService,
  Mirrors,
  PipelineCallSchema,
  RetryInfoSchema,
  Sessions,
  StatusSchema,
  type PipelineRequest,
  type WatchRequest,
} from '@env-cli/wire';
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerWritableStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';

/** What a call is answered with: the fields of its response, or a refusal. */
export type Answer = object | TwinRefusal;

/** A refusal as the API words it. */
export class TwinRefusal {
  readonly code: status;
  readonly reason: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, string>>;

  constructor(code: keyof typeof status, reason: string, message: string, facts: Readonly<Record<string, string>> = {}) {
    this.code = status[code];
    this.reason = reason;
    this.message = message;
    this.facts = facts;
  }

  status() {
    const info = create(ErrorInfoSchema, { reason: this.reason, domain: 'env-cli', metadata: { ...this.facts } });
    // Longer than any test waits: what is refused for now is refused once.
    const retry = create(RetryInfoSchema, { retryDelay: durationFromMs(60_000) });
    const details = [anyPack(ErrorInfoSchema, info), anyPack(RetryInfoSchema, retry)];
    return create(StatusSchema, { code: this.code, message: this.message, details });
  }
}

/** A request as it came: `Service.Method`, and the request in the JSON form of protobuf. */
export interface Asked {
  readonly method: string;
  readonly request: unknown;
}

const header = { revision: 14n, token: 'tok-14', memberId: 1n };

/**
 * One member of a scripted cluster: each method answers what the test gave it, and what was asked is kept.
 *
 * Calls of a pipeline are answered as the single calls of the same name.
 */
export class Twin {
  readonly asked: Asked[] = [];
  readonly answers: Record<string, (request: any) => Answer>;
  address = '';
  readonly #server = new Server();

  private constructor(answers: Record<string, (request: any) => Answer>) {
    this.answers = { 'Sessions.Open': () => ({}), 'Sessions.Close': () => ({}), ...answers };
  }

  static async start(answers: Record<string, (request: any) => Answer>): Promise<Twin> {
    const twin = new Twin(answers);
    for (const service of [Environments, Sessions, Mirrors, Cluster]) {
      const unary = Object.fromEntries(service.methods.map((method) => [method.name, twin.#unary(method)]));
      for (const method of service.methods)
        if (method.methodKind === 'server_streaming') unary[method.name] = twin.#serverStream(method) as never;
      const streams = { Pipeline: twin.#pipeline, Watch: twin.#watch };
      twin.#server.addService(grpcService(service), { ...unary, ...(service === Environments ? streams : {}) });
    }
    const port = await new Promise<number>((resolve, reject) => {
      twin.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    twin.address = `127.0.0.1:${port}`;
    return twin;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  /** What was asked, without sessions: those are the client's own business. */
  get calls(): readonly Asked[] {
    return this.asked.filter(({ method }) => !method.startsWith('Sessions.'));
  }

  #answer<D extends DescMessage>(method: string, desc: D, request: MessageShape<D>): Answer {
    const shown = toJson(desc, request) as Record<string, unknown>;
    delete shown['session'];
    this.asked.push({ method, request: shown });
    return (
      this.answers[method]?.(request) ?? new TwinRefusal('UNIMPLEMENTED', 'INTERNAL', `the test gave no answer to ${method}`)
    );
  }

  #unary(method: DescMethod) {
    const name = `${method.parent.typeName.split('.').at(-1)}.${method.name}`;
    return (call: ServerUnaryCall<any, object>, callback: sendUnaryData<object>): void => {
      const answer = this.#answer(name, method.input, call.request);
      // What never comes is never answered.
      if (answer instanceof Promise) return;
      if (answer instanceof TwinRefusal) {
        const metadata = new Metadata();
        metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, answer.status())));
        callback({ code: answer.code, details: answer.message, metadata });
      } else {
        callback(null, { header, ...answer });
      }
    };
  }

  /** Answers with `responses`, one after another. */
  #serverStream(method: DescMethod) {
    const name = `${method.parent.typeName.split('.').at(-1)}.${method.name}`;
    return (call: ServerWritableStream<any, object>): void => {
      const answer = this.#answer(name, method.input, call.request);
      if (answer instanceof TwinRefusal) {
        const metadata = new Metadata();
        metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, answer.status())));
        call.emit('error', { code: answer.code, details: answer.message, metadata });
        return;
      }
      const { responses = [] } = answer as { readonly responses?: readonly object[] };
      responses.forEach((response, place) => call.write(place === 0 ? { header, ...response } : response));
      call.end();
    };
  }

  readonly #pipeline = (stream: ServerDuplexStream<PipelineRequest, object>): void => {
    stream.on('end', () => stream.end());
    stream.on('error', () => undefined);
    stream.on('data', ({ calls }: PipelineRequest) => {
      const results = calls.map(({ id, call }) => {
        const name = call.case!;
        const field = PipelineCallSchema.field[name];
        const method = `Environments.${name[0]!.toUpperCase()}${name.slice(1)}`;
        const answer = this.#answer(method, field.message!, call.value as never);
        return {
          id,
          result: answer instanceof TwinRefusal ? { case: 'error', value: answer.status() } : { case: name, value: answer },
        };
      });
      stream.write({ header, results });
    });
  };

  readonly #watch = (stream: ServerDuplexStream<WatchRequest, object>): void => {
    stream.on('end', () => stream.end());
    stream.on('error', () => undefined);
    stream.on('data', ({ watchId, action }: WatchRequest) => {
      if (action.case !== 'start') return;
      const start = Environments.method.watch.input.field.start.message!;
      const answer = this.#answer('Environments.Watch', start, action.value as never) as {
        readonly responses?: readonly object[];
        /** Is given how to tell more, for as long as the watch lasts. */
        readonly begun?: (tell: (response: object) => void) => void;
      };
      for (const response of answer.responses ?? []) stream.write({ watchId, ...response });
      answer.begun?.((response) => stream.write({ watchId, ...response }));
    });
  };
}
