import type { LabelSelector } from './selector.ts';

/** What happens at the target to an environment that leaves the mirror: its variables are deleted there, or left. */
export type LeavePolicy = 'delete' | 'leave';

/** What happens to what somebody else changed at the target. */
export type DriftPolicy = 'overwrite' | 'report' | 'import';

/** One remote object a variable, or one JSON object an environment. */
export type MirrorLayout = 'per-variable' | 'blob';

/** An option of the provider, in its own words. Both are UTF-8 text; a definition holds them sorted by key, each key once. */
export interface MirrorOption {
  readonly key: string;
  readonly value: string;
}

/** Which environments go where, and how. It lives in one namespace, and so do the environments that it selects. */
export interface MirrorDefinition {
  /** `[a-z0-9][a-z0-9._-]*`, at most 64 bytes. Unique in its namespace. */
  readonly name: string;
  /** Selected are the environments whose name begins with `prefix` (empty: all) and whose labels match `labels`. */
  readonly prefix: string;
  readonly labels: LabelSelector;
  /** The provider's name: `file`, `aws-ssm`, … */
  readonly provider: string;
  /**
   * What the mirror claims at its target, as its provider wrote it: `provider` and then segments divided by `/`, as in
   * `file/srv/envs` or `aws-ssm/123456789012/eu-west-1/payments`. Two overlap when they are equal or when one begins with
   * the other and a `/`; a mirror whose key overlaps another's, in any namespace, is refused.
   */
  readonly targetKey: string;
  readonly options: readonly MirrorOption[];
  readonly layout: MirrorLayout;
  readonly onLeave: LeavePolicy;
  readonly onDrift: DriftPolicy;
  /** The largest share of what the mirror holds at the target that one delivery may delete unasked, in percent: 0 … 100. */
  readonly deleteShareMaxPercent: number;
  /** Nothing is delivered while it is set; what is due is kept. */
  readonly paused: boolean;
}
