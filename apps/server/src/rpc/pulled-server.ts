import type { DescService } from '@bufbuild/protobuf';
import {
  Server,
  type ServerCredentials,
  ServerCredentials as Credentials,
  type sendUnaryData,
  type ServerUnaryCall,
  status,
} from '@grpc/grpc-js';
import { ServerGrpc } from '@nestjs/microservices';
import { firstValueFrom, isObservable } from 'rxjs';

import { Refused } from '../errors/refused.ts';
import { type FaultSink, statusOf } from './faults.ts';
import { pull, type WritableCall } from './pull.ts';
import { MalformedMessage, serviceDefinition } from './service-definition.ts';

/** Bytes of the largest request that is read. A larger one ends with RESOURCE_EXHAUSTED before it is whole. */
export const requestBytesMax = 4 * 1024 * 1024;

export interface PulledServerOptions {
  /** `host:port`; port 0 takes any. */
  readonly address: string;
  /** Defaults to none: calls are neither encrypted nor authenticated. */
  readonly credentials?: ServerCredentials;
  readonly services: readonly DescService[];
  readonly faults: FaultSink;
  /** Tells of a call that ended. */
  readonly ended: (method: string, code: status, seconds: number) => void;
  /** Is given the server before it listens: to add services that are no controllers (health, reflection), and to look after its connections. */
  readonly prepare: (server: Server) => void;
  /** How long calls that are under way may take when the server is closed. */
  readonly drainTimeoutMs: () => number;
}

type Handler = (...args: unknown[]) => Promise<unknown>;

/**
 * Nest's gRPC transport, with three differences: a stream is an async iterable that is pulled only as fast as the client
 * reads (Nest pushes an observable into an array without bound), errors become statuses with details in one place, and the
 * port is opened last, when every service is there.
 */
export class PulledServer extends ServerGrpc {
  readonly #options: PulledServerOptions;
  #server: Server | null = null;
  #port = 0;

  constructor(options: PulledServerOptions) {
    super({
      url: options.address,
      package: 'envcli.v1',
      packageDefinition: Object.fromEntries(options.services.map((service) => [service.typeName, serviceDefinition(service)])),
    });
    this.#options = options;
  }

  /** The port that is listened on. */
  get port(): number {
    return this.#port;
  }

  override async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      this.#server = new Server({
        'grpc.max_receive_message_length': requestBytesMax,
        // A peer that vanished without a word holds its streams no longer than this.
        'grpc.keepalive_time_ms': 30_000,
        'grpc.keepalive_timeout_ms': 10_000,
      });
      this.grpcClient = this.#server as never;
      await this.bindEvents();
      this.#options.prepare(this.#server);
      this.#port = await bind(this.#server, this.#options.address, this.#options.credentials ?? Credentials.createInsecure());
      callback();
    } catch (error) {
      callback(error);
    }
  }

  override createUnaryServiceMethod(handler: Handler): never {
    const serve = async (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>): Promise<void> => {
      const began = performance.now();
      try {
        checkWellFormed(call.request);
        const answer = await settled(handler(call.request, call.metadata, call));
        callback(null, answer);
        this.#ended(call, status.OK, began);
      } catch (error) {
        const failure = this.#statusOf(error, call);
        callback(failure);
        this.#ended(call, failure.code, began);
      }
    };
    return serve as never;
  }

  override createStreamServiceMethod(handler: Handler): never {
    return this.#streamMethod(async (call) => {
      const { request } = call as { request?: unknown };
      checkWellFormed(request);
      return handler(request, call.metadata, call);
    });
  }

  override createStreamCallMethod(handler: Handler): never {
    return this.#streamMethod((call) => handler(call));
  }

  #streamMethod(start: (call: WritableCall) => Promise<unknown>): never {
    const serve = async (call: WritableCall): Promise<void> => {
      const began = performance.now();
      try {
        await pull((await settled(start(call))) as AsyncIterable<unknown>, call);
        this.#ended(call, call.cancelled ? status.CANCELLED : status.OK, began);
      } catch (error) {
        const failure = this.#statusOf(error, call);
        if (!call.cancelled) call.emit('error', failure);
        this.#ended(call, call.cancelled ? status.CANCELLED : failure.code, began);
      }
    };
    return serve as never;
  }

  override async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        server.forceShutdown();
        resolve();
      }, this.#options.drainTimeoutMs());
      server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #statusOf(error: unknown, call: { getPath(): string }): ReturnType<typeof statusOf> {
    return statusOf(error, call.getPath(), this.#options.faults);
  }

  #ended(call: { getPath(): string }, code: status, began: number): void {
    this.#options.ended(call.getPath(), code, (performance.now() - began) / 1_000);
  }
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}

/** What a handler answered: Nest wraps an error, and what an interceptor saw, in an observable of one value. */
async function settled(answer: Promise<unknown>): Promise<unknown> {
  const value = await answer;
  return isObservable(value) ? firstValueFrom(value) : value;
}

function checkWellFormed(request: unknown): void {
  if (request instanceof MalformedMessage) throw new Refused({ code: 'malformed-message', message: request.message });
}
