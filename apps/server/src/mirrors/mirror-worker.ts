import type { LiveStatus, PlannedEnvironment } from '@env-cli/outbox';

/** What the API asks of whoever delivers to mirrors on this member. It is at work only while the member leads. */
export interface MirrorWorker {
  /** What is known of an environment beyond what the cluster holds; null: nothing. `due`: what its outbox row says, if there is one. */
  status(mirror: number, environment: string, due: 'deliver' | 'withdraw' | null): LiveStatus | null;
  /** What deliveries of these environments would do now. Reads the target and changes nothing. */
  plan(mirror: number, environments: readonly string[]): Promise<readonly PlannedEnvironment[]>;
}
