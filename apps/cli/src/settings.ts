import type { Consistency, TlsOptions } from '@env-cli/client';

import { usageError } from './cli-error.ts';
import { contextNamed, readContexts, type Context } from './contexts.ts';
import { durationMs } from './duration.ts';
import { globalOptions, optionNames, type Color, type OptionName } from './options.ts';

/** The longest that a verb waits for a member to answer at all, in milliseconds. */
const connectTimeoutMsMax = 3000;

/** What every verb may be given. */
export interface Flags {
  readonly endpoint?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly namespace?: string;
  readonly timeout?: string;
  readonly color?: string;
  /** False: `--no-pager`. */
  readonly pager?: boolean;
  readonly context?: string;
  readonly consistency?: string;
  readonly maxLag?: number;
  readonly token?: string;
  readonly revision?: number;
  readonly output?: string;
  readonly reveal?: boolean;
}

/** Where the value of an option comes from: `flag --endpoint`, `ENV_CLI_ENDPOINT`, `context prod`, `default`. */
export interface Origin {
  readonly value: string;
  readonly from: string;
}

/** How a verb talks to the cluster and to the person: flags over environment variables over the context over defaults. */
export interface Settings {
  readonly endpoint: string;
  /** Null: neither encrypted nor authenticated. */
  readonly tls: TlsOptions | null;
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly color: Color;
  /** The command that long output goes through; null: none. */
  readonly pager: string | null;
  /** The context in use; null: none. */
  readonly context: string | null;
  readonly consistency: Consistency;
  readonly token: string | undefined;
  readonly revision: number;
  readonly reveal: boolean;
  readonly origins: Readonly<Record<OptionName, Origin>>;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads the settings. Throws a usage error where flags contradict each other or a value is none, and where there is no such context. */
export function readSettings(flags: Flags, env: Env): Settings {
  const [name, context] = contextInUse(flags, env);
  const origins = Object.fromEntries(
    optionNames.map((option) => [option, originOf(option, flags, env, { name, context })]),
  ) as Record<OptionName, Origin>;
  for (const option of optionNames) {
    const { value, from } = origins[option];
    const problem = from === 'default' ? null : globalOptions[option].problem(value);
    if (problem !== null) throw usageError(`${from}: ${problem}`);
  }
  const timeoutMs = durationMs(origins.timeout.value)!;
  return {
    endpoint: origins.endpoint.value,
    tls: tlsOf(origins),
    namespace: origins.namespace.value,
    timeoutMs,
    connectTimeoutMs: Math.min(timeoutMs, connectTimeoutMsMax),
    color: origins.color.value as Color,
    pager: origins.pager.value === '' || origins.pager.value === 'cat' ? null : origins.pager.value,
    context: name,
    consistency: consistencyOf(flags),
    token: flags.token,
    revision: flags.revision ?? 0,
    reveal: flags.reveal ?? false,
    origins,
  };
}

/** A value that somebody gave. */
function stated({ value, from }: Origin): string | undefined {
  return from === 'default' ? undefined : value;
}

function tlsOf({ ca, cert, key }: Settings['origins']): TlsOptions | null {
  const [caFile, certFile, keyFile] = [stated(ca), stated(cert), stated(key)];
  if (caFile === undefined && certFile === undefined && keyFile === undefined) return null;
  return {
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
  };
}

/** The context that is asked for, or else the one of `context use`. */
function contextInUse(flags: Flags, env: Env): readonly [string | null, Context] {
  const contexts = readContexts(env);
  const name = flags.context ?? given(env[globalOptions.context.variable]) ?? contexts.current;
  return name === null ? [null, {}] : [name, contextNamed(contexts, name)];
}

function originOf(
  option: OptionName,
  flags: Flags,
  env: Env,
  { name, context }: { readonly name: string | null; readonly context: Context },
): Origin {
  const { flags: written, variable, default: byDefault } = globalOptions[option];
  const long = /--[\w-]+/.exec(written)![0];
  if (option === 'pager') return pagerOf(flags, env, context, name);
  if (flags[option] !== undefined) return { value: flags[option], from: `flag ${long}` };
  const fromEnv = given(env[variable]);
  if (fromEnv !== undefined) return { value: fromEnv, from: variable };
  const kept = context[option];
  if (kept !== undefined) return { value: kept, from: `context ${name}` };
  if (option === 'context') return { value: name ?? '', from: name === null ? 'default' : "'context use'" };
  return { value: byDefault, from: 'default' };
}

/** As git finds its pager. Set to nothing, the variable says that there is to be none. */
function pagerOf(flags: Flags, env: Env, context: Context, name: string | null): Origin {
  if (flags.pager === false) return { value: '', from: 'flag --no-pager' };
  const own = env['ENV_CLI_PAGER'];
  if (own !== undefined) return { value: own, from: 'ENV_CLI_PAGER' };
  if (context.pager !== undefined) return { value: context.pager, from: `context ${name}` };
  const common = env['PAGER'];
  if (common !== undefined) return { value: common, from: 'PAGER' };
  return { value: pagerDefault, from: 'default' };
}

/** Where nothing says otherwise. It need not be there. */
export const pagerDefault = 'less';

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
