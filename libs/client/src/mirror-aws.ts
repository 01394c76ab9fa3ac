import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import {
  type AwsSecretsManagerTarget,
  type AwsSecretsManagerTargetSchema,
  type AwsSsmTarget,
  type AwsSsmTargetSchema,
  EmptyValuePolicy,
  MirrorLayout as WireLayout,
  SsmTier as WireTier,
  UnfitValuePolicy,
} from '@env-cli/wire';

import { EnvCliError } from './error.ts';

/** How many objects an environment is at its target: one a variable, or one JSON object. */
export type MirrorLayout = 'per-variable' | 'blob';

/** What mirrors to both stores of AWS take. What is left out is the cluster's to choose. */
export interface AwsOptions {
  /** 12 digits. Defaults to that of the role, then to the one in the configuration of the member that is asked. */
  readonly accountId?: string;
  /** Defaults to the one in the configuration of the member that is asked. */
  readonly region?: string;
  /** A role to assume. Defaults to none: the members' own credentials are used. */
  readonly roleArn?: string;
  readonly externalId?: string;
  readonly sessionName?: string;
  /** Defaults to the one in the configuration of the member that is asked. */
  readonly prefix?: string;
  /** Defaults to `per-variable`. Fixed once the mirror exists. */
  readonly layout?: MirrorLayout;
  /** Defaults to `{environment}/{variable}`, or `{environment}` in the layout `blob`. Fixed once the mirror exists. */
  readonly nameTemplate?: string;
  /** What is done about an empty value, which both stores refuse. Defaults to `refuse`. */
  readonly emptyValues?: 'refuse' | 'skip' | 'replace';
  /** What an empty value is replaced by. */
  readonly emptyReplacement?: string;
  /** What is done about another value, or a name, that the store does not take. Defaults to `refuse`. */
  readonly unfitValues?: 'refuse' | 'skip';
  readonly kmsKeyId?: string;
}

/** What a mirror to Parameter Store takes. */
export interface AwsSsmOptions extends AwsOptions {
  /** Defaults to `auto`: standard up to 4,096 bytes, advanced above. */
  readonly tier?: 'auto' | 'standard' | 'advanced';
  /** Variables that are no secrets become String parameters. Defaults to false. */
  readonly encryptSecretsOnly?: boolean;
  /** The account's "higher throughput" setting is on. Defaults to false. */
  readonly highThroughput?: boolean;
}

/** What a mirror to Secrets Manager takes. */
export interface AwsSecretsManagerOptions extends AwsOptions {
  /** Days for which a deleted secret can be restored: 7 to 30. Defaults to 30. */
  readonly recoveryDays?: number;
  /**
   * How often one secret is written in the long run, in milliseconds: after 20 writes at once, once in this time, with what is newest by
   * then. 0 to 86,400,000 (24 hours); 0: as often as it changes. Defaults to 600,000 (10 minutes), as AWS recommends.
   */
  readonly writeIntervalMs?: number;
}

/** What holds where a mirror does not say, as AWS recommends: 10 minutes. */
const writeIntervalMsDefault = 600_000;

const emptyPolicies = {
  refuse: EmptyValuePolicy.REFUSE,
  skip: EmptyValuePolicy.SKIP,
  replace: EmptyValuePolicy.REPLACE,
} as const;
const unfitPolicies = { refuse: UnfitValuePolicy.REFUSE, skip: UnfitValuePolicy.SKIP } as const;
const tiers = { auto: WireTier.UNSPECIFIED, standard: WireTier.STANDARD, advanced: WireTier.ADVANCED } as const;

type WireCommon = Pick<
  AwsSsmTarget,
  'account' | 'prefix' | 'layout' | 'nameTemplate' | 'emptyValues' | 'emptyReplacement' | 'unfitValues' | 'kmsKeyId'
>;

function wireCommon(options: AwsOptions) {
  const { accountId = '', region = '', roleArn = '', externalId = '', sessionName = '', prefix = '' } = options;
  const { nameTemplate = '', emptyReplacement = '', kmsKeyId = '' } = options;
  return {
    account: { accountId, region, roleArn, externalId, sessionName },
    prefix,
    layout: options.layout === 'blob' ? WireLayout.BLOB : WireLayout.PER_VARIABLE,
    nameTemplate,
    emptyValues: emptyPolicies[options.emptyValues ?? 'refuse'],
    emptyReplacement,
    unfitValues: unfitPolicies[options.unfitValues ?? 'refuse'],
    kmsKeyId,
  };
}

function commonOf(target: WireCommon): Required<AwsOptions> {
  const { accountId = '', region = '', roleArn = '', externalId = '', sessionName = '' } = target.account ?? {};
  const { prefix, nameTemplate, emptyReplacement, kmsKeyId } = target;
  return {
    accountId,
    region,
    roleArn,
    externalId,
    sessionName,
    prefix,
    layout: target.layout === WireLayout.BLOB ? 'blob' : 'per-variable',
    nameTemplate,
    emptyValues: wordOf(emptyPolicies, target.emptyValues, 'refuse'),
    emptyReplacement,
    unfitValues: wordOf(unfitPolicies, target.unfitValues, 'refuse'),
    kmsKeyId,
  };
}

export function wireSsm(options: AwsSsmOptions): MessageInitShape<typeof AwsSsmTargetSchema> {
  const { tier = 'auto', encryptSecretsOnly = false, highThroughput = false } = options;
  return { ...wireCommon(options), tier: tiers[tier], encryptSecretsOnly, highThroughput };
}

export function ssmOf(target: AwsSsmTarget): Required<AwsSsmOptions> {
  const { encryptSecretsOnly, highThroughput } = target;
  return { ...commonOf(target), tier: wordOf(tiers, target.tier, 'auto'), encryptSecretsOnly, highThroughput };
}

export function wireSecretsManager(options: AwsSecretsManagerOptions): MessageInitShape<typeof AwsSecretsManagerTargetSchema> {
  const { recoveryDays = 0, writeIntervalMs } = options;
  if (writeIntervalMs === undefined) return { ...wireCommon(options), recoveryDays };
  if (!Number.isSafeInteger(writeIntervalMs) || writeIntervalMs < 0) {
    const message = `writeIntervalMs is a whole number of milliseconds, 0 or more, not ${writeIntervalMs}`;
    throw new EnvCliError({ reason: 'INVALID_FIELD', message });
  }
  return { ...wireCommon(options), recoveryDays, writeInterval: durationFromMs(writeIntervalMs) };
}

export function secretsManagerOf(target: AwsSecretsManagerTarget): Required<AwsSecretsManagerOptions> {
  const { recoveryDays, writeInterval } = target;
  const writeIntervalMs = writeInterval === undefined ? writeIntervalMsDefault : durationMs(writeInterval);
  return { ...commonOf(target), recoveryDays, writeIntervalMs };
}

function wordOf<T extends string>(words: Readonly<Record<T, number>>, value: number, otherwise: T): T {
  return (Object.keys(words) as T[]).find((word) => words[word] === value) ?? otherwise;
}
