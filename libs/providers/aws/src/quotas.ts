import type { CallRate } from '@env-cli/outbox';

/** How fast a store may be called, by the meters under which it counts calls. */
export type Quotas = Readonly<Record<string, CallRate>>;

/** What the account has of Parameter Store: `high` once its "higher throughput" setting is on, which costs money. */
export type SsmThroughput = 'default' | 'high';

const rate = (callsPerSecond: number, callsBurst: number): CallRate => ({ callsPerSecond, callsBurst });

/**
 * Parameter Store, an account and region (AWS General Reference, "Systems Manager endpoints and quotas"): reads share 40 calls a
 * second, PutParameter has 3, or 10 with higher throughput. The rate of tags is not published; it is taken as that of the
 * management calls. What AWS grants beyond this is not used; what it grants less is found out by its throttling.
 */
export const ssmQuotas: Readonly<Record<SsmThroughput, Quotas>> = {
  default: { read: rate(36, 20), tags: rate(10, 10), describe: rate(1, 2), write: rate(3, 3), mark: rate(5, 5) },
  high: { read: rate(100, 50), tags: rate(10, 10), describe: rate(1, 2), write: rate(10, 10), mark: rate(5, 5) },
};

/**
 * Secrets Manager, an account and region (User Guide, "Secrets Manager quotas"): writes of values and stages share 50 calls a
 * second, tags have 50, batch reads 100, reads 10,000, of which no more than a share is taken.
 */
export const secretsManagerQuotas: Quotas = {
  read: rate(500, 100),
  batch: rate(90, 20),
  list: rate(50, 10),
  write: rate(45, 10),
  mark: rate(45, 10),
};

/**
 * Writes of one secret at once after a rest. AWS recommends no more than one in 10 minutes in the long run, for it keeps every version
 * for 24 hours and refuses a new one when it has too many (User Guide, "Secrets Manager quotas"): these and one in 10 minutes are 164 a day.
 */
export const secretWritesBurst = 20;
