import { BrokenInvariant } from '@env-cli/support';
import type { StatusObject } from '@grpc/grpc-js';

import { Refused } from '../errors/refused.ts';
import { grpcStatusOf } from '../errors/status.ts';
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
  if (error instanceof Refused) return grpcStatusOf(error.refusal);
  if (error instanceof PassedOnStatus) return error.status;
  if (error instanceof MemberUnavailable) return grpcStatusOf({ code: error.code, problem: error.message });
  if (error instanceof BrokenInvariant) faults.broken(error);
  else faults.unexpected(where, error instanceof Error ? error.name : typeof error, framesOf(error));
  return grpcStatusOf({ code: 'internal' });
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
