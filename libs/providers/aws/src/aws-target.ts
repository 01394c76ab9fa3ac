import type { MirrorDefinition, MirrorLayout, MirrorOption } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';

import { defaultTemplates, NameTemplate } from './name-template.ts';
import { type AwsStore, targetOptions } from './target-options.ts';

/** The parts of a definition that say where a mirror to AWS writes. */
export type AwsDefinition = Pick<MirrorDefinition, 'provider' | 'targetKey' | 'options' | 'layout'>;

/** The account of a mirror, and the way into it. */
export interface AwsPlace {
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
  /** The role to assume; empty: the member's own credentials are used. */
  readonly roleArn: string;
  /** What the role's owner asks for; empty: nothing. */
  readonly externalId: string;
  /** How the account's trail names us; empty: by the mirror. */
  readonly sessionName: string;
}

/** Where a mirror writes, and how. */
export interface AwsTarget extends AwsPlace {
  /** Before every name, with a `/` at its end; for Secrets Manager it may be empty. */
  readonly prefix: string;
  readonly layout: MirrorLayout;
  readonly names: NameTemplate;
  readonly emptyValues: 'refuse' | 'skip' | 'replace';
  readonly emptyReplacement: string;
  /** What is done about a value or a name that the store does not take. */
  readonly unfitValues: 'refuse' | 'skip';
  /** Empty: the account's own key for the store. */
  readonly kmsKeyId: string;
  /** The rest, by key; each has a value that is allowed. */
  readonly more: Readonly<Record<string, string>>;
}

export function isAwsStore(provider: string): provider is AwsStore {
  return Object.hasOwn(targetOptions, provider);
}

/**
 * A definition's parts for a store. `values` are options by key; what is left out has its default. Throws {@link TargetError}
 * (`refused`) for whatever makes no target.
 */
export function awsDefinition(provider: AwsStore, layout: MirrorLayout, values: Readonly<Record<string, string>>): AwsDefinition {
  const table = targetOptions[provider];
  const unknown = Object.keys(values).find((key) => !table.some((row) => row.key === key));
  if (unknown !== undefined) throw refused(`a mirror to ${provider} has no option ${unknown}`);
  const given = { ...values };
  const roleAccount = /^arn:[a-z-]+:iam::(\d{12}):/.exec(given['role_arn'] ?? '')?.[1];
  if (roleAccount !== undefined) given['account'] ||= roleAccount;
  if (given['account'] === '' || given['account'] === undefined) {
    throw refused(
      'the account is not known: give its 12 digits (aws sts get-caller-identity shows them), in the mirror or as cloud.providers.aws.account_id',
    );
  }
  if (roleAccount !== undefined && roleAccount !== given['account']) {
    throw refused(`the role is of account ${roleAccount}, and the mirror of account ${given['account']}`);
  }
  if ((given['region'] ?? '') === '') {
    throw refused('the region is not known: give it in the mirror or as cloud.providers.aws.region');
  }
  given['prefix'] = prefixOf(provider, given['prefix'] ?? '');
  const options: MirrorOption[] = [];
  for (const row of table) {
    const value = given[row.key] ?? row.default ?? '';
    if (!row.isValid(value)) throw refused(`the option ${row.key} must be ${row.allowed}`);
    if (row.default === null || value !== row.default) options.push({ key: row.key, value });
  }
  const definition = {
    provider,
    targetKey: targetKeyOf(provider, given['account'], given['region']!, given['prefix']),
    options: options.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    layout,
  };
  awsTargetOf(definition);
  return definition;
}

/** What a definition says. Throws {@link TargetError} (`refused`) when it says nothing that can be used. */
export function awsTargetOf({ provider, options, layout }: Pick<MirrorDefinition, 'provider' | 'options' | 'layout'>): AwsTarget {
  if (!isAwsStore(provider)) throw refused(`${provider} is no store of AWS`);
  const more: Record<string, string> = {};
  for (const row of targetOptions[provider]) {
    const value = options.find(({ key }) => key === row.key)?.value ?? row.default;
    if (value === null || !row.isValid(value)) throw refused(`the option ${row.key} must be ${row.allowed}`);
    more[row.key] = value;
  }
  const unknown = options.find(({ key }) => !Object.hasOwn(more, key));
  if (unknown !== undefined) throw refused(`a mirror to ${provider} has no option ${unknown.key}`);
  const emptyReplacement = more['empty_replacement']!;
  if (more['empty_values'] === 'replace' && emptyReplacement === '') {
    throw refused('empty values can only be replaced by something: give empty_replacement');
  }
  const template = more['name_template'] === '' ? defaultTemplates[layout] : more['name_template']!;
  const prefix = more['prefix']!;
  return {
    account: more['account']!,
    region: more['region']!,
    roleArn: more['role_arn']!,
    externalId: more['external_id']!,
    sessionName: more['session_name']!,
    prefix,
    layout,
    names: new NameTemplate(prefix, template, layout),
    emptyValues: more['empty_values'] as AwsTarget['emptyValues'],
    emptyReplacement,
    unfitValues: more['unfit_values'] as AwsTarget['unfitValues'],
    kmsKeyId: more['kms_key_id']!,
    more,
  };
}

/** A prefix as it is kept: whole folders, so that one mirror's prefix is never the beginning of another's name. */
function prefixOf(provider: AwsStore, written: string): string {
  const folders = written.split('/').filter((part) => part !== '');
  const path = folders.length === 0 ? '' : `${folders.join('/')}/`;
  if (provider === 'aws-secrets-manager') return path;
  if (/^(aws|ssm)/i.test(path)) throw refused(`the prefix ${written} cannot be used: AWS keeps names that begin with aws or ssm`);
  if (/[+=@]/.test(path)) throw refused(`the prefix ${written} must be letters, digits and _.-/`);
  return `/${path}`;
}

function targetKeyOf(provider: AwsStore, account: string, region: string, prefix: string): string {
  const folders = prefix.split('/').filter((part) => part !== '');
  return [provider, account, region, ...folders].join('/');
}

function refused(message: string): TargetError {
  return new TargetError('refused', message);
}
