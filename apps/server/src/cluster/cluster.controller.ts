import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Alarm, alarmKinds, featureLevelMax, limitsOf, positionOf, readIntegrity } from '@env-cli/environments';
import { metaKeys, type ReadTables, tableNames, toRevision } from '@env-cli/keyspace';
import { hexOf } from '@env-cli/support';
import {
  AlarmKind as WireAlarmKind,
  type ClusterAlarmsRequest,
  ClusterAlarmsResponseSchema,
  type ClusterBackupRequest,
  type ClusterCompactRequest,
  ClusterCompactResponseSchema,
  type ClusterKeysRequest,
  ClusterKeysResponseSchema,
  type ClusterRotateDataKeyRequest,
  ClusterRotateDataKeyResponseSchema,
  type ClusterRotateMasterKeyRequest,
  ClusterRotateMasterKeyResponseSchema,
  type ClusterSetQuotaRequest,
  ClusterSetQuotaResponseSchema,
  type ClusterStatusRequest,
  ClusterStatusResponseSchema,
} from '@env-cli/wire';
import type { Metadata } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';

import { answerOf } from '../answers/message.ts';
import { Refused } from '../errors/refused.ts';
import type { Snapshot } from '../reads/snapshot.ts';
import { natural } from '../requests/integers.ts';
import { defaultNamespace } from '../requests/names.ts';
import type { CallContext, GrpcCall } from '../rpc/call-context.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { API, type ApiServices } from '../services.ts';
import { softwareVersion } from '../version.ts';
import { quotaHeldBy } from './quota.ts';
import { roles } from './roles.ts';
import { keysAnswer, rotateDataKey, rotateMasterKey } from './keys.ts';

const service = 'envcli.v1.Cluster';

/** `envcli.v1.Cluster`, but for its members. */
@Controller()
export class ClusterController {
  readonly #api: ApiServices;

  constructor(@Inject(API) api: ApiServices) {
    this.#api = api;
  }

  @GrpcMethod(service, 'Status')
  async status(_request: ClusterStatusRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const { member, storageBytes } = this.#api;
    const { snapshot, position, quotaBytes, hashes, integrity } = await this.#here(this.#api.contexts.of(call), (state) => ({
      snapshot: state,
      position: positionOf(state.tables),
      quotaBytes: limitsOf(state.tables).quotaBytes,
      hashes: hashesOf(state.tables),
      integrity: readIntegrity(state.tables),
    }));
    const view = member.view();
    return answerOf(ClusterStatusResponseSchema, snapshot.header, {
      clusterId: hexOf(member.identity.clusterId),
      epoch: BigInt(member.identity.epoch),
      memberId: BigInt(view.memberId),
      role: roles[view.role],
      leaderId: BigInt(view.leaderId ?? 0),
      term: BigInt(view.term),
      commitIndex: BigInt(view.commitIndex),
      appliedIndex: BigInt(position.appliedIndex),
      firstLogIndex: BigInt(view.firstLogIndex),
      lastLogIndex: BigInt(view.lastLogIndex),
      revision: BigInt(position.revision),
      compactedRevision: BigInt(position.floor),
      featureLevel: position.featureLevel,
      hashes,
      version: softwareVersion,
      storeBytes: BigInt(storageBytes()),
      logBytes: BigInt(view.logBytes),
      alarms: integrity.alarms.map(wireAlarm),
      agreedIndex: BigInt(integrity.agreedIndex),
      stateBytes: BigInt(position.stateBytes),
      quotaBytes: BigInt(quotaBytes),
      featureLevelMax,
    });
  }

  @GrpcMethod(service, 'Compact')
  async compact(request: ClusterCompactRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const revision = toRevision(natural(request.revision, 'revision'));
    const frame = { namespace: defaultNamespace, session: null, reason: '' };
    const { appliedIndex } = await this.#api.writes.propose(context, { kind: 'compact', revision }, frame);
    const demand = { freshness: { kind: 'any' }, appliedIndex } as const;
    return this.#api.reads.here(context, demand, (snapshot) =>
      answerOf(ClusterCompactResponseSchema, snapshot.header, { compactedRevision: BigInt(snapshot.progress.floor) }),
    );
  }

  @GrpcMethod(service, 'SetQuota')
  async setQuota(request: ClusterSetQuotaRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const quotaBytes = natural(request.quotaBytes, 'quota_bytes');
    const heldBytes = quotaHeldBy(this.#api.mapBytes);
    if (quotaBytes > heldBytes) {
      const problem = `must be at most ${heldBytes}: half of what storage.map_size of this member (${this.#api.mapBytes} bytes) lets its file grow to`;
      throw invalid('quota_bytes', problem);
    }
    const body = { kind: 'set-quota' as const, quotaBytes };
    const frame = { namespace: defaultNamespace, session: null, reason: '' };
    const { appliedIndex } = await this.#api.writes.propose(context, body, frame);
    return this.#api.reads.here(context, { freshness: { kind: 'any' }, appliedIndex } as const, ({ header, tables }) =>
      answerOf(ClusterSetQuotaResponseSchema, header, {
        quotaBytes: BigInt(limitsOf(tables).quotaBytes),
        stateBytes: BigInt(positionOf(tables).stateBytes),
      }),
    );
  }

  @GrpcMethod(service, 'Alarms')
  async alarms(request: ClusterAlarmsRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    // Looked at before the first is cleared: a request that is wrong anywhere changes nothing.
    const clear = request.clear.map(({ kind, memberId }, place) => ({
      kind: 'clear-alarm' as const,
      alarm: alarmKindOf(kind, `clear[${place}].kind`),
      member: memberNumberOf(memberId, `clear[${place}].member_id`),
    }));
    if (clear.length > clearMax)
      throw invalid('clear', `names ${clear.length} alarms; at most ${clearMax} can be cleared at once`);
    let appliedIndex = 0;
    for (const body of clear) {
      const frame = { namespace: defaultNamespace, session: null, reason: '' };
      ({ appliedIndex } = await this.#api.writes.propose(context, body, frame));
    }
    const demand = { freshness: { kind: 'any' }, appliedIndex } as const;
    return this.#api.reads.here(context, demand, (snapshot) => {
      const { alarms } = readIntegrity(snapshot.tables);
      return answerOf(ClusterAlarmsResponseSchema, snapshot.header, { alarms: alarms.map(wireAlarm) });
    });
  }

  @GrpcMethod(service, 'Backup')
  backup(request: ClusterBackupRequest, _metadata: Metadata, call: GrpcCall): AsyncIterable<Encoded> {
    return this.#api.backups.stream(request, this.#api.contexts.of(call));
  }

  @GrpcMethod(service, 'Keys')
  async keys(_request: ClusterKeysRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const { header } = await this.#here(this.#api.contexts.of(call), (snapshot) => snapshot);
    return answerOf(ClusterKeysResponseSchema, header, keysAnswer(this.#api.keyring));
  }

  @GrpcMethod(service, 'RotateDataKey')
  async rotateDataKey(_request: ClusterRotateDataKeyRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const dataKeyId = await rotateDataKey(this.#api.keyring);
    const { header } = await this.#here(context, (snapshot) => snapshot);
    return answerOf(ClusterRotateDataKeyResponseSchema, header, { dataKeyId: BigInt(dataKeyId) });
  }

  @GrpcMethod(service, 'RotateMasterKey')
  async rotateMasterKey({ force }: ClusterRotateMasterKeyRequest, _metadata: Metadata, call: GrpcCall): Promise<Encoded> {
    const context = this.#api.contexts.of(call);
    const masterKey = await rotateMasterKey(this.#api, context, force);
    const { header } = await this.#here(context, (snapshot) => snapshot);
    return answerOf(ClusterRotateMasterKeyResponseSchema, header, { masterKey });
  }

  /** What this member has, however far that is: it must answer without a leader too. */
  #here<T>(context: CallContext, work: (snapshot: Snapshot) => T): Promise<T> {
    return this.#api.reads.here(context, { freshness: { kind: 'any' }, appliedIndex: 0 }, work);
  }
}

/** More than all members of the largest cluster can have. */
const clearMax = 64;

const wireAlarmKinds: Readonly<Record<Alarm['kind'], WireAlarmKind>> = {
  'state-diverged': WireAlarmKind.STATE_DIVERGED,
  'state-disagreed': WireAlarmKind.STATE_DISAGREED,
  'state-rotten': WireAlarmKind.STATE_ROTTEN,
  'space-low': WireAlarmKind.SPACE_LOW,
};

function wireAlarm({ kind, member, index, raisedAtMs }: Alarm) {
  return {
    kind: wireAlarmKinds[kind],
    memberId: BigInt(member),
    index: BigInt(index),
    raisedTime: timestampFromMs(raisedAtMs),
  };
}

function alarmKindOf(asked: WireAlarmKind, field: string): Alarm['kind'] {
  const found = alarmKinds.find((kind) => wireAlarmKinds[kind] === asked);
  if (found === undefined) throw invalid(field, 'names no kind of alarm');
  return found;
}

function memberNumberOf(asked: bigint, field: string): number {
  if (asked > 0xffff_ffffn) throw invalid(field, 'is no number of a member: those go up to 4294967295');
  return Number(asked);
}

function invalid(field: string, problem: string): Refused {
  return new Refused({ code: 'invalid', field, problem });
}

/** Bytes of a table's hash, and of what stands in front of the first. */
const hashBytes = 8;
const hashesHeadBytes = 1;

/** The additive hashes of the tables, as the state itself keeps them. */
function hashesOf(tables: ReadTables): { readonly table: string; readonly hash: string }[] {
  const row = tables.get('meta', metaKeys.hashes);
  if (row === undefined) return [];
  return tableNames
    .filter((table) => table !== 'meta')
    .map((table, at) => {
      const from = hashesHeadBytes + at * hashBytes;
      return { table, hash: hexOf(row.subarray(from, from + hashBytes)) };
    });
}
