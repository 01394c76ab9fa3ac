import { create, fromBinary } from '@bufbuild/protobuf';
import { BrokenInvariant } from '@env-cli/support';
import { type Status as RpcStatus, StatusSchema } from '@env-cli/wire';
import type { StatusObject } from '@grpc/grpc-js';

import { type ApiRefusal, Refused } from '../errors/refused.ts';
import { grpcStatusOf, rpcStatusOf } from '../errors/status.ts';
import { MemberUnavailable } from '../member/member.ts';

/** A status that the leader answered to a call that was passed on to it: it goes to the client as it is. */
export class PassedOnStatus extends Error {
  override readonly name = 'PassedOnStatus';
  readonly status: StatusObject;

  constructor(status: StatusObject) {
    super(status.details);
    this.status = status;
  }
}

/** Where faults of ours are told. */
export interface FaultSink {
  /** An exception that nobody expected. Neither `what` nor `stack` holds a message, which might quote a value. */
  unexpected(where: string, what: string, stack: string): void;
  /** A broken invariant: the member must stop. */
  broken(error: BrokenInvariant): void;
}

/** What a client is told of an error that ended its call. */
export function statusOf(error: unknown, where: string, faults: FaultSink): StatusObject {
  return error instanceof PassedOnStatus ? error.status : grpcStatusOf(refusalOf(error, where, faults));
}

/** The same for a part of a stream, as a message. */
export function rpcStatusOfError(error: unknown, where: string, faults: FaultSink): RpcStatus {
  if (!(error instanceof PassedOnStatus)) return rpcStatusOf(refusalOf(error, where, faults));
  const [details] = error.status.metadata.get('grpc-status-details-bin');
  if (details instanceof Uint8Array) return fromBinary(StatusSchema, details);
  return create(StatusSchema, { code: error.status.code, message: error.status.details });
}

/** The refusal that an error is. What nobody expected is told to `faults`, and is an internal one. */
function refusalOf(error: unknown, where: string, faults: FaultSink): ApiRefusal {
  if (error instanceof Refused) return error.refusal;
  if (error instanceof MemberUnavailable) return { code: error.code, problem: error.message };
  if (error instanceof BrokenInvariant) faults.broken(error);
  else faults.unexpected(where, error instanceof Error ? error.name : typeof error, framesOf(error));
  return { code: 'internal' };
}

/** The frames of a stack without the message above them. */
export function framesOf(error: unknown): string {
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : '';
  return stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 12)
    .join('\n');
}
