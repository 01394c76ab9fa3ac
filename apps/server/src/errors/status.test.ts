import { describe, expect, test } from '@jest/globals';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { CurrentEnvironment } from '@env-cli/environments';
import { toRevision } from '@env-cli/keyspace';
import { BadRequestSchema, ErrorInfoSchema, PreconditionFailureSchema, RetryInfoSchema, StatusSchema } from '@env-cli/wire';
import { status } from '@grpc/grpc-js';

import type { ApiRefusal } from './refused.ts';
import { refusalRows } from './rows.ts';
import { grpcStatusOf, rpcStatusOf } from './status.ts';

const current: CurrentEnvironment = {
  revision: toRevision(14),
  exists: true,
  changedBy: 'alice',
  changedAtMs: 0,
  variable: { revision: toRevision(9), secret: false, value: new TextEncoder().encode('hunter2'), hash: null, valueBytes: 7 },
};

function infoOf(refusal: ApiRefusal) {
  return anyUnpack(rpcStatusOf(refusal).details.at(0)!, ErrorInfoSchema)!;
}

describe('a failed condition says what is there now', () => {
  const refusal: ApiRefusal = {
    code: 'condition-failed',
    field: 'conditions[0]',
    environment: 'payments/prod',
    variable: 'DB_URL',
    current,
  };

  test('in its status, its facts and its precondition', () => {
    const { code, details } = grpcStatusOf(refusal);
    expect([code, details]).toEqual([
      status.FAILED_PRECONDITION,
      'conditions[0]: payments/prod DB_URL was changed at revision 9, or has another value; read it and decide again',
    ]);
    expect(infoOf(refusal)).toMatchObject({
      reason: 'CONDITION_FAILED',
      domain: 'env-cli',
      metadata: {
        environment: 'payments/prod',
        variable: 'DB_URL',
        current_revision: '14',
        changed_by: 'alice',
        variable_revision: '9',
      },
    });
    const { violations } = anyUnpack(rpcStatusOf(refusal).details.at(1)!, PreconditionFailureSchema)!;
    expect(violations[0]?.subject).toBe('payments/prod DB_URL');
  });

  test('without any value', () => {
    expect(
      JSON.stringify(rpcStatusOf(refusal), (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toContain('hunter2');
  });
});

test('a bad field is named as a field violation', () => {
  const { details } = rpcStatusOf({ code: 'invalid', field: 'operations[2].environment', problem: 'must begin with a-z or 0-9' });
  expect(anyUnpack(details.at(1)!, BadRequestSchema)?.fieldViolations[0]).toMatchObject({
    field: 'operations[2].environment',
    reason: 'INVALID_FIELD',
  });
});

test('what may be tried again says after what time', () => {
  const { details } = rpcStatusOf({ code: 'no-leader', problem: 'no member leads' });
  expect(anyUnpack(details.at(-1)!, RetryInfoSchema)?.retryDelay).toMatchObject({ seconds: 0n, nanos: 200_000_000 });
});

test('a long text is cut before it outgrows the trailers, and stays well-formed', () => {
  const problem = '\u{1F600}'.repeat(4_000);
  const { details, metadata } = grpcStatusOf({ code: 'invalid', field: 'name', problem });
  const [bytes] = metadata.get('grpc-status-details-bin');
  expect(fromBinary(StatusSchema, bytes as Buffer).message).toBe(details);
  expect((bytes as Buffer).length).toBeLessThan(8_192);
  expect(() => encodeURI(details)).not.toThrow();
});

test('a reason stands for one refusal, in the spelling of reasons', () => {
  const reasons = Object.values(refusalRows).map(({ reason }) => reason);
  expect(new Set(reasons).size).toBe(reasons.length);
  for (const reason of reasons) expect(reason).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
});

test('what was proposed is never UNAVAILABLE', () => {
  expect(refusalRows['outcome-unknown'].status).toBe(status.UNKNOWN);
});
