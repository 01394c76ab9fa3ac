import type { SetOptions, Updates, VariableType, VariableUpdate, WriteAnswer, WriteOptions } from '@env-cli/client';

import { readAssignments } from '../assignments.ts';
import { withClient, type Invocation } from '../invocation.ts';
import { say } from '../io.ts';
import { printedAsData } from '../structured.ts';
import { stuckText } from '../stuck-text.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';

/** What every verb that writes takes. */
export interface WriteFlags {
  readonly ifRevision?: number;
  readonly reason?: string;
}

export interface SetFlags extends WriteFlags {
  readonly create?: boolean;
  readonly secret?: boolean;
  readonly type?: VariableType;
  readonly comment?: string;
  readonly literal?: boolean;
  readonly wait?: 'mirrored';
}

/** `env-cli set ENVIRONMENT NAME=value…`. */
export async function set(at: Invocation, environment: string, assignments: readonly string[], flags: SetFlags): Promise<void> {
  const values = await readAssignments(assignments, at.io, { literal: flags.literal === true });
  at.about = { environment, ifRevision: flags.ifRevision, mayCreate: true, variables: Object.keys(values) };
  const variables = updatesOf(values, flags);
  const options = { ...setOptions(flags), ...(flags.wait === undefined ? {} : { awaitMirrors: {} }) };
  const answer = await withClient(at, (client) => client.environments.set(environment, variables, options));
  await confirm(at, answer, `${environment} is at revision ${answer.revision}`);
  if (answer.mirrorsBehind.length === 0) return;
  if (answer.mirrorsStuck.length > 0) {
    throw new CliError(exitCodes.refused, `it is written, but not mirrored. ${stuckText(answer.mirrorsStuck)}`);
  }
  const behind = answer.mirrorsBehind.map((name) => `'env-cli mirror status ${name}'`).join(' and ');
  throw new CliError(exitCodes.unavailable, `it is written, but not every mirror holds it after 30 s. See ${behind} for why.`);
}

/** `env-cli unset ENVIRONMENT NAME…`. */
export async function unset(at: Invocation, environment: string, names: readonly string[], flags: WriteFlags): Promise<void> {
  const assignment = names.find((name) => name.includes('='));
  // Without its value, which may be a secret.
  if (assignment !== undefined)
    throw usageError(`'${assignment.slice(0, assignment.indexOf('='))}=…' is no name: unset takes names alone`);
  at.about = { environment, ifRevision: flags.ifRevision };
  const answer = await withClient(at, (client) => client.environments.unset(environment, names, setOptions(flags)));
  await confirm(at, answer, `${environment} is at revision ${answer.revision}`);
}

/** `env-cli create ENVIRONMENT [NAME=value…]`. */
export async function create(
  at: Invocation,
  environment: string,
  assignments: readonly string[],
  flags: SetFlags & { readonly label?: Readonly<Record<string, string>>; readonly description?: string },
): Promise<void> {
  const values = await readAssignments(assignments, at.io, { literal: flags.literal === true });
  at.about = { environment, variables: Object.keys(values) };
  const { label = {}, description = '', reason = '' } = flags;
  const answer = await withClient(at, (client) =>
    client.environments.create(environment, { variables: updatesOf(values, flags), labels: label, description, reason }),
  );
  await confirm(at, answer, `${environment} was created at revision ${answer.revision}`);
}

/** `env-cli delete ENVIRONMENT`. */
export async function remove(at: Invocation, environment: string, flags: WriteFlags): Promise<void> {
  at.about = { environment, ifRevision: flags.ifRevision };
  const answer = await withClient(at, (client) => client.environments.delete(environment, setOptions(flags)));
  await confirm(at, answer, `${environment} was deleted at revision ${answer.revision}; its history stays until it is compacted`);
}

function updatesOf(values: Readonly<Record<string, string>>, { secret, type, comment }: SetFlags): Updates {
  const marks: Omit<VariableUpdate, 'value'> = {
    ...(secret === undefined ? {} : { secret }),
    ...(type === undefined ? {} : { type }),
    ...(comment === undefined ? {} : { comment }),
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, ...marks }]));
}

export function setOptions({
  ifRevision,
  reason,
  create: createIfAbsent,
}: WriteFlags & { readonly create?: boolean }): SetOptions & WriteOptions {
  return {
    ...(ifRevision === undefined ? {} : { ifRevision }),
    ...(reason === undefined ? {} : { reason }),
    ...(createIfAbsent === undefined ? {} : { createIfAbsent }),
  };
}

/** The answer of a write is data for a program, and a sentence for a person. */
export async function confirm(at: Invocation, answer: WriteAnswer, sentence: string): Promise<void> {
  if (!(await printedAsData(at, answer))) await say(at.io, answer.changed ? `${sentence}.` : 'Nothing was to be changed.');
}
