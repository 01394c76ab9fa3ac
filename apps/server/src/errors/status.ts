import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
  type Status as RpcStatus,
  StatusSchema,
} from '@env-cli/wire';
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, type Any } from '@bufbuild/protobuf/wkt';
import { Metadata, type StatusObject } from '@grpc/grpc-js';

import type { ApiRefusal } from './refused.ts';
import { type RefusalRow, refusalRows } from './rows.ts';

/** The domain of every reason. */
export const errorDomain = 'env-cli';

/** Characters of a message or of a fact. Statuses travel in HTTP/2 trailers, for which clients allow 8 KiB altogether. */
const textCharactersMax = 1_024;

/** A refusal as `google.rpc.Status`: what a watch or a pipelined call answers. */
export function rpcStatusOf(refusal: ApiRefusal): RpcStatus {
  // The compiler cannot see that row and refusal have the same code.
  const row = refusalRows[refusal.code] as RefusalRow<ApiRefusal>;
  const facts = Object.entries(row.facts?.(refusal) ?? {}).map(([name, fact]) => [name, cut(String(fact))] as const);
  const field = row.field?.(refusal);
  const precondition = row.precondition?.(refusal);
  const details: Any[] = [
    anyPack(
      ErrorInfoSchema,
      create(ErrorInfoSchema, { reason: row.reason, domain: errorDomain, metadata: Object.fromEntries(facts) }),
    ),
  ];
  if (field !== undefined) {
    const violation = { field: cut(field.field), description: cut(field.description), reason: row.reason };
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations: [violation] })));
  }
  if (precondition !== undefined) {
    const violation = { type: precondition.type, subject: cut(precondition.subject), description: cut(precondition.description) };
    details.push(anyPack(PreconditionFailureSchema, create(PreconditionFailureSchema, { violations: [violation] })));
  }
  if (row.retryAfterMs !== undefined) {
    const retryDelay = { seconds: BigInt(Math.floor(row.retryAfterMs / 1_000)), nanos: (row.retryAfterMs % 1_000) * 1_000_000 };
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return create(StatusSchema, { code: row.status, message: cut(row.message(refusal)), details });
}

/** A refusal as the status of a call that failed. */
export function grpcStatusOf(refusal: ApiRefusal): StatusObject {
  const whole = rpcStatusOf(refusal);
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, whole)));
  return { code: refusalRows[refusal.code].status, details: whole.message, metadata };
}

/** A cut may fall into the middle of a character; grpc-js cannot send what is no well-formed text. */
function cut(text: string): string {
  return (text.length <= textCharactersMax ? text : `${text.slice(0, textCharactersMax - 1)}…`).toWellFormed();
}
