import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { featureLevelMax, positionOf } from '@env-cli/environments';
import { readLevelHold } from '@env-cli/keyspace';
import {
  type ClusterHoldLevelRequest,
  ClusterHoldLevelRequestSchema,
  ClusterHoldLevelResponseSchema,
  type ClusterLevelRequest,
  ClusterLevelRequestSchema,
  ClusterLevelResponseSchema,
  type ClusterRaiseLevelRequest,
  ClusterRaiseLevelRequestSchema,
  ClusterRaiseLevelResponseSchema,
} from '@env-cli/wire';
import type { Metadata } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';

import { answerOf } from '../answers/message.ts';
import { membersOf } from '../cluster/members.controller.ts';
import { invalid, Refused } from '../errors/refused.ts';
import { defaultNamespace } from '../requests/names.ts';
import type { CallContext, GrpcCall } from '../rpc/call-context.ts';
import { type ForwardedCall, forwarded } from '../rpc/leader-calls.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { API, type ApiServices } from '../services.ts';
import { readyLevel, unreadyFor, unreadyText } from './ready-level.ts';

const service = 'envcli.v1.Cluster';
const frame = { namespace: defaultNamespace, session: null, reason: '' } as const;

/** The feature level that came with the first version that has these calls. */
const firstLevel = 2;

type LevelAnswer =
  typeof ClusterLevelResponseSchema | typeof ClusterRaiseLevelResponseSchema | typeof ClusterHoldLevelResponseSchema;

/** The feature level of `envcli.v1.Cluster`: the leader tells of it, and raises it. */
@Controller()
export class LevelsController {
  readonly #api: ApiServices;

  constructor(@Inject(API) api: ApiServices) {
    this.#api = api;
  }

  @GrpcMethod(service, 'Level')
  level(request: ClusterLevelRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const onward = forwarded(`/${service}/Level`, ClusterLevelRequestSchema, request);
    return this.#atLeader(context, onward, () => this.#answer(context, 0, ClusterLevelResponseSchema));
  }

  @GrpcMethod(service, 'RaiseLevel')
  raiseLevel(request: ClusterRaiseLevelRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const onward = forwarded(`/${service}/RaiseLevel`, ClusterRaiseLevelRequestSchema, request);
    return this.#atLeader(context, onward, async () => {
      if (request.level < 0) throw invalid('level', 'must be a feature level: 1 and above, or 0 for the highest');
      const featureLevel = request.level === 0 ? featureLevelMax : request.level;
      const view = this.#api.member.view();
      const unready = unreadyFor(featureLevel, view);
      if (featureLevel > view.featureLevel && unready.length > 0) {
        const members = unready.map(({ memberId }) => memberId);
        const problem = unreadyText(featureLevel, unready);
        throw new Refused({ code: 'members-not-ready', asked: featureLevel, level: view.featureLevel, members, problem });
      }
      const { appliedIndex } = await this.#api.writes.propose(context, { kind: 'raise-level', featureLevel }, frame);
      return this.#answer(context, appliedIndex, ClusterRaiseLevelResponseSchema);
    });
  }

  @GrpcMethod(service, 'HoldLevel')
  holdLevel(request: ClusterHoldLevelRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const onward = forwarded(`/${service}/HoldLevel`, ClusterHoldLevelRequestSchema, request);
    return this.#atLeader(context, onward, async () => {
      const body = { kind: 'hold-level', held: request.held } as const;
      const { appliedIndex } = await this.#api.writes.propose(context, body, frame);
      return this.#answer(context, appliedIndex, ClusterHoldLevelResponseSchema);
    });
  }

  /**
   * Does something here when this member leads, or when nobody is known to; else the leader does it. One that is of an earlier version than these calls cannot,
   * and is in the way of every higher level: what there is to say then, this member says.
   */
  #atLeader(context: CallContext, call: ForwardedCall, work: () => Promise<Encoded>): Promise<Encoded> {
    const leader = this.#api.leader.addressFor(context);
    const { leaderId, members } = this.#api.member.view();
    const leaderLevelMax = members.find(({ memberId }) => memberId === leaderId)?.featureLevelMax ?? firstLevel;
    return leader === null || leaderLevelMax < firstLevel ? work() : this.#api.leader.forward(leader, call, context);
  }

  /** How the level stands, by a state that has applied up to `appliedIndex`. */
  #answer(context: CallContext, appliedIndex: number, schema: LevelAnswer): Promise<Encoded> {
    return this.#api.reads.here(context, { freshness: { kind: 'any' }, appliedIndex }, (snapshot) => {
      const { member, levelRaisesInMs } = this.#api;
      // The view may be told of a raise later than the state is.
      const view = { ...member.view(), featureLevel: positionOf(snapshot.tables).featureLevel };
      const ready = readyLevel(view);
      const held = readLevelHold(snapshot.tables);
      const raisesInMs = held || ready === view.featureLevel ? null : levelRaisesInMs();
      const missing = view.featureLevel < featureLevelMax ? unreadyText(featureLevelMax, unreadyFor(featureLevelMax, view)) : '';
      // All three have the same two fields.
      return answerOf(schema as typeof ClusterLevelResponseSchema, snapshot.header, {
        featureLevel: {
          level: view.featureLevel,
          readyLevel: ready,
          levelMax: featureLevelMax,
          held,
          ...(raisesInMs === null ? {} : { raisesIn: durationFromMs(Math.ceil(raisesInMs)) }),
          missing,
          members: membersOf(view),
        },
      });
    });
  }
}
