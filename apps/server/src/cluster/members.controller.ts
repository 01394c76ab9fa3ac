import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import {
  type ClusterAddMemberRequest,
  ClusterAddMemberRequestSchema,
  ClusterAddMemberResponseSchema,
  type ClusterChangeMembersRequest,
  ClusterChangeMembersRequestSchema,
  ClusterChangeMembersResponseSchema,
  type ClusterMembersRequest,
  ClusterMembersResponseSchema,
  type ClusterPromoteMemberRequest,
  ClusterPromoteMemberRequestSchema,
  ClusterPromoteMemberResponseSchema,
  type ClusterRemoveMemberRequest,
  ClusterRemoveMemberRequestSchema,
  ClusterRemoveMemberResponseSchema,
  type ClusterReplaceMemberRequest,
  ClusterReplaceMemberRequestSchema,
  ClusterReplaceMemberResponseSchema,
  type ClusterTransferLeaderRequest,
  ClusterTransferLeaderRequestSchema,
  ClusterTransferLeaderResponseSchema,
} from '@env-cli/wire';
import type { Metadata } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';

import { answerOf } from '../answers/message.ts';
import { Refused } from '../errors/refused.ts';
import type { MemberView } from '../member/member.ts';
import type { CallContext, GrpcCall } from '../rpc/call-context.ts';
import { type ForwardedCall, forwarded } from '../rpc/leader-calls.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { API, type ApiServices } from '../services.ts';
import { Membership, type MembersChange, type NewMember } from './membership.ts';
import { roleOf } from './roles.ts';

const service = 'envcli.v1.Cluster';

type MembersAnswer =
  | typeof ClusterMembersResponseSchema
  | typeof ClusterAddMemberResponseSchema
  | typeof ClusterPromoteMemberResponseSchema
  | typeof ClusterReplaceMemberResponseSchema
  | typeof ClusterRemoveMemberResponseSchema
  | typeof ClusterChangeMembersResponseSchema;

/** Who the members of `envcli.v1.Cluster` are, and their changes, which the leader makes. */
@Controller()
export class MembersController {
  readonly #api: ApiServices;
  readonly #membership: Membership;

  constructor(@Inject(API) api: ApiServices) {
    this.#api = api;
    this.#membership = new Membership(api);
  }

  @GrpcMethod(service, 'Members')
  members(_request: ClusterMembersRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    return this.#answer(this.#api.contexts.of(call), ClusterMembersResponseSchema);
  }

  @GrpcMethod(service, 'AddMember')
  addMember(request: ClusterAddMemberRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const onward = passedOn('AddMember', ClusterAddMemberRequestSchema, request);
    const change = { add: [newMemberOf(request)], remove: [], force: '' };
    return this.#changed(this.#api.contexts.of(call), onward, change, ClusterAddMemberResponseSchema);
  }

  @GrpcMethod(service, 'ReplaceMember')
  replaceMember(request: ClusterReplaceMemberRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const onward = passedOn('ReplaceMember', ClusterReplaceMemberRequestSchema, request);
    const replaces = memberNumberOf(request.memberId, 'member_id');
    const memberId = memberNumberOf(request.newMemberId, 'new_member_id');
    const change = { add: [{ memberId, address: request.peerAddress, learner: false, replaces }], remove: [], force: '' };
    return this.#changed(this.#api.contexts.of(call), onward, change, ClusterReplaceMemberResponseSchema);
  }

  @GrpcMethod(service, 'PromoteMember')
  promoteMember(request: ClusterPromoteMemberRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const memberId = memberNumberOf(request.memberId);
    return this.#atLeader(context, passedOn('PromoteMember', ClusterPromoteMemberRequestSchema, request), async () => {
      await this.#membership.promote(context, memberId);
      return this.#answer(context, ClusterPromoteMemberResponseSchema);
    });
  }

  @GrpcMethod(service, 'RemoveMember')
  removeMember(request: ClusterRemoveMemberRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const onward = passedOn('RemoveMember', ClusterRemoveMemberRequestSchema, request);
    const change = { add: [], remove: [memberNumberOf(request.memberId)], force: request.force };
    return this.#changed(this.#api.contexts.of(call), onward, change, ClusterRemoveMemberResponseSchema);
  }

  @GrpcMethod(service, 'ChangeMembers')
  changeMembers(request: ClusterChangeMembersRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const onward = passedOn('ChangeMembers', ClusterChangeMembersRequestSchema, request);
    const change = {
      add: request.add.map(newMemberOf),
      remove: request.remove.map((asked) => memberNumberOf(asked, 'remove')),
      force: request.force,
    };
    return this.#changed(this.#api.contexts.of(call), onward, change, ClusterChangeMembersResponseSchema);
  }

  @GrpcMethod(service, 'TransferLeader')
  transferLeader(request: ClusterTransferLeaderRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const to = request.memberId === 0n ? null : memberNumberOf(request.memberId);
    return this.#atLeader(context, passedOn('TransferLeader', ClusterTransferLeaderRequestSchema, request), async () => {
      const leaderId = await this.#membership.transfer(context, to);
      const { header } = await this.#header(context);
      return answerOf(ClusterTransferLeaderResponseSchema, header, { leaderId: BigInt(leaderId) });
    });
  }

  /** Makes a change at the leader. One that goes itself has handed the lead over, and the next leader makes it. */
  #changed(context: CallContext, call: ForwardedCall, change: MembersChange, schema: MembersAnswer): Promise<Encoded> {
    return this.#atLeader(context, call, async () => {
      const leader = await this.#membership.change(context, change);
      return leader === null ? this.#answer(context, schema) : this.#api.leader.forward(leader, call, context);
    });
  }

  /** Does something here when this member leads, or when nobody is known to; else the leader does it. */
  #atLeader(context: CallContext, call: ForwardedCall, work: () => Promise<Encoded>): Promise<Encoded> {
    const leader = this.#api.leader.addressFor(context);
    return leader === null ? work() : this.#api.leader.forward(leader, call, context);
  }

  /** The members, as this member sees them. */
  async #answer(context: CallContext, schema: MembersAnswer): Promise<Encoded> {
    const { header } = await this.#header(context);
    // All of them have the same two fields.
    return answerOf(schema as typeof ClusterMembersResponseSchema, header, { members: membersOf(this.#api.member.view()) });
  }

  #header(context: CallContext) {
    return this.#api.reads.here(context, { freshness: { kind: 'any' }, appliedIndex: 0 }, (snapshot) => snapshot);
  }
}

function passedOn<Desc extends DescMessage>(method: string, schema: Desc, request: MessageShape<Desc>): ForwardedCall {
  return forwarded(`/${service}/${method}`, schema, request);
}

/** The members as the API tells of them. */
export function membersOf(view: MemberView) {
  return view.members
    .map((peer) => ({
      memberId: BigInt(peer.memberId),
      peerAddress: peer.peerAddress,
      apiAddress: peer.apiAddress ?? '',
      role: roleOf(peer, view),
      replaces: BigInt(peer.replaces ?? 0),
      connected: peer.connected || peer.memberId === view.memberId,
      featureLevelMax: peer.featureLevelMax ?? 0,
    }))
    .toSorted((a, b) => Number(a.memberId - b.memberId));
}

function newMemberOf(asked: { readonly memberId: bigint; readonly peerAddress: string; readonly learner: boolean }): NewMember {
  return { memberId: memberNumberOf(asked.memberId), address: asked.peerAddress, learner: asked.learner, replaces: null };
}

function memberNumberOf(asked: bigint, field = 'member_id'): number {
  if (asked >= 1n && asked <= 0xffff_ffffn) return Number(asked);
  throw new Refused({ code: 'invalid', field, problem: 'must be the number of a member, 1 to 4294967295' });
}
