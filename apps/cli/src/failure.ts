import type { EnvCliError, Reason, StatusName } from '@env-cli/client';

import { ago, oneLine } from './text.ts';
import { CliError, exitCodes } from './cli-error.ts';

const codeOfStatus: Partial<Record<StatusName, number>> = {
  NOT_FOUND: exitCodes.notFound,
  ALREADY_EXISTS: exitCodes.conflict,
  ABORTED: exitCodes.conflict,
  UNAVAILABLE: exitCodes.unavailable,
  DEADLINE_EXCEEDED: exitCodes.unavailable,
};

const codeOfReason: Partial<Record<Reason, number>> = {
  CONDITION_FAILED: exitCodes.conflict,
  MIRROR_OVERLAPS: exitCodes.conflict,
  OUTCOME_UNKNOWN: exitCodes.unavailable,
};

/** What the verb was doing, as far as an error's text wants it. */
export interface Attempted {
  /** The environment that was asked for. */
  readonly environment?: string;
  readonly ifRevision?: number | undefined;
  /** The revision of the past that was asked for. */
  readonly atRevision?: number;
  /** The variables of the write's one operation, in their order. */
  readonly variables?: readonly string[];
  /** The verb would have created the environment with `--create`. */
  readonly mayCreate?: boolean;
}

/** An error for a person, and the exit code that goes with it. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

/** Says what was wrong, where, and what can be done. Throws what is a bug. */
export function failureOf(error: unknown, attempted: Attempted, now: Date): Failure {
  if (error instanceof CliError) return { text: error.message, exitCode: error.exitCode };
  if (!isEnvCliError(error)) throw error;
  const exitCode = codeOfReason[error.reason] ?? codeOfStatus[error.code] ?? exitCodes.refused;
  return { text: oneLine(textOf(error, attempted, now)), exitCode };
}

/** By its name: the class comes with the whole of gRPC, which a usage error need not wait for. */
function isEnvCliError(error: unknown): error is EnvCliError {
  return error instanceof Error && error.name === 'EnvCliError';
}

function textOf(error: EnvCliError, attempted: Attempted, now: Date): string {
  const told = texts[error.reason];
  if (told !== undefined) return told(error, attempted, now);
  // What a member says tells the next step by itself.
  return saidByMember(error) ? sentences(error.message) : sentences(error.message, error.next);
}

function saidByMember({ details }: EnvCliError): boolean {
  return details.metadata['reason'] !== undefined;
}

type Text = (error: EnvCliError, attempted: Attempted, now: Date) => string;

/** Reasons of which this program can say more than the cluster: it knows its own verbs. */
const texts: Partial<Record<Reason, Text>> = {
  INVALID_FIELD: fieldText,
  TOO_LARGE: fieldText,
  CONDITION_FAILED: conditionText,
  ENVIRONMENT_NOT_FOUND: (error, attempted) => {
    const { atRevision = 0 } = attempted;
    if (atRevision > 0) {
      const name = environmentOf(error, attempted);
      return `there was no environment ${name} at revision ${atRevision}. See 'env-cli history ${name}' for when there was.`;
    }
    const next = attempted.mayCreate === true ? 'Add --create to create it, or see' : 'See';
    return `there is no environment ${environmentOf(error, attempted)}. ${next} 'env-cli list' for those that exist.`;
  },
  ENVIRONMENT_EXISTS: (error, attempted, now) => {
    const name = environmentOf(error, attempted);
    return `${name} exists already${changedText(error, now)}. See 'env-cli get ${name}', or set its variables with 'env-cli set ${name} NAME=value'.`;
  },
  MIRROR_NOT_FOUND: ({ details }) =>
    `there is no mirror ${details.metadata['mirror'] ?? ''}. See 'env-cli mirror list' for those that exist.`,
  UNREACHABLE: ({ message }) =>
    `${message}. Check that the cluster runs ('npm start' starts one here), or name it with --endpoint or ENV_CLI_ENDPOINT.`,
  DEADLINE_EXCEEDED: ({ message }) => `${sentences(message)} See 'env-cli cluster status', or allow more time with --timeout.`,
  OUTCOME_UNKNOWN: (error, attempted) => {
    const name = environmentOf(error, attempted);
    return `${error.message}. Look before you write again${name === '' ? '' : `: 'env-cli history ${name}'`}.`;
  },
  COMPACTED: ({ details: { metadata } }) =>
    `revision ${metadata['asked'] ?? ''} is no longer kept; the oldest that can be read is ${metadata['oldest'] ?? 'newer'}.`,
};

/** The cluster names a place in the request; whoever called this program wrote arguments. */
function fieldText(error: EnvCliError, { environment, variables = [] }: Attempted): string {
  const [violation] = error.details.violations;
  if (violation === undefined) return saidByMember(error) ? sentences(error.message) : sentences(error.message, error.next);
  const { field, description } = violation;
  const index = /^operations\[0\]\.(?:\w+\.)?variables\[(?<index>\d+)\]/.exec(field)?.groups?.['index'];
  const variable = index === undefined ? undefined : variables[Number(index)];
  if (variable !== undefined)
    return sentences(`'${variable}'${field.endsWith('.name') ? '' : ` (${field.split('.').at(-1)})`}: ${description}`);
  const place = environment !== undefined && /^(name|operations\[0\]\.environment)$/.test(field) ? `'${environment}'` : field;
  return sentences(`${place}: ${description}`);
}

function environmentOf({ details }: EnvCliError, { environment = '' }: Attempted): string {
  return details.metadata['environment'] ?? environment;
}

function conditionText(error: EnvCliError, { ifRevision }: Attempted, now: Date): string {
  const facts = error.details.metadata;
  const { environment = '', current_revision: current, current_exists: exists } = facts;
  if (ifRevision === undefined || current === undefined || facts['variable'] !== undefined) return sentences(error.message);
  if (exists === 'false') {
    const since = current === '0' ? 'does not exist' : `was deleted at revision ${current}`;
    return `${environment} ${since}${changedText(error, now)}. See 'env-cli history ${environment}'.`;
  }
  const see =
    ifRevision < Number(current) && ifRevision > 0
      ? `See 'env-cli diff ${environment} ${ifRevision} ${current}'.`
      : `See 'env-cli get ${environment}'.`;
  return `${environment} is at revision ${current}, not ${ifRevision}${changedText(error, now)}. ${see}`;
}

/** ` (changed by alice, 2 minutes ago)`, as far as it is known. */
function changedText({ details: { metadata } }: EnvCliError, now: Date): string {
  const by = metadata['changed_by'];
  if (by === undefined || by === '') return '';
  const at = new Date(metadata['changed_at'] ?? '');
  return ` (changed by ${by}${Number.isNaN(at.getTime()) ? '' : `, ${ago(at, now)}`})`;
}

function sentences(...parts: readonly string[]): string {
  return parts.map((part) => (/[.!?]$/.test(part) ? part : `${part}.`)).join(' ');
}
