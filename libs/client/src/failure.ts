import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack, type Any } from '@bufbuild/protobuf/wkt';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
  StatusSchema,
  type Status,
} from '@env-cli/wire';
import type { ServiceError } from '@grpc/grpc-js';

import { EnvCliError, noDetails, type ErrorDetails } from './error.ts';
import { reasonTable, statusNames, type Reason, type Remedy, type StatusName } from './reasons.ts';

/** The domain under which the cluster's own reasons stand. */
const domain = 'env-cli';

/** Where gRPC carries the details of a failed call. */
const detailsKey = 'grpc-status-details-bin';

/** The error of a failed call, from what grpc-js says of it. */
export function failureOfCall(error: ServiceError, address: string): EnvCliError {
  const [bytes] = error.metadata?.get(detailsKey) ?? [];
  if (bytes instanceof Uint8Array) {
    try {
      return failureOfStatus(fromBinary(StatusSchema, bytes));
    } catch {
      // Details that nobody can read are as good as none.
    }
  }
  const code = statusNames[error.code] ?? 'UNKNOWN';
  // Without details it was not a member that spoke but the connection, or something between.
  if (code === 'UNAVAILABLE' || code === 'CANCELLED' || (code === 'INTERNAL' && /RST_STREAM|stream/i.test(error.details))) {
    return new EnvCliError({
      reason: 'CONNECTION_LOST',
      message: `the connection to ${address} broke: ${error.details}`,
      cause: error,
    });
  }
  if (code === 'DEADLINE_EXCEEDED') {
    return new EnvCliError({ reason: 'DEADLINE_EXCEEDED', message: `${address} did not answer in time`, cause: error });
  }
  // As gRPC answers for a method that a server does not have.
  if (code === 'UNIMPLEMENTED') {
    return new EnvCliError({
      reason: 'EARLIER_VERSION',
      message: `${address} is of an earlier version and does not know this call`,
      cause: error,
    });
  }
  return new EnvCliError({ reason: 'OTHER', code, message: `${address} answered ${code}: ${error.details}`, cause: error });
}

/** The error of a call of a pipeline or of a watch, from the status inside its stream. */
export function failureOfStatus(status: Status): EnvCliError {
  const code = statusNames[status.code] ?? 'UNKNOWN';
  const details = detailsOf(status.details);
  const reason = reasonOf(status.details, code);
  const earlier = details.metadata['earlier'];
  // A retry was told only that its first attempt was refused: it means to its caller what that refusal would have meant.
  if (reason === 'REPLAYED_REFUSAL' && earlier !== undefined && isReason(earlier)) {
    return new EnvCliError({ reason: earlier, code: reasonTable[earlier].code, message: status.message, details });
  }
  return new EnvCliError({ reason, code, message: status.message, details });
}

/** What the client may do about a failure. */
export function remedyOf(error: EnvCliError): Remedy {
  if (error.reason === 'OTHER' && error.code === 'UNAVAILABLE') return 'elsewhere';
  return reasonTable[error.reason].remedy;
}

/** Whether a member said it. False: the client itself, or something between. */
export function saidByMember(error: EnvCliError): boolean {
  return error.details !== noDetails;
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(reasonTable, text);
}

function reasonOf(details: readonly Any[], code: StatusName): Reason {
  for (const detail of details) {
    const info = anyUnpack(detail, ErrorInfoSchema);
    if (info?.domain === domain && isReason(info.reason)) return info.reason;
  }
  return code === 'DEADLINE_EXCEEDED' ? code : 'OTHER';
}

function detailsOf(details: readonly Any[]): ErrorDetails {
  if (details.length === 0) return noDetails;
  const metadata: Record<string, string> = {};
  const violations: { field: string; description: string }[] = [];
  const preconditions: { type: string; subject: string; description: string }[] = [];
  let retryAfterMs: number | null = null;
  for (const detail of details) {
    const info = anyUnpack(detail, ErrorInfoSchema);
    if (info !== undefined) Object.assign(metadata, info.metadata, { reason: info.reason });
    for (const { field, description } of anyUnpack(detail, BadRequestSchema)?.fieldViolations ?? []) {
      violations.push({ field, description });
    }
    for (const { type, subject, description } of anyUnpack(detail, PreconditionFailureSchema)?.violations ?? []) {
      preconditions.push({ type, subject, description });
    }
    const delay = anyUnpack(detail, RetryInfoSchema)?.retryDelay;
    if (delay !== undefined) retryAfterMs = Number(delay.seconds) * 1000 + delay.nanos / 1_000_000;
  }
  return { metadata, violations, preconditions, retryAfterMs };
}
