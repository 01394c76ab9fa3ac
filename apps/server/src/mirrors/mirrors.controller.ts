import { type MirrorDefinition, readMirrors } from '@env-cli/mirroring';
import { fileProviderName, problemOfFileTarget } from '@env-cli/provider-file';
import {
  type Mirror,
  type MirrorsCreateRequest,
  MirrorsCreateResponseSchema,
  type MirrorsDeleteRequest,
  MirrorsDeleteResponseSchema,
  type MirrorsListRequest,
  MirrorsListRequestSchema,
  MirrorsListResponseSchema,
  type MirrorsPauseRequest,
  MirrorsPauseResponseSchema,
  type MirrorsPlanRequest,
  MirrorsPlanRequestSchema,
  MirrorsPlanResponseSchema,
  type MirrorsResumeRequest,
  MirrorsResumeResponseSchema,
  type MirrorsRetryRequest,
  MirrorsRetryResponseSchema,
  type MirrorsStatusRequest,
  MirrorsStatusRequestSchema,
  type MirrorsUpdateRequest,
  MirrorsUpdateResponseSchema,
  type MirrorsWaitRequest,
  MirrorsWaitResponseSchema,
} from '@env-cli/wire';
import type { Metadata } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';

import { answerOf } from '../answers/message.ts';
import { invalid, Refused } from '../errors/refused.ts';
import { headerOf, issuerOf, type Snapshot } from '../reads/snapshot.ts';
import { milliseconds } from '../requests/duration.ts';
import { environmentName, namespaceOf } from '../requests/names.ts';
import type { CallContext, GrpcCall } from '../rpc/call-context.ts';
import { forwarded, type ForwardedCall } from '../rpc/leader-calls.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { API, type ApiServices } from '../services.ts';
import type { Done } from '../writes/outcome.ts';
import type { TargetDefinition } from './aws-definition.ts';
import { definitionOf, keptOf, wireMirrorOf } from './definition.ts';
import { planItemsOf, planRefusal, planScopeOf } from './plan.ts';
import { answerStatus, mirrorOf } from './status.ts';
import { waitForMirrors } from './wait.ts';

const service = 'envcli.v1.Mirrors';
/** How long `Wait` waits when neither it nor the call says. */
const waitMsDefault = 30_000;

/** `envcli.v1.Mirrors`. */
@Controller()
export class MirrorsController {
  readonly #api: ApiServices;

  constructor(@Inject(API) api: ApiServices) {
    this.#api = api;
  }

  @GrpcMethod(service, 'Create')
  async create({ mirror }: MirrorsCreateRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    if (mirror === undefined) throw invalid('mirror', 'must be given');
    const frame = { namespace: namespaceOf(mirror), session: null, reason: '' };
    const definition = definitionOf(mirror, null, this.#api.awsDefaults);
    await this.#checkFolder(definition);
    const done = await this.#api.writes.propose(context, { kind: 'create-mirror', definition }, frame).catch((error: unknown) => {
      throw withAsked(error, definition);
    });
    return this.#after(context, done, (snapshot) =>
      answerOf(MirrorsCreateResponseSchema, snapshot.header, { mirror: wireMirrorOf(mirrorOf(snapshot, mirror)) }),
    );
  }

  @GrpcMethod(service, 'Update')
  async update({ mirror }: MirrorsUpdateRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    if (mirror === undefined) throw invalid('mirror', 'must be given');
    const kept = await this.#kept(context, mirror);
    const frame = { namespace: namespaceOf(mirror), session: null, reason: '' };
    const done = await this.#api.writes.propose(
      context,
      { kind: 'update-mirror', definition: definitionOf(mirror, kept, this.#api.awsDefaults) },
      frame,
    );
    return this.#after(context, done, (snapshot) =>
      answerOf(MirrorsUpdateResponseSchema, snapshot.header, { mirror: wireMirrorOf(mirrorOf(snapshot, mirror)) }),
    );
  }

  @GrpcMethod(service, 'Delete')
  async delete(request: MirrorsDeleteRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const frame = { namespace: namespaceOf(request), session: null, reason: '' };
    const { name: mirror, abandon } = request;
    const done = await this.#api.writes.propose(context, { kind: 'delete-mirror', mirror, abandon }, frame);
    return answerOf(MirrorsDeleteResponseSchema, headerOf(this.#api.member, done.appliedIndex, done.revision), {});
  }

  @GrpcMethod(service, 'List')
  list(request: MirrorsListRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    return this.#api.reads.answer(this.#api.contexts.of(call), {
      ...forwarded(`/${service}/List`, MirrorsListRequestSchema, request),
      options: request.options,
      work: (snapshot, demand) => {
        if (demand.revision !== 0) throw invalid('options.revision', 'must be 0: mirrors have no history');
        const mirrors = readMirrors(snapshot.tables, namespaceOf(request)).map(wireMirrorOf);
        return answerOf(MirrorsListResponseSchema, snapshot.header, { mirrors });
      },
    });
  }

  @GrpcMethod(service, 'Status')
  async status(request: MirrorsStatusRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const passedOn = await this.#atLeader(context, forwarded(`/${service}/Status`, MirrorsStatusRequestSchema, request));
    if (passedOn !== null) return passedOn;
    const { member, mirrorWorker, reads } = this.#api;
    // Without a leader nobody delivers, but what the cluster holds can be told.
    const freshness = { kind: member.view().leaderId === null ? 'any' : 'strong' } as const;
    return reads.here(context, { freshness, appliedIndex: 0 }, (snapshot) =>
      answerStatus(snapshot, request, mirrorWorker, issuerOf(member)),
    );
  }

  @GrpcMethod(service, 'Plan')
  async plan(request: MirrorsPlanRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const passedOn = await this.#atLeader(context, forwarded(`/${service}/Plan`, MirrorsPlanRequestSchema, request));
    if (passedOn !== null) return passedOn;
    const { reads, mirrorWorker } = this.#api;
    const { scope, header } = await reads.here(context, { freshness: { kind: 'strong' }, appliedIndex: 0 }, (snapshot) => ({
      scope: planScopeOf(snapshot, request),
      header: snapshot.header,
    }));
    try {
      const planned = await mirrorWorker.plan(scope.mirror.id, scope.environments);
      return answerOf(MirrorsPlanResponseSchema, header, { items: planItemsOf(planned), truncated: scope.truncated });
    } catch (error) {
      throw planRefusal(error, request.name);
    }
  }

  @GrpcMethod(service, 'Retry')
  async retry(request: MirrorsRetryRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const environment = request.environment === '' ? null : environmentName(request.environment, 'environment');
    const frame = { namespace: namespaceOf(request), session: null, reason: '' };
    const body = { kind: 'retry-mirror', mirror: request.name, environment } as const;
    const done = await this.#api.writes.propose(context, body, frame);
    const header = headerOf(this.#api.member, done.appliedIndex, done.revision);
    return answerOf(MirrorsRetryResponseSchema, header, { changed: done.changed });
  }

  @GrpcMethod(service, 'Pause')
  pause(request: MirrorsPauseRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    return this.#setPaused(this.#api.contexts.of(call), request, true);
  }

  @GrpcMethod(service, 'Resume')
  resume(request: MirrorsResumeRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    return this.#setPaused(this.#api.contexts.of(call), request, false);
  }

  @GrpcMethod(service, 'Wait')
  async wait(request: MirrorsWaitRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const hasDeadline = Number.isFinite(Number(call.getDeadline()));
    const limit = hasDeadline ? context.deadline : performance.now() + waitMsDefault;
    const asked = request.timeout === undefined ? limit : performance.now() + milliseconds(request.timeout, 'timeout');
    const until = hasDeadline ? Math.min(limit, asked) : asked;
    const { behind, stuck, header } = await waitForMirrors(
      this.#api,
      { ...context, deadline: Math.max(context.deadline, until) },
      request,
      until,
    );
    return answerOf(MirrorsWaitResponseSchema, header, { behind: [...behind], stuck: [...stuck] });
  }

  /** Refuses at once what the member that is to write there would refuse, as far as it is known on this one. */
  async #checkFolder(definition: MirrorDefinition): Promise<void> {
    if (definition.provider !== fileProviderName) return;
    const problem = await problemOfFileTarget(definition, this.#api.folderProblem);
    if (problem !== null) throw invalid('mirror.target.file.directory', problem);
  }

  async #setPaused(
    context: CallContext,
    request: { readonly namespace: string; readonly name: string },
    paused: boolean,
  ): Promise<Encoded> {
    const frame = { namespace: namespaceOf(request), session: null, reason: '' };
    const done = await this.#api.writes.propose(context, { kind: 'pause-mirror', mirror: request.name, paused }, frame);
    const schema = paused ? MirrorsPauseResponseSchema : MirrorsResumeResponseSchema;
    return this.#after(context, done, (snapshot) =>
      answerOf(schema, snapshot.header, { mirror: wireMirrorOf(mirrorOf(snapshot, request)) }),
    );
  }

  /** What the leader answers; null when this member leads, or nobody is known to: then it answers as well as it can. */
  #atLeader(context: CallContext, call: ForwardedCall): Promise<Encoded | null> {
    const address = this.#api.leader.addressFor(context);
    return address === null ? Promise.resolve(null) : this.#api.leader.forward(address, call, context);
  }

  /** Where a mirror writes so far, as an update keeps it. */
  #kept(context: CallContext, mirror: Pick<Mirror, 'namespace' | 'name'>): Promise<TargetDefinition> {
    return this.#api.reads.here(context, { freshness: { kind: 'strong' }, appliedIndex: 0 }, (snapshot) =>
      keptOf(mirrorOf(snapshot, mirror).definition),
    );
  }

  /** Answers from a state that has seen what was done. */
  #after(context: CallContext, { appliedIndex }: Done, work: (snapshot: Snapshot) => Encoded): Promise<Encoded> {
    return this.#api.reads.here(context, { freshness: { kind: 'any' }, appliedIndex }, work);
  }
}

/** A refusal because of another mirror names both. */
function withAsked(error: unknown, { name, targetKey }: MirrorDefinition): unknown {
  if (!(error instanceof Refused) || error.refusal.code !== 'target-overlap') return error;
  return new Refused({ ...error.refusal, asked: { mirror: name, targetKey } });
}
