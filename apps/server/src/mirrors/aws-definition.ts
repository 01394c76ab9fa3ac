import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationFromMs } from '@bufbuild/protobuf/wkt';
import type { MirrorDefinition, MirrorLayout as LibraryLayout } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';
import { awsDefinition, type AwsStore } from '@env-cli/provider-aws';
import {
  type AwsAccount,
  EmptyValuePolicy,
  MirrorLayout,
  type MirrorSchema,
  type MirrorTarget,
  SsmTier,
  UnfitValuePolicy,
} from '@env-cli/wire';

import { invalid } from '../errors/refused.ts';
import { milliseconds } from '../requests/duration.ts';

/** The parts of a definition that say where it writes. */
export type TargetDefinition = Pick<MirrorDefinition, 'provider' | 'targetKey' | 'options' | 'layout'>;

/** What a mirror to AWS has where it does not say: the `[cloud]` table of the member that is asked. */
export interface AwsDefaults {
  /** Whether mirrors to cloud stores may be made and are delivered to. */
  readonly enabled: boolean;
  /** Each may be empty: then the mirror must say. */
  readonly account: string;
  readonly region: string;
  readonly ssmPrefix: string;
  readonly secretsManagerPrefix: string;
}

type AwsProvider = Extract<MirrorTarget['provider'], { case: 'awsSsm' | 'awsSecretsManager' }>;

const emptyValues = {
  [EmptyValuePolicy.UNSPECIFIED]: 'refuse',
  [EmptyValuePolicy.REFUSE]: 'refuse',
  [EmptyValuePolicy.SKIP]: 'skip',
  [EmptyValuePolicy.REPLACE]: 'replace',
} as const;
const unfitValues = {
  [UnfitValuePolicy.UNSPECIFIED]: 'refuse',
  [UnfitValuePolicy.REFUSE]: 'refuse',
  [UnfitValuePolicy.SKIP]: 'skip',
} as const;
const tiers = { [SsmTier.UNSPECIFIED]: 'auto', [SsmTier.STANDARD]: 'standard', [SsmTier.ADVANCED]: 'advanced' } as const;
const layouts = {
  [MirrorLayout.UNSPECIFIED]: 'per-variable',
  [MirrorLayout.PER_VARIABLE]: 'per-variable',
  [MirrorLayout.BLOB]: 'blob',
} as const;

/** The parts of a definition for a store of AWS. */
export function awsTargetPartOf(provider: AwsProvider, defaults: AwsDefaults): TargetDefinition {
  const place = provider.case === 'awsSsm' ? 'mirror.target.aws_ssm' : 'mirror.target.aws_secrets_manager';
  if (!defaults.enabled) {
    throw invalid(place, 'cannot be used: cloud.enabled is false in the configuration of this member');
  }
  const { value } = provider;
  const common = {
    ...accountOptionsOf(value.account, defaults),
    name_template: value.nameTemplate,
    empty_values: wordOf(emptyValues, value.emptyValues, `${place}.empty_values`),
    empty_replacement: value.emptyReplacement,
    unfit_values: wordOf(unfitValues, value.unfitValues, `${place}.unfit_values`),
    kms_key_id: value.kmsKeyId,
  };
  const layout: LibraryLayout = wordOf(layouts, value.layout, `${place}.layout`);
  try {
    if (provider.case === 'awsSecretsManager') {
      const prefix = value.prefix === '' ? defaults.secretsManagerPrefix : value.prefix;
      const days = provider.value.recoveryDays === 0 ? {} : { recovery_days: String(provider.value.recoveryDays) };
      const interval = writeIntervalOf(provider.value.writeInterval, `${place}.write_interval`);
      return awsDefinition('aws-secrets-manager', layout, { ...common, prefix, ...days, ...interval });
    }
    const { tier, encryptSecretsOnly, highThroughput } = provider.value;
    return awsDefinition('aws-ssm', layout, {
      ...common,
      prefix: value.prefix === '' ? defaults.ssmPrefix : value.prefix,
      tier: wordOf(tiers, tier, `${place}.tier`),
      encryption: encryptSecretsOnly ? 'secrets' : 'all',
      throughput: highThroughput ? 'high' : 'default',
    });
  } catch (error) {
    if (error instanceof TargetError) throw invalid(place, `is no target: ${error.message}`);
    throw error;
  }
}

/** A target at AWS, as an answer shows it. */
export function wireAwsTargetOf(definition: MirrorDefinition): MessageInitShape<typeof MirrorSchema>['target'] & object {
  const option = (key: string) => definition.options.find((found) => found.key === key)?.value ?? '';
  const common = {
    account: {
      accountId: option('account'),
      region: option('region'),
      roleArn: option('role_arn'),
      externalId: option('external_id'),
      sessionName: option('session_name'),
    },
    prefix: option('prefix'),
    layout: definition.layout === 'blob' ? MirrorLayout.BLOB : MirrorLayout.PER_VARIABLE,
    nameTemplate: option('name_template'),
    emptyValues: keyOf(emptyValues, option('empty_values') || 'refuse'),
    emptyReplacement: option('empty_replacement'),
    unfitValues: keyOf(unfitValues, option('unfit_values') || 'refuse'),
    kmsKeyId: option('kms_key_id'),
  };
  if ((definition.provider as AwsStore) === 'aws-secrets-manager') {
    const value = {
      ...common,
      recoveryDays: Number(option('recovery_days') || '30'),
      writeInterval: durationFromMs(Number(option('write_interval_ms') || '600000')),
    };
    return { provider: { case: 'awsSecretsManager', value } };
  }
  const ssm = {
    ...common,
    tier: keyOf(tiers, option('tier') || 'auto'),
    encryptSecretsOnly: option('encryption') === 'secrets',
    highThroughput: option('throughput') === 'high',
  };
  return { provider: { case: 'awsSsm', value: ssm } };
}

function writeIntervalOf(interval: Duration | undefined, field: string): Record<string, string> {
  if (interval === undefined) return {};
  if (interval.seconds >= 86_400n && (interval.seconds > 86_400n || interval.nanos > 0)) {
    throw invalid(field, 'must be at most 24 hours');
  }
  return { write_interval_ms: String(milliseconds(interval, field)) };
}

function accountOptionsOf(account: AwsAccount | undefined, defaults: AwsDefaults): Record<string, string> {
  const { accountId = '', region = '', roleArn = '', externalId = '', sessionName = '' } = account ?? {};
  return {
    // A role says itself of which account it is.
    account: accountId === '' && roleArn === '' ? defaults.account : accountId,
    region: region === '' ? defaults.region : region,
    role_arn: roleArn,
    external_id: externalId,
    session_name: sessionName,
  };
}

function wordOf<T extends string>(words: Readonly<Record<number, T>>, value: number, field: string): T {
  const word = words[value];
  if (word === undefined) throw invalid(field, 'must be one of the values of its enum');
  return word;
}

/** The number of a word; where two have it, the one that is spelled out. */
function keyOf<K extends number>(words: Readonly<Record<K, string>>, word: string): K {
  const keys = (Object.keys(words) as unknown[]).map(Number) as K[];
  return keys.filter((key) => words[key] === word).at(-1) ?? keys[0]!;
}
