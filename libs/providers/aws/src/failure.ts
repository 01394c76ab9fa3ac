import type { FailureClass } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';

/** What is known of an error's name: how it counts, and what a person does about it. */
const known: Readonly<Record<string, readonly [FailureClass, string]>> = {
  ThrottlingException: ['throttled', 'AWS asks for fewer calls'],
  Throttling: ['throttled', 'AWS asks for fewer calls'],
  TooManyRequestsException: ['throttled', 'AWS asks for fewer calls'],
  RequestLimitExceeded: ['throttled', 'AWS asks for fewer calls'],
  TooManyUpdates: ['unavailable', 'something else changes it at the same time'],
  ExpiredTokenException: ['unavailable', 'the credentials have expired'],
  ExpiredToken: ['unavailable', 'the credentials have expired'],
  CredentialsProviderError: ['unavailable', 'no credentials were found: see docs/mirrors.md, Credentials'],
  ParameterAlreadyExists: ['conflict', 'it was made by somebody else meanwhile'],
  ParameterNotFound: ['conflict', 'it is gone'],
  ParameterVersionNotFound: ['conflict', 'it was changed meanwhile'],
  ResourceExistsException: ['conflict', 'it was made by somebody else meanwhile'],
  ResourceNotFoundException: ['conflict', 'it is gone'],
  InvalidResourceId: ['conflict', 'it is gone'],
  AccessDeniedException: ['refused', 'the policy of the credentials does not allow it: see docs/mirrors.md, Permissions'],
  AccessDenied: ['refused', 'the policy of the credentials does not allow it: see docs/mirrors.md, Permissions'],
  UnrecognizedClientException: ['refused', 'AWS does not know the access key'],
  InvalidClientTokenId: ['refused', 'AWS does not know the access key'],
  InvalidSignatureException: ['refused', 'the secret access key does not belong to the access key, or the clock is wrong'],
  SignatureDoesNotMatch: ['refused', 'the secret access key does not belong to the access key, or the clock is wrong'],
  ParameterLimitExceeded: ['refused', 'the account has no room for more parameters: raise its quota, or use the blob layout'],
  ParameterMaxVersionLimitExceeded: ['refused', 'its oldest version carries a label and blocks new ones: move the label'],
  HierarchyLevelLimitExceededException: ['refused', 'its name has too many levels'],
  ParameterPatternMismatchException: ['refused', 'the value does not match the pattern that the parameter allows'],
  LimitExceededException: ['refused', 'a quota of the account is used up: raise it, or use the blob layout'],
  DecryptionFailure: ['refused', 'the KMS key cannot be used: see docs/mirrors.md, Permissions'],
  EncryptionFailure: ['refused', 'the KMS key cannot be used: see docs/mirrors.md, Permissions'],
  InvalidKeyId: ['refused', 'the KMS key cannot be used: see docs/mirrors.md, Permissions'],
  ValidationException: ['refused', 'AWS takes the name or the value for malformed'],
  InvalidParameterException: ['refused', 'AWS takes the name or the value for malformed'],
  InvalidRequestException: ['conflict', 'its state at AWS does not allow it now'],
};

const connectionCodes = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
];

/**
 * An error of the SDK as the worker knows it. Only its name, its status and its request id are passed on: what AWS says in the
 * message may quote the value.
 */
export function targetErrorOf(error: unknown, doing: string): unknown {
  if (error instanceof TargetError || !isErrorLike(error)) return error;
  const { name, code, status, requestId, retryAfterMs } = partsOf(error);
  const where = requestId === '' ? '' : ` (request ${requestId})`;
  const row = Object.hasOwn(known, name) ? known[name] : undefined;
  const failed = (failure: FailureClass, what: string) => new TargetError(failure, `${doing}: ${what}${where}`, retryAfterMs);
  if (row !== undefined) return failed(row[0], `${name}: ${row[1]}`);
  if (status === 429) return failed('throttled', `${name}: AWS asks for fewer calls`);
  if (status >= 500) return failed('unavailable', `${name}: a fault at AWS (HTTP ${status})`);
  // The SDK calls a reset connection a time-out as well.
  if (connectionCodes.includes(code)) return failed('connection-lost', `no connection, or lost before the answer (${code})`);
  if (name === 'TimeoutError') return failed('timed-out', 'no answer in time');
  if (name === 'AbortError') return failed('timed-out', 'the call was given up');
  // What else goes wrong on the way has no name of its own, and there was no answer.
  if (name === 'Error' && status === 0) return failed('connection-lost', 'no answer came');
  if (status >= 400) return failed('refused', `${name} (HTTP ${status})`);
  // An answer that is no answer: a proxy in between, or a connection that was cut within it.
  if (name === 'SyntaxError' || status > 0) return failed('connection-lost', 'the answer could not be read');
  return error;
}

/** The name of an error, as AWS has it. */
export function nameOfError(error: unknown): string {
  return isErrorLike(error) ? error.name : '';
}

/** By its shape: errors of Node.js itself come from another realm where a program runs inside of a context. */
function isErrorLike(error: unknown): error is SdkError {
  return typeof error === 'object' && error !== null && 'name' in error && typeof error.name === 'string';
}

interface Parts {
  readonly name: string;
  readonly code: string;
  /** 0: there was no answer. */
  readonly status: number;
  readonly requestId: string;
  readonly retryAfterMs: number | null;
}

interface SdkError extends Error {
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

function partsOf(error: SdkError): Parts {
  const { $metadata, $response } = error;
  const seconds = Number($response?.headers?.['retry-after'] ?? Number.NaN);
  const id = $metadata?.requestId ?? '';
  return {
    name: /^[A-Za-z0-9_.]{1,80}$/.test(error.name) ? error.name : 'an unknown error',
    code: typeof error.code === 'string' ? error.code : '',
    status: $metadata?.httpStatusCode ?? $response?.statusCode ?? 0,
    requestId: /^[A-Za-z0-9-]{1,64}$/.test(id) ? id : '',
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null,
  };
}
