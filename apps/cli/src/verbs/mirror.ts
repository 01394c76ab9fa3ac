import type {
  DriftPolicy,
  EnvironmentDelivery,
  FileFormat,
  Mirror,
  MirrorDefinition,
  MirrorLayout,
  MirrorTarget,
  WithdrawalPolicy,
} from '@env-cli/client';
import { resolve } from 'node:path';

import { CliError, exitCodes, usageError } from '../cli-error.ts';
import { readOptions, withClient, type Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import { printedAsData } from '../structured.ts';
import { cell, table, type Column } from '../table.ts';
import { count, moment } from '../text.ts';
import { stuckText } from '../stuck-text.ts';
import type { Style } from '../style.ts';

export interface MirrorFlags {
  readonly file?: string;
  readonly format?: FileFormat;
  readonly prefix?: string;
  readonly selector?: string;
  readonly withdrawal?: WithdrawalPolicy;
  readonly drift?: DriftPolicy;
  readonly deleteBrake?: number;
  readonly awsSsm?: true;
  readonly awsSecretsManager?: true;
  readonly account?: string;
  readonly region?: string;
  readonly roleArn?: string;
  readonly externalId?: string;
  readonly sessionName?: string;
  readonly targetPrefix?: string;
  readonly layout?: MirrorLayout;
  readonly nameTemplate?: string;
  readonly emptyValues?: 'refuse' | 'skip' | 'replace';
  readonly emptyReplacement?: string;
  readonly unfitValues?: 'refuse' | 'skip';
  readonly kmsKeyId?: string;
  readonly tier?: 'auto' | 'standard' | 'advanced';
  readonly encryptSecretsOnly?: boolean;
  readonly highThroughput?: boolean;
  readonly recoveryDays?: number;
  readonly writeInterval?: number;
}

const listColumns: readonly Column[] = [
  { title: 'NAME' },
  { title: 'TARGET', wraps: true },
  { title: 'PREFIX', optional: true },
  { title: 'SELECTOR', optional: true, wraps: true },
  { title: 'WITHDRAWAL' },
  { title: 'DRIFT' },
  { title: 'BRAKE', align: 'right' },
  { title: 'STATE', optional: true },
];

const statusColumns: readonly Column[] = [
  { title: 'ENVIRONMENT' },
  { title: 'VARIABLE', optional: true },
  { title: 'STATE' },
  { title: 'DELIVERED', align: 'right' },
  { title: 'PENDING', align: 'right', optional: true },
  { title: 'ATTEMPTS', align: 'right', optional: true },
  { title: 'NEXT ATTEMPT', optional: true },
  { title: 'ERROR', optional: true, wraps: true },
];

const planColumns: readonly Column[] = [
  { title: 'ENVIRONMENT' },
  { title: 'KEY', wraps: true },
  { title: 'ACTION' },
  { title: 'BYTES', align: 'right' },
  { title: 'NOTE', optional: true, wraps: true },
];

/** `env-cli mirror create NAME` with `--file DIRECTORY`, `--aws-ssm` or `--aws-secrets-manager`. */
export async function create(at: Invocation, name: string, flags: MirrorFlags): Promise<void> {
  const target = targetOf(flags);
  const answer = await withClient(at, (client) => client.mirrors.create({ ...changesOf(flags), name, target }));
  await confirm(at, answer, `Mirror ${name} writes to ${targetText(answer.mirror)} from now on.`);
}

/** `env-cli mirror update NAME`: what no flag names stays as it is. */
export async function update(at: Invocation, name: string, flags: MirrorFlags): Promise<void> {
  const changes = changesOf(flags);
  const { writeInterval: writeIntervalMs } = flags;
  if (Object.keys(changes).length === 0 && writeIntervalMs === undefined) {
    throw usageError('nothing to change: give --prefix, --selector, --withdrawal, --drift, --delete-brake or --write-interval');
  }
  const answer = await withClient(at, async (client) => {
    const { mirrors } = await client.mirrors.list({ consistency: 'strong' });
    const found = mirrors.find((mirror) => mirror.name === name);
    if (found === undefined) {
      throw new CliError(exitCodes.notFound, `there is no mirror ${name}. See 'env-cli mirror list' for those that exist.`);
    }
    if (writeIntervalMs === undefined) return await client.mirrors.update({ ...found, ...changes });
    const { target } = found;
    if (target.provider === 'aws-secrets-manager') {
      return await client.mirrors.update({ ...found, ...changes, target: { ...target, writeIntervalMs } });
    }
    throw usageError(`--write-interval does not go with ${name}, which is no mirror to Secrets Manager`);
  });
  await confirm(at, answer, `Mirror ${name} is changed.`);
}

/** `env-cli mirror delete NAME`. */
export async function remove(at: Invocation, name: string, abandon: boolean): Promise<void> {
  const answer = await withClient(at, (client) => client.mirrors.delete(name, { abandon }));
  const rest = abandon ? 'what it wrote stays where it is' : 'what it wrote is withdrawn or left, as its policy says';
  await confirm(at, answer, `Mirror ${name} is deleted; ${rest}.`);
}

/** `env-cli mirror retry NAME [ENVIRONMENT]`. */
export async function retry(at: Invocation, name: string, environment: string | undefined): Promise<void> {
  const options = environment === undefined ? {} : { environment };
  const answer = await withClient(at, (client) => client.mirrors.retry(name, options));
  const what = environment === undefined ? 'what failed' : environment;
  await confirm(at, answer, answer.changed ? `Mirror ${name} delivers ${what} again.` : `Nothing of ${what} had failed.`);
}

/** `env-cli mirror pause NAME`. */
export async function pause(at: Invocation, name: string): Promise<void> {
  const answer = await withClient(at, (client) => client.mirrors.pause(name));
  await confirm(at, answer, `Mirror ${name} is paused. What becomes due is kept until 'env-cli mirror resume ${name}'.`);
}

/** `env-cli mirror resume NAME`. */
export async function resume(at: Invocation, name: string): Promise<void> {
  const answer = await withClient(at, (client) => client.mirrors.resume(name));
  await confirm(at, answer, `Mirror ${name} delivers again.`);
}

/** `env-cli mirror list`. */
export async function list(at: Invocation): Promise<void> {
  const answer = await withClient(at, (client) => client.mirrors.list(readOptions(at)));
  if (await printedAsData(at, answer)) return;
  const rows = answer.mirrors.map((mirror) => [
    cell(mirror.name),
    cell(targetText(mirror)),
    cell(mirror.prefix),
    cell(mirror.selector),
    mirror.withdrawal,
    mirror.drift,
    `${mirror.deleteBrakePercent} %`,
    standingText(mirror, at.style),
  ]);
  if (rows.length > 0) await print(at.io, table(listColumns, rows, at));
  else
    await say(
      at.io,
      `Namespace ${at.settings.namespace} has no mirror. Define one: 'env-cli mirror create NAME --file DIRECTORY'.`,
    );
}

/** What is to be known of a mirror beside what it is; empty when nothing waits and nothing failed. */
function standingText({ deleting, paused, pendingCount, failedCount }: Mirror, style: Style): string {
  return [
    ...(deleting ? [style.yellow('deleting')] : []),
    ...(paused ? [style.yellow('paused')] : []),
    ...(failedCount > 0 ? [style.red(`${failedCount} failed`)] : []),
    ...(pendingCount > 0 ? [style.yellow(`${pendingCount} pending`)] : []),
  ].join(', ');
}

/** `env-cli mirror status NAME`. */
export async function status(at: Invocation, name: string): Promise<void> {
  const environments: EnvironmentDelivery[] = [];
  const last = await withClient(at, async (client) => {
    const totals = { pendingCount: 0, failedCount: 0, deliveredRevision: 0, deleting: false, paused: false };
    for await (const page of client.mirrors.status(name).pages()) {
      environments.push(...page.items);
      totals.pendingCount = page.pendingCount;
      totals.deliveredRevision = page.deliveredRevision;
      // While withdrawals wait, what failed before is among them.
      totals.failedCount = page.mirror.deleting && page.pendingCount > 0 ? 0 : page.mirror.failedCount;
      totals.deleting = page.mirror.deleting;
      totals.paused = page.mirror.paused;
    }
    return totals;
  });
  if (await printedAsData(at, { ...last, environments })) return;
  const rows = environments.flatMap((delivery) => statusRows(delivery, at.style));
  if (rows.length > 0) await print(at.io, table(statusColumns, rows, at));
  await say(at.io, `Mirror ${name}: ${standing(last, environments)}.`);
  if (last.failedCount > 0) {
    await say(at.io, `Mend what is said of ${last.failedCount === 1 ? 'it' : 'them'}, then 'env-cli mirror retry ${name}'.`);
  }
  if (last.paused) await say(at.io, `It is paused: 'env-cli mirror resume ${name}' lets it go on.`);
}

interface Totals {
  readonly pendingCount: number;
  readonly failedCount: number;
  readonly deliveredRevision: number;
  readonly deleting: boolean;
}

/** How a mirror is, in a sentence. A revision is named only where something was delivered. */
function standing(
  { pendingCount, failedCount, deliveredRevision, deleting }: Totals,
  environments: readonly EnvironmentDelivery[],
): string {
  const failed = failedCount === 0 ? '' : `; ${count(failedCount, 'environment')} failed for good`;
  if (deleting) return `it is being deleted; ${count(pendingCount, 'environment')} to be withdrawn${failed}`;
  const pending = pendingCount === 0 ? 'nothing is to be delivered' : `${count(pendingCount, 'environment')} to be delivered`;
  if (failedCount > 0) return `${pending}${failed}`;
  if (environments.every((delivery) => delivery.deliveredRevision === 0)) return `${pending}; nothing was delivered yet`;
  if (deliveredRevision === 0) return `${pending}; up to which revision everything is delivered is not known now`;
  return `${pending}; everything is delivered up to revision ${deliveredRevision}`;
}

/** A line an environment, and one a variable that is not as it should be. */
function statusRows(delivery: EnvironmentDelivery, style: Style): string[][] {
  const { deliveredRevision, pendingRevision, attempts } = delivery;
  const first = [
    cell(delivery.environment),
    '',
    stateText(delivery.state, style),
    nonZero(deliveredRevision) || '-',
    nonZero(pendingRevision),
    nonZero(attempts),
    moment(delivery.nextAttemptTime),
    cell(withoutCause(delivery)),
  ];
  const others = delivery.variables
    .filter(({ state }) => state !== 'synced')
    .map(({ name, state, error }) => ['', cell(name), stateText(state, style), '', '', '', '', cell(error)]);
  return [first, ...others];
}

/** What is wrong with an environment, without the cause where the line of a variable says it. */
function withoutCause({ error, variables }: EnvironmentDelivery): string {
  const ends = variables.map(({ name, error: cause }) => (cause === '' ? -1 : error.indexOf(`: ${name}: ${cause}`)));
  const end = ends.find((at) => at > 0);
  return end === undefined ? error : error.slice(0, end);
}

function nonZero(number: number): string {
  return number === 0 ? '' : String(number);
}

function stateText(state: EnvironmentDelivery['state'], style: Style): string {
  if (state === 'synced') return style.green(state);
  return state === 'pending' ? style.yellow(state) : style.red(state);
}

/** `env-cli mirror plan NAME [ENVIRONMENT]`. */
export async function plan(at: Invocation, name: string, environment: string | undefined): Promise<void> {
  const answer = await withClient(at, (client) => client.mirrors.plan(name, environment === undefined ? {} : { environment }));
  if (await printedAsData(at, answer)) return;
  const rows = answer.items.map(({ environment: of, key, action, valueBytes, note }) => [
    cell(of),
    cell(key),
    action,
    String(valueBytes),
    cell(note),
  ]);
  if (rows.length > 0) await print(at.io, table(planColumns, rows, at));
  const changes = answer.items.filter(({ action }) => action !== 'unchanged').length;
  await say(
    at.io,
    `${count(answer.items.length, 'key')}; ${changes === 0 ? 'none' : changes} to be changed. Nothing was written.`,
  );
  if (answer.truncated) await say(at.io, 'Environments beyond the first 100 were left out: name one to see its plan.');
}

/** `env-cli mirror wait [NAME…]`: exit code 5 when some are still behind at the time-out, 1 at once when one waits for somebody. */
export async function wait(
  at: Invocation,
  names: readonly string[],
  { atRevision = 0 }: { readonly atRevision?: number },
): Promise<void> {
  const answer = await withClient(at, (client) =>
    client.mirrors.wait({ names, revision: atRevision, timeoutMs: at.settings.timeoutMs }),
  );
  const isData = await printedAsData(at, answer);
  const what = atRevision === 0 ? 'the newest revision' : `revision ${atRevision}`;
  if (answer.stuck.length > 0) {
    throw new CliError(exitCodes.refused, `not all mirrors hold ${what}. ${stuckText(answer.stuck)}`);
  }
  if (answer.behind.length > 0) {
    const which = answer.behind.join(', ');
    throw new CliError(
      exitCodes.unavailable,
      `not all mirrors hold ${what} after ${at.settings.timeoutMs / 1000} s: ${which}. See 'env-cli mirror status ${answer.behind[0]}'.`,
    );
  }
  if (!isData) await say(at.io, `All of them hold ${what}.`);
}

function changesOf(flags: MirrorFlags): Partial<Omit<MirrorDefinition, 'name' | 'target'>> {
  const { prefix, selector, withdrawal, drift, deleteBrake: deleteBrakePercent } = flags;
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(selector === undefined ? {} : { selector }),
    ...(withdrawal === undefined ? {} : { withdrawal }),
    ...(drift === undefined ? {} : { drift }),
    ...(deleteBrakePercent === undefined ? {} : { deleteBrakePercent }),
  };
}

function targetText({ target }: Mirror): string {
  switch (target.provider) {
    case 'file':
      return `file:${target.directory} (${target.format})`;
    case 'aws-ssm':
    case 'aws-secrets-manager':
      return `${target.provider}:${target.accountId}/${target.region}:${target.prefix} (${target.layout})`;
    case 'unknown':
    default:
      return 'a target that this program is too old for';
  }
}

function targetOf(flags: MirrorFlags): MirrorTarget {
  const given = [flags.file !== undefined, flags.awsSsm === true, flags.awsSecretsManager === true].filter(Boolean).length;
  if (given === 0) throw usageError('a mirror needs a target: --file DIRECTORY, --aws-ssm or --aws-secrets-manager');
  if (given > 1) throw usageError('a mirror has one target: --file, --aws-ssm or --aws-secrets-manager');
  const kind = flags.file !== undefined ? 'file' : flags.awsSsm === true ? 'aws-ssm' : 'aws-secrets-manager';
  for (const [flag, kinds] of Object.entries(flagsOfTargets)) {
    if (flags[flag as keyof MirrorFlags] === undefined || kinds.includes(kind)) continue;
    throw usageError(`--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} does not go with --${kind}`);
  }
  if (kind === 'file') return { provider: 'file', directory: resolve(flags.file!), format: flags.format ?? 'dotenv' };
  const { account: accountId, targetPrefix: prefix, region, roleArn, externalId, sessionName, layout, nameTemplate } = flags;
  const { emptyValues, emptyReplacement, unfitValues, kmsKeyId, tier, encryptSecretsOnly, highThroughput, recoveryDays } = flags;
  const { writeInterval: writeIntervalMs } = flags;
  const common = onlyGiven({ accountId, prefix, region, roleArn, externalId, sessionName, layout, nameTemplate });
  const policy = onlyGiven({ emptyValues, emptyReplacement, unfitValues, kmsKeyId });
  if (kind === 'aws-ssm') {
    return { provider: kind, ...common, ...policy, ...onlyGiven({ tier, encryptSecretsOnly, highThroughput }) };
  }
  return { provider: kind, ...common, ...policy, ...onlyGiven({ recoveryDays, writeIntervalMs }) };
}

const aws = ['aws-ssm', 'aws-secrets-manager'];

/** Which flags say something of which targets. */
const flagsOfTargets: Readonly<Partial<Record<keyof MirrorFlags, readonly string[]>>> = {
  format: ['file'],
  account: aws,
  region: aws,
  roleArn: aws,
  externalId: aws,
  sessionName: aws,
  targetPrefix: aws,
  layout: aws,
  nameTemplate: aws,
  emptyValues: aws,
  emptyReplacement: aws,
  unfitValues: aws,
  kmsKeyId: aws,
  tier: ['aws-ssm'],
  encryptSecretsOnly: ['aws-ssm'],
  highThroughput: ['aws-ssm'],
  recoveryDays: ['aws-secrets-manager'],
  writeInterval: ['aws-secrets-manager'],
};

/** What was given, without what was not. */
function onlyGiven<T extends Record<string, unknown>>(options: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: NonNullable<T[Key]>;
  };
}

async function confirm(at: Invocation, answer: unknown, sentence: string): Promise<void> {
  if (!(await printedAsData(at, answer))) await say(at.io, sentence);
}
