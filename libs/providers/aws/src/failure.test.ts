import { TargetError } from '@env-cli/outbox';
import { describe, expect, test } from '@jest/globals';

import { targetErrorOf } from './failure.ts';

const value = 'hunter2-hunter2';

function sdkError(name: string, parts: object = {}): Error {
  return Object.assign(new Error(`the value '${value}' is wrong`), { name, ...parts });
}

function http(httpStatusCode: number): object {
  return { $metadata: { httpStatusCode, requestId: 'abc-1' } };
}

describe('an error of the SDK is retried or refused, and never says what AWS said', () => {
  const cases = [
    ['throttling', sdkError('ThrottlingException', http(400)), 'throttled'],
    ['too many requests by status alone', sdkError('SomeException', http(429)), 'throttled'],
    ['two updates at once', sdkError('TooManyUpdates', http(400)), 'unavailable'],
    ['a fault at AWS', sdkError('InternalServerError', http(500)), 'unavailable'],
    ['a gateway without a body', sdkError('Unknown', http(503)), 'unavailable'],
    ['expired credentials', sdkError('ExpiredTokenException', http(400)), 'unavailable'],
    ['no credentials', sdkError('CredentialsProviderError'), 'unavailable'],
    ['a time-out', sdkError('TimeoutError'), 'timed-out'],
    ['a call that was given up', sdkError('AbortError'), 'timed-out'],
    ['a refused connection', sdkError('Error', { code: 'ECONNREFUSED' }), 'connection-lost'],
    ['a reset connection, which the SDK calls a time-out', sdkError('TimeoutError', { code: 'ECONNRESET' }), 'connection-lost'],
    ['an answer that is none', sdkError('SyntaxError', http(200)), 'connection-lost'],
    ['somebody else was first', sdkError('ResourceExistsException', http(400)), 'conflict'],
    ['a missing permission', sdkError('AccessDeniedException', http(400)), 'refused'],
    ['a malformed value', sdkError('ValidationException', http(400)), 'refused'],
    ['a full account', sdkError('ParameterLimitExceeded', http(400)), 'refused'],
    ['a name that nobody knows', sdkError('constructor', http(400)), 'refused'],
  ] as const;
  test.each(cases)('%s', (_why, error, failureClass) => {
    const made = targetErrorOf(error, 'writing /a/b') as TargetError;
    expect([made.class, made.message.includes(value), made.message.startsWith('writing /a/b: ')]).toEqual([
      failureClass,
      false,
      true,
    ]);
  });

  test('what is no error of the SDK stays what it is', () => {
    const error = new TypeError('a fault of ours');
    expect(targetErrorOf(error, 'writing')).toBe(error);
  });

  test('Retry-After is passed on', () => {
    const error = sdkError('ThrottlingException', { $response: { statusCode: 400, headers: { 'retry-after': '7' } } });
    expect((targetErrorOf(error, 'writing') as TargetError).retryAfterMs).toBe(7_000);
  });
});
