import { reasonTable, type Reason, type StatusName } from './reasons.ts';

/** What the cluster said about a failure beside its message. Never holds a value of a variable that is secret. */
export interface ErrorDetails {
  /** Facts of the reason by name, such as `environment`, `current_revision`, `limit`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Places of the request that are wrong, as in `operations[0].set.variables[1].name`, and what is wrong there. */
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  /** Conditions of a write that did not hold. */
  readonly preconditions: readonly { readonly type: string; readonly subject: string; readonly description: string }[];
  /** Milliseconds after which the cluster suggests to try again; null when it does not say. */
  readonly retryAfterMs: number | null;
}

/** The details of a failure that has none. */
export const noDetails: ErrorDetails = { metadata: {}, violations: [], preconditions: [], retryAfterMs: null };

interface EnvCliErrorOptions {
  readonly reason: Reason;
  /** What was wrong, and where. */
  readonly message: string;
  readonly code?: StatusName;
  readonly details?: ErrorDetails;
  readonly next?: string;
  readonly outcomeUnknown?: boolean;
  readonly cause?: unknown;
}

/** The one error that this client throws. Branch on {@link EnvCliError.reason}. */
export class EnvCliError extends Error {
  override readonly name = 'EnvCliError';
  /** Why, out of a closed set. */
  readonly reason: Reason;
  /** The gRPC status, or what the failure counts as when it was the client's own. */
  readonly code: StatusName;
  readonly details: ErrorDetails;
  /** What can be done about it: one sentence. */
  readonly next: string;
  /** The call was a change, and it may or may not have been done. False: it certainly was not. */
  readonly outcomeUnknown: boolean;

  constructor(options: EnvCliErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    const entry = reasonTable[options.reason];
    this.reason = options.reason;
    this.code = options.code ?? entry.code;
    this.details = options.details ?? noDetails;
    this.next = options.next ?? entry.next;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
}
