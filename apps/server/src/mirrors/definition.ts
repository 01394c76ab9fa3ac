import type { MirrorDefinition, MirrorRow } from '@env-cli/mirroring';
import { formatLabelSelector } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';
import { isAwsStore } from '@env-cli/provider-aws';
import { fileDefinition, fileProviderName, fileTargetOf } from '@env-cli/provider-file';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  DriftPolicy,
  FileFormat,
  type FileTarget,
  type Mirror,
  MirrorSchema,
  type MirrorTarget,
  WithdrawalPolicy,
} from '@env-cli/wire';

import { invalid } from '../errors/refused.ts';
import { selectorOf } from '../requests/selector.ts';
import { type AwsDefaults, awsTargetPartOf, type TargetDefinition, wireAwsTargetOf } from './aws-definition.ts';

/** The share of a target's keys that one delivery may delete, in percent, when a mirror states none. */
const deleteBrakePercentDefault = 50;

/** The definition that a mirror of a request describes. `kept`: where it writes so far, unless the request says so itself; null: it is new. */
export function definitionOf(mirror: Mirror, kept: TargetDefinition | null, defaults: AwsDefaults): MirrorDefinition {
  const brake = mirror.deleteBrakePercent ?? deleteBrakePercentDefault;
  if (brake < 0 || brake > 100) throw invalid('mirror.delete_brake_percent', 'must be 0 to 100');
  return {
    name: mirror.name,
    prefix: mirror.prefix,
    labels: selectorOf(mirror.selector, 'mirror.selector'),
    ...targetOf(mirror.target, kept, defaults),
    onLeave: leavePolicyOf(mirror.withdrawal),
    onDrift: driftPolicyOf(mirror.drift),
    deleteShareMaxPercent: brake,
    // An update leaves it as it is, whatever it says.
    paused: false,
  };
}

/** Where a mirror writes. */
export function keptOf({ provider, targetKey, options, layout }: MirrorDefinition): TargetDefinition {
  return { provider, targetKey, options, layout };
}

/** A mirror as it is kept, as an answer shows it. */
export function wireMirrorOf(mirror: MirrorRow): Mirror {
  const { namespace, definition, createRevision, modifyRevision, deleting, pendingCount, failedCount } = mirror;
  return create(MirrorSchema, {
    namespace,
    name: definition.name,
    prefix: definition.prefix,
    selector: formatLabelSelector(definition.labels),
    ...wireTargetOf(definition),
    withdrawal: definition.onLeave === 'leave' ? WithdrawalPolicy.LEAVE : WithdrawalPolicy.DELETE,
    drift: driftPolicies[definition.onDrift],
    deleteBrakePercent: definition.deleteShareMaxPercent,
    createRevision: BigInt(createRevision),
    modifyRevision: BigInt(modifyRevision),
    deleting,
    paused: definition.paused,
    pendingCount: BigInt(pendingCount),
    failedCount: BigInt(failedCount),
  });
}

const driftPolicies = {
  overwrite: DriftPolicy.OVERWRITE,
  report: DriftPolicy.REPORT,
  import: DriftPolicy.IMPORT,
} as const;

function wireTargetOf(definition: MirrorDefinition): Pick<MessageInitShape<typeof MirrorSchema>, 'target'> {
  if (definition.provider === fileProviderName) return { target: wireFileTargetOf(definition) };
  return isAwsStore(definition.provider) ? { target: wireAwsTargetOf(definition) } : {};
}

function wireFileTargetOf(definition: MirrorDefinition): MessageInitShape<typeof MirrorSchema>['target'] & object {
  const { directory, format } = fileTargetOf(definition);
  return { provider: { case: 'file', value: { directory, format: format === 'json' ? FileFormat.JSON : FileFormat.DOTENV } } };
}

function targetOf(target: MirrorTarget | undefined, kept: TargetDefinition | null, defaults: AwsDefaults): TargetDefinition {
  const provider = target?.provider;
  switch (provider?.case) {
    case 'file':
      return fileTargetPartOf(provider.value);
    case 'awsSsm':
    case 'awsSecretsManager':
      return settled(awsTargetPartOf(provider, defaults), kept);
    case undefined:
    default:
      if (kept === null) throw invalid('mirror.target', 'must name a provider: file, aws_ssm or aws_secrets_manager');
      return { provider: kept.provider, targetKey: kept.targetKey, options: kept.options, layout: kept.layout };
  }
}

/** The names of what a mirror wrote follow from its layout and template: under others it would not find its own again. */
function settled(target: TargetDefinition, kept: TargetDefinition | null): TargetDefinition {
  if (kept === null || kept.targetKey !== target.targetKey) return target;
  if (kept.layout !== target.layout) throw invalid('mirror.target', 'must keep its layout: delete the mirror and create another');
  if (templateOf(kept) === templateOf(target)) return target;
  throw invalid('mirror.target', 'must keep its name_template: delete the mirror and create another');
}

function templateOf({ options }: TargetDefinition): string {
  return options.find(({ key }) => key === 'name_template')?.value ?? '';
}

function fileTargetPartOf({ directory, format }: FileTarget): TargetDefinition {
  try {
    return fileDefinition(directory, formatOf(format));
  } catch (error) {
    if (error instanceof TargetError) throw invalid('mirror.target.file.directory', error.message);
    throw error;
  }
}

function formatOf(format: FileFormat): 'dotenv' | 'json' {
  if (format === FileFormat.UNSPECIFIED || format === FileFormat.DOTENV) return 'dotenv';
  if (format === FileFormat.JSON) return 'json';
  throw invalid('mirror.target.file.format', 'must be FILE_FORMAT_DOTENV or FILE_FORMAT_JSON');
}

function leavePolicyOf(policy: WithdrawalPolicy): MirrorDefinition['onLeave'] {
  if (policy === WithdrawalPolicy.UNSPECIFIED || policy === WithdrawalPolicy.DELETE) return 'delete';
  if (policy === WithdrawalPolicy.LEAVE) return 'leave';
  throw invalid('mirror.withdrawal', 'must be WITHDRAWAL_POLICY_DELETE or WITHDRAWAL_POLICY_LEAVE');
}

function driftPolicyOf(policy: DriftPolicy): MirrorDefinition['onDrift'] {
  if (policy === DriftPolicy.UNSPECIFIED || policy === DriftPolicy.OVERWRITE) return 'overwrite';
  if (policy === DriftPolicy.REPORT) return 'report';
  if (policy === DriftPolicy.IMPORT) return 'import';
  throw invalid('mirror.drift', 'must be DRIFT_POLICY_OVERWRITE, DRIFT_POLICY_REPORT or DRIFT_POLICY_IMPORT');
}
