import {
  type BatchGetRequest,
  BatchGetRequestSchema,
  type DiffRequest,
  DiffRequestSchema,
  type GetRequest,
  GetRequestSchema,
  type HistoryRequest,
  HistoryRequestSchema,
  type ListRequest,
  ListRequestSchema,
  type PipelineRequest,
  type WatchRequest,
  type WriteRequest,
} from '@env-cli/wire';
import type { Metadata, ServerDuplexStream } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';

import { writeHeader } from '../answers/header.ts';
import { ProtoWriter } from '../answers/proto-writer.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import { writeDone } from '../pipeline/result-writer.ts';
import { headerOf, issuerOf } from '../reads/snapshot.ts';
import { awaitedOf, awaitMirrors } from '../mirrors/await-mirrors.ts';
import type { CallContext, GrpcCall } from '../rpc/call-context.ts';
import { forwarded } from '../rpc/leader-calls.ts';
import { Inbox } from '../rpc/pull.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { API, type ApiServices } from '../services.ts';
import { WatchStream } from '../watch/watch-stream.ts';
import { answerBatchGet, answerDiff, answerGet, answerHistory, answerList } from './answers.ts';

const service = 'envcli.v1.Environments';
const writer = new ProtoWriter();

/** `envcli.v1.Environments`. */
@Controller()
export class EnvironmentsController {
  readonly #api: ApiServices;

  constructor(@Inject(API) api: ApiServices) {
    this.#api = api;
  }

  @GrpcMethod(service, 'Get')
  get(request: GetRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    return this.#api.reads.answer(this.#context(call), {
      ...forwarded(`/${service}/Get`, GetRequestSchema, request),
      options: request.options,
      work: (snapshot, demand) => answerGet(snapshot, demand, request, true),
    });
  }

  @GrpcMethod(service, 'BatchGet')
  batchGet(request: BatchGetRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    return this.#api.reads.answer(this.#context(call), {
      ...forwarded(`/${service}/BatchGet`, BatchGetRequestSchema, request),
      options: request.options,
      work: (snapshot, demand) => answerBatchGet(snapshot, demand, request, true),
    });
  }

  @GrpcMethod(service, 'List')
  list(request: ListRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    return this.#api.reads.answer(this.#context(call), {
      ...forwarded(`/${service}/List`, ListRequestSchema, request),
      options: request.options,
      work: (snapshot, demand) => answerList(snapshot, demand, request, issuerOf(this.#api.member)),
    });
  }

  @GrpcMethod(service, 'History')
  history(request: HistoryRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    return this.#api.reads.answer(this.#context(call), {
      ...forwarded(`/${service}/History`, HistoryRequestSchema, request),
      options: request.options,
      work: (snapshot, demand) => answerHistory(snapshot, demand, request, issuerOf(this.#api.member)),
    });
  }

  @GrpcMethod(service, 'Diff')
  diff(request: DiffRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    return this.#api.reads.answer(this.#context(call), {
      ...forwarded(`/${service}/Diff`, DiffRequestSchema, request),
      options: request.options,
      work: (snapshot, demand) => answerDiff(snapshot, demand, request),
    });
  }

  @GrpcMethod(service, 'Write')
  async write(request: WriteRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#context(call);
    awaitedOf(request);
    const written = await this.#api.writes.write(context, request);
    const hasDeadline = Number.isFinite(Number(call.getDeadline()));
    const done = await awaitMirrors(this.#api, context, request, written, hasDeadline ? context.deadline : null);
    writer.truncate(0);
    writeHeader(writer, headerOf(this.#api.member, done.appliedIndex, done.revision));
    writeDone(writer, done);
    return writer.take();
  }

  @GrpcStreamCall(service, 'Watch')
  watch(call: ServerDuplexStream<WatchRequest, Encoded>): AsyncIterable<Encoded> {
    const { member, reads, dispatcher, watchProgressIntervalMs, draining, statusOf } = this.#api;
    return new WatchStream(new Inbox(call), {
      member,
      reads,
      dispatcher,
      context: () => this.#context(call),
      statusOf,
      progressIntervalMs: watchProgressIntervalMs,
      draining,
    }).messages();
  }

  @GrpcStreamCall(service, 'Pipeline')
  pipeline(call: ServerDuplexStream<PipelineRequest, Encoded>): AsyncIterable<Encoded> {
    const { member, reads, writes, draining, statusOf } = this.#api;
    return new Pipeline(new Inbox(call), {
      member,
      reads,
      writes,
      context: () => this.#context(call),
      failureOf: statusOf,
      draining,
    }).answers();
  }

  #context(call: GrpcCall): CallContext {
    return this.#api.contexts.of(call);
  }
}
