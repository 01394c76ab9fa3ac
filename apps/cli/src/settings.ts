import type { Consistency } from '@env-cli/client';

import { usageError } from './cli-error.ts';

/** The ports at which `npm start` serves. */
const endpointDefault = '127.0.0.1:7371,127.0.0.1:7372,127.0.0.1:7373';

/** The longest that a verb waits for a member to answer at all, in milliseconds. */
const connectTimeoutMsMax = 3000;

/** What every verb may be given. */
export interface Flags {
  readonly endpoint?: string;
  readonly namespace?: string;
  readonly timeout?: number;
  readonly consistency?: string;
  readonly maxLag?: number;
  readonly token?: string;
  readonly revision?: number;
  readonly output?: string;
  readonly reveal?: boolean;
}

/** How a verb talks to the cluster: flags over environment variables over defaults. */
export interface Settings {
  readonly endpoint: string;
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly consistency: Consistency;
  readonly token: string | undefined;
  readonly revision: number;
  readonly reveal: boolean;
}

/** Reads the settings. Throws a usage error where flags contradict each other. */
export function readSettings(flags: Flags, env: Readonly<Record<string, string | undefined>>): Settings {
  const timeoutMs = flags.timeout ?? 10_000;
  return {
    endpoint: flags.endpoint ?? given(env['ENV_CLI_ENDPOINT']) ?? endpointDefault,
    namespace: flags.namespace ?? given(env['ENV_CLI_NAMESPACE']) ?? 'default',
    timeoutMs,
    connectTimeoutMs: Math.min(timeoutMs, connectTimeoutMsMax),
    consistency: consistencyOf(flags),
    token: flags.token,
    revision: flags.revision ?? 0,
    reveal: flags.reveal ?? false,
  };
}

/** An environment variable that is set to nothing is not set. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function consistencyOf({ consistency = 'strong', maxLag, token }: Flags): Consistency {
  switch (consistency) {
    case 'strong':
    case 'read-your-writes':
      if (maxLag !== undefined) throw usageError("--max-lag goes with '--consistency eventual'");
      if (consistency === 'read-your-writes' && token === undefined) {
        throw usageError("'--consistency read-your-writes' needs --token: the token of an earlier answer (see -o json)");
      }
      return consistency;
    case 'eventual':
      return maxLag === undefined ? 'eventual' : { maxLagMs: maxLag };
    default:
      throw usageError(`--consistency is strong, read-your-writes or eventual, not '${consistency}'`);
  }
}

const durationUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration such as `500ms`, `1.5s`, `2m`, in milliseconds. Null: it is none. */
export function durationMs(text: string): number | null {
  const match = /^(?<count>\d+(?:\.\d+)?)(?<unit>ms|s|m|h)$/.exec(text);
  return match?.groups === undefined ? null : Number(match.groups['count']) * durationUnitsMs[match.groups['unit'] ?? '']!;
}

/** A whole number of 0 to 2^53 - 1. Null: it is none. */
export function wholeNumber(text: string): number | null {
  const value = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : null;
}

/** What is said of a text that should be a revision. */
export const revisionRange = 'A revision is a whole number from 1 to 9007199254740991 (2^53 - 1).';

/** A revision. Null: it is none; zero is none either. */
export function revisionNumber(text: string): number | null {
  const value = wholeNumber(text);
  return value === 0 ? null : value;
}
