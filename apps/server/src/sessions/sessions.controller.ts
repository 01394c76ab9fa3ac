import { type CommandBody, limitsOf } from '@env-cli/environments';
import {
  type SessionsCloseRequest,
  SessionsCloseResponseSchema,
  type SessionsKeepAliveRequest,
  SessionsKeepAliveResponseSchema,
  type SessionsOpenRequest,
  SessionsOpenResponseSchema,
} from '@env-cli/wire';
import type { Metadata } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';

import type { Header } from '../answers/header.ts';
import { answerOf } from '../answers/message.ts';
import { invalid } from '../errors/refused.ts';
import { headerOf } from '../reads/snapshot.ts';
import type { GrpcCall } from '../rpc/call-context.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { API, type ApiServices } from '../services.ts';
import { defaultNamespace } from '../requests/names.ts';

const service = 'envcli.v1.Sessions';
const sessionIdBytes = 16;

/** `envcli.v1.Sessions`. */
@Controller()
export class SessionsController {
  readonly #api: ApiServices;

  constructor(@Inject(API) api: ApiServices) {
    this.#api = api;
  }

  @GrpcMethod(service, 'Open')
  async open(request: SessionsOpenRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const header = await this.#propose(call, { kind: 'open-session', session: sessionIdOf(request) });
    const context = this.#api.contexts.of(call);
    const { sessionTtlMs } = await this.#api.reads.here(context, { freshness: { kind: 'any' }, appliedIndex: 0 }, ({ tables }) =>
      limitsOf(tables),
    );
    const timeToLive = { seconds: BigInt(Math.floor(sessionTtlMs / 1_000)), nanos: (sessionTtlMs % 1_000) * 1_000_000 };
    return answerOf(SessionsOpenResponseSchema, header, { timeToLive });
  }

  @GrpcMethod(service, 'KeepAlive')
  async keepAlive(request: SessionsKeepAliveRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const header = await this.#propose(call, { kind: 'keep-session', session: sessionIdOf(request) });
    return answerOf(SessionsKeepAliveResponseSchema, header, {});
  }

  @GrpcMethod(service, 'Close')
  async close(request: SessionsCloseRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const header = await this.#propose(call, { kind: 'close-session', session: sessionIdOf(request) });
    return answerOf(SessionsCloseResponseSchema, header, {});
  }

  async #propose(call: GrpcCall, body: CommandBody): Promise<Header> {
    const { contexts, writes, member } = this.#api;
    const done = await writes.propose(contexts.of(call), body, { namespace: defaultNamespace, session: null, reason: '' });
    return headerOf(member, done.appliedIndex, done.revision);
  }
}

function sessionIdOf({ sessionId }: { readonly sessionId: Uint8Array }): Uint8Array {
  if (sessionId.length !== sessionIdBytes)
    throw invalid('session_id', `must be ${sessionIdBytes} random bytes, not ${sessionId.length}`);
  return sessionId;
}
