import { defaultRetryPolicy, type RetryPolicy } from '@env-cli/mirroring';

/** Every bound of the worker. */
export interface OutboxLimits {
  /** Deliveries at once, over all mirrors. Waiting for a slow target costs memory, not a thread. Defaults to 10,000. */
  readonly deliveriesMax: number;
  /**
   * Bytes of values that deliveries hold at once. While it is reached none begins, so that it is exceeded by what
   * `startsMax` environments hold at most. Defaults to 67,108,864 (64 MiB).
   */
  readonly valueBytesMax: number;
  /** Deliveries that read the cluster's state at once. Defaults to 16. */
  readonly startsMax: number;
  /** Outbox or delivery rows of one page. Defaults to 500. */
  readonly pageRows: number;
  /**
   * Environments of one mirror that wait for another attempt. While so many do, the target is taken for ill and no further row
   * of the mirror is begun. Defaults to 1,000.
   */
  readonly waitingMax: number;
  /** Reports of one proposal. Defaults to 128. */
  readonly reportsPerProposal: number;
  /** The mean time between two scans of a mirror for what others changed, in milliseconds. Each is drawn from ± 20 %. Defaults to 600,000 (10 minutes). */
  readonly scanIntervalMs: number;
  /** Environments of one mirror that a scan compares at once. Defaults to 4. */
  readonly scanDeliveriesMax: number;
  /** Environments, newest first, that a new leader reads back for what the old one may have landed late. Defaults to 1,000. */
  readonly readBackMax: number;
  /** Environments of one dry run. Defaults to 100. */
  readonly planEnvironmentsMax: number;
  readonly retry: RetryPolicy;
}

export const defaultOutboxLimits: OutboxLimits = {
  deliveriesMax: 10_000,
  valueBytesMax: 64 * 1024 * 1024,
  startsMax: 16,
  pageRows: 500,
  waitingMax: 1_000,
  reportsPerProposal: 128,
  scanIntervalMs: 600_000,
  scanDeliveriesMax: 4,
  readBackMax: 1_000,
  planEnvironmentsMax: 100,
  retry: defaultRetryPolicy,
};
