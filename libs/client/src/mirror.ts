import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  DeliveryState as WireState,
  DriftPolicy as WireDrift,
  FileFormat as WireFormat,
  MirrorSchema,
  type MirrorTarget as WireTarget,
  type MirrorTargetSchema,
  PlanAction as WireAction,
  StuckReason as WireStuckReason,
  WithdrawalPolicy as WireWithdrawal,
  type EnvironmentDelivery as WireDelivery,
  type Mirror as WireMirror,
  type PlanItem as WirePlanItem,
  type StuckMirror as WireStuckMirror,
} from '@env-cli/wire';

import {
  type AwsSecretsManagerOptions,
  type AwsSsmOptions,
  secretsManagerOf,
  ssmOf,
  wireSecretsManager,
  wireSsm,
} from './mirror-aws.ts';
import { revisionOf } from './revision.ts';

/** What happens to what a mirror wrote once the environment no longer belongs to it. */
export type WithdrawalPolicy = 'delete' | 'leave';

/** What happens to a key that the mirror owns and somebody else has changed. */
export type DriftPolicy = 'overwrite' | 'report' | 'import';

/** The form of files: `dotenv` is one `NAME.env` an environment, `json` one `NAME.json`. */
export type FileFormat = 'dotenv' | 'json';

/** Where a mirror writes. */
export type MirrorTarget =
  /** A folder of files on the machine of the member that leads: an absolute path. */
  | { readonly provider: 'file'; readonly directory: string; readonly format: FileFormat }
  /** Parameters of AWS Systems Manager Parameter Store. */
  | ({ readonly provider: 'aws-ssm' } & AwsSsmOptions)
  /** Secrets of AWS Secrets Manager. */
  | ({ readonly provider: 'aws-secrets-manager' } & AwsSecretsManagerOptions)
  /** A target of a kind that this client does not know. */
  | { readonly provider: 'unknown' };

/** What a mirror is to be. */
export interface MirrorDefinition {
  /** `[a-z0-9][a-z0-9._-]*`, at most 64 bytes. */
  readonly name: string;
  /** Only environments whose name begins with this. Defaults to the empty text: all. */
  readonly prefix?: string;
  /** Only environments whose labels match. */
  readonly selector?: string;
  readonly target: MirrorTarget;
  /** Defaults to `delete`. */
  readonly withdrawal?: WithdrawalPolicy;
  /** Defaults to `overwrite`. */
  readonly drift?: DriftPolicy;
  /** The greatest share of the target's owned keys that one delivery may delete, in percent. Defaults to 50; 100 turns the brake off. */
  readonly deleteBrakePercent?: number;
}

/** A mirror as it is kept. */
export interface Mirror extends Required<MirrorDefinition> {
  readonly namespace: string;
  readonly createRevision: number;
  readonly modifyRevision: number;
  /** It is being deleted: it selects nothing any more, and goes once what it wrote is withdrawn. */
  readonly deleting: boolean;
  /** Nothing is delivered until somebody resumes it. */
  readonly paused: boolean;
  /** Environments that are still to be delivered or withdrawn. */
  readonly pendingCount: number;
  /** Environments whose delivery failed for good, and did not succeed since. */
  readonly failedCount: number;
}

/** How far a delivery has come. */
export type DeliveryState =
  'pending' | 'synced' | 'unsynced' | 'blocked-by-policy' | 'source-error' | 'target-error' | 'internal-error' | 'unknown';

/** What the target holds of an environment. */
export interface EnvironmentDelivery {
  readonly environment: string;
  readonly state: DeliveryState;
  /** The revision that the target holds; 0: none. */
  readonly deliveredRevision: number;
  /** The revision that is still to be delivered; 0: none. */
  readonly pendingRevision: number;
  /** Why it is not synced, without any value. */
  readonly error: string;
  /** Attempts at the pending revision. */
  readonly attempts: number;
  /** When the next attempt begins; null when none is planned. */
  readonly nextAttemptTime: Date | null;
  /** Variables, as far as the member that leads has looked. */
  readonly variables: readonly { readonly name: string; readonly state: DeliveryState; readonly error: string }[];
}

/** A mirror that does not hold what was waited for, and will not until somebody acts. */
export interface StuckMirror {
  readonly mirror: string;
  /**
   * `dead-letter`: the delivery of `environment` failed for good; mend what `error` says, then `mirrors.retry` (a later write to the
   * environment does it as well). `paused`: `mirrors.resume`. `unknown`: a reason that this client does not know.
   */
  readonly reason: 'dead-letter' | 'paused' | 'unknown';
  /** Of a dead letter; of several the first by name. Empty: `mirrors.status` tells which. */
  readonly environment: string;
  /** How that environment stands; `unknown` where none is named. */
  readonly state: DeliveryState;
  /** Why, without any value. */
  readonly error: string;
}

/** What a delivery would do with a key of the target. */
export type PlanAction = 'create' | 'update' | 'unchanged' | 'adopt' | 'foreign-changed' | 'foreign' | 'orphan' | 'unknown';

export interface PlanItem {
  readonly environment: string;
  /** The key at the target. */
  readonly key: string;
  readonly action: PlanAction;
  /** The length of the wanted value in bytes. */
  readonly valueBytes: number;
  /** Why it would be left or refused. */
  readonly note: string;
}

const wireDrifts = {
  overwrite: WireDrift.OVERWRITE,
  report: WireDrift.REPORT,
  import: WireDrift.IMPORT,
} as const satisfies Record<DriftPolicy, WireDrift>;

const driftNames: Readonly<Record<number, DriftPolicy>> = {
  [WireDrift.OVERWRITE]: 'overwrite',
  [WireDrift.REPORT]: 'report',
  [WireDrift.IMPORT]: 'import',
};

const stateNames: Readonly<Record<number, DeliveryState>> = {
  [WireState.PENDING]: 'pending',
  [WireState.SYNCED]: 'synced',
  [WireState.UNSYNCED]: 'unsynced',
  [WireState.BLOCKED_BY_POLICY]: 'blocked-by-policy',
  [WireState.SOURCE_ERROR]: 'source-error',
  [WireState.TARGET_ERROR]: 'target-error',
  [WireState.INTERNAL_ERROR]: 'internal-error',
};

const actionNames: Readonly<Record<number, PlanAction>> = {
  [WireAction.CREATE]: 'create',
  [WireAction.UPDATE]: 'update',
  [WireAction.UNCHANGED]: 'unchanged',
  [WireAction.ADOPT]: 'adopt',
  [WireAction.FOREIGN_CHANGED]: 'foreign-changed',
  [WireAction.FOREIGN]: 'foreign',
  [WireAction.ORPHAN]: 'orphan',
};

export function wireMirror(namespace: string, mirror: MirrorDefinition): WireMirror {
  const { name, prefix = '', selector = '', target, withdrawal = 'delete', drift = 'overwrite', deleteBrakePercent } = mirror;
  return create(MirrorSchema, {
    namespace,
    name,
    prefix,
    selector,
    target: { provider: targetFor(target) },
    withdrawal: withdrawal === 'leave' ? WireWithdrawal.LEAVE : WireWithdrawal.DELETE,
    drift: wireDrifts[drift],
    ...(deleteBrakePercent === undefined ? {} : { deleteBrakePercent }),
  });
}

function targetFor(target: MirrorTarget): NonNullable<MessageInitShape<typeof MirrorTargetSchema>['provider']> {
  if (target.provider === 'unknown') return { case: undefined };
  if (target.provider === 'aws-ssm') return { case: 'awsSsm', value: wireSsm(target) };
  if (target.provider === 'aws-secrets-manager') return { case: 'awsSecretsManager', value: wireSecretsManager(target) };
  const format = target.format === 'json' ? WireFormat.JSON : WireFormat.DOTENV;
  return { case: 'file', value: { directory: target.directory, format } };
}

function targetOf(target: WireTarget | undefined): MirrorTarget {
  const provider = target?.provider;
  switch (provider?.case) {
    case 'file': {
      const { directory, format } = provider.value;
      return { provider: 'file', directory, format: format === WireFormat.JSON ? 'json' : 'dotenv' };
    }
    case 'awsSsm':
      return { provider: 'aws-ssm', ...ssmOf(provider.value) };
    case 'awsSecretsManager':
      return { provider: 'aws-secrets-manager', ...secretsManagerOf(provider.value) };
    case undefined:
    default:
      return { provider: 'unknown' };
  }
}

export function mirrorOf(mirror: WireMirror): Mirror {
  return {
    namespace: mirror.namespace,
    name: mirror.name,
    prefix: mirror.prefix,
    selector: mirror.selector,
    target: targetOf(mirror.target),
    withdrawal: mirror.withdrawal === WireWithdrawal.LEAVE ? 'leave' : 'delete',
    drift: driftNames[mirror.drift] ?? 'overwrite',
    deleteBrakePercent: mirror.deleteBrakePercent ?? 50,
    createRevision: revisionOf(mirror.createRevision),
    modifyRevision: revisionOf(mirror.modifyRevision),
    deleting: mirror.deleting,
    paused: mirror.paused,
    pendingCount: revisionOf(mirror.pendingCount),
    failedCount: revisionOf(mirror.failedCount),
  };
}

export function deliveryOf(delivery: WireDelivery): EnvironmentDelivery {
  return {
    environment: delivery.environment,
    state: stateNames[delivery.state] ?? 'unknown',
    deliveredRevision: revisionOf(delivery.deliveredRevision),
    pendingRevision: revisionOf(delivery.pendingRevision),
    error: delivery.error,
    attempts: delivery.attempts,
    nextAttemptTime: delivery.nextAttemptTime === undefined ? null : timestampDate(delivery.nextAttemptTime),
    variables: delivery.variables.map(({ name, state, error }) => ({ name, state: stateNames[state] ?? 'unknown', error })),
  };
}

const stuckReasons: Readonly<Record<number, StuckMirror['reason']>> = {
  [WireStuckReason.DEAD_LETTER]: 'dead-letter',
  [WireStuckReason.PAUSED]: 'paused',
};

export function stuckMirrorOf({ mirror, reason, environment, state, error }: WireStuckMirror): StuckMirror {
  return { mirror, reason: stuckReasons[reason] ?? 'unknown', environment, state: stateNames[state] ?? 'unknown', error };
}

export function planItemOf(item: WirePlanItem): PlanItem {
  return {
    environment: item.environment,
    key: item.key,
    action: actionNames[item.action] ?? 'unknown',
    valueBytes: revisionOf(item.valueBytes),
    note: item.note,
  };
}
