import type { MirrorDefinition, MirrorRow } from '@env-cli/mirroring';
import { formatLabelSelector } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';
import { type FileDefinition, fileDefinition, fileProviderName, fileTargetOf } from '@env-cli/provider-file';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { DriftPolicy, FileFormat, type Mirror, MirrorSchema, type MirrorTarget, WithdrawalPolicy } from '@env-cli/wire';

import { invalid } from '../errors/refused.ts';
import { selectorOf } from '../requests/selector.ts';

/** The share of a target's keys that one delivery may delete, in percent, when a mirror states none. */
const deleteBrakePercentDefault = 50;

/** The definition that a mirror of a request describes. `target` stands in where it names none. */
export function definitionOf(mirror: Mirror, target: FileDefinition | null): MirrorDefinition {
  const brake = mirror.deleteBrakePercent ?? deleteBrakePercentDefault;
  if (brake < 0 || brake > 100) throw invalid('mirror.delete_brake_percent', 'must be 0 to 100');
  return {
    name: mirror.name,
    prefix: mirror.prefix,
    labels: selectorOf(mirror.selector, 'mirror.selector'),
    ...targetOf(mirror.target, target),
    onLeave: leavePolicyOf(mirror.withdrawal),
    onDrift: driftPolicyOf(mirror.drift),
    deleteShareMaxPercent: brake,
    paused: false,
  };
}

/** The parts of a definition that say where it writes. */
export function targetPartOf({ provider, targetKey, options, layout }: MirrorDefinition): FileDefinition {
  return { provider, targetKey, options, layout };
}

/** A mirror as it is kept, as an answer shows it. */
export function wireMirrorOf({ namespace, definition, createRevision, modifyRevision, deleting }: MirrorRow): Mirror {
  return create(MirrorSchema, {
    namespace,
    name: definition.name,
    prefix: definition.prefix,
    selector: formatLabelSelector(definition.labels),
    ...(definition.provider === fileProviderName ? { target: wireFileTargetOf(definition) } : {}),
    withdrawal: definition.onLeave === 'leave' ? WithdrawalPolicy.LEAVE : WithdrawalPolicy.DELETE,
    drift: definition.onDrift === 'overwrite' ? DriftPolicy.OVERWRITE : DriftPolicy.REPORT,
    deleteBrakePercent: definition.deleteShareMaxPercent,
    createRevision: BigInt(createRevision),
    modifyRevision: BigInt(modifyRevision),
    deleting,
  });
}

function wireFileTargetOf(definition: MirrorDefinition): MessageInitShape<typeof MirrorSchema>['target'] & object {
  const { directory, format } = fileTargetOf(definition);
  return { provider: { case: 'file', value: { directory, format: format === 'json' ? FileFormat.JSON : FileFormat.DOTENV } } };
}

function targetOf(target: MirrorTarget | undefined, standIn: FileDefinition | null): FileDefinition {
  const provider = target?.provider;
  if (provider?.case !== 'file') {
    if (standIn !== null && provider === undefined) return standIn;
    throw invalid('mirror.target', 'must name a provider: file');
  }
  const { directory, format } = provider.value;
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
  throw invalid('mirror.drift', 'must be DRIFT_POLICY_OVERWRITE or DRIFT_POLICY_REPORT');
}
