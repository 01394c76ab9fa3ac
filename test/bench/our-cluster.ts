import { type Client, connect } from '@env-cli/client';

import { LocalCluster } from '../support/cluster.ts';
import { Calls } from './calls.ts';
import { environmentsCount } from './payload.ts';

/** Writes that are under way while the environments are made. */
const seedInFlight = 512;

/** Three members of ours, with the environments that reads and writes are about. */
export interface OurCluster {
  readonly cluster: LocalCluster;
  readonly leaderId: number;
  /** The API of the leader, `host:port`. */
  readonly leaderAddress: string;
  readonly pids: readonly number[];
}

/** Starts members with flags for Node itself, if any, and fills them. The caller closes `cluster`. */
export async function startOurs(
  directory: string,
  nodeFlags: (memberId: number) => readonly string[] = () => [],
): Promise<OurCluster> {
  const cluster = await LocalCluster.start({ directory, nodeFlags });
  try {
    const client = await connect(cluster.addresses, { timeoutMs: 60_000 });
    try {
      await seed(client, 0);
      await seed(client, 1);
      const { leaderId } = await client.cluster.status();
      const pids = cluster.members.flatMap((member) => member.process?.pid ?? []);
      return { cluster, leaderId, leaderAddress: cluster.member(leaderId).apiAddress, pids };
    } finally {
      await client.close();
    }
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

async function seed(client: Client, clientIndex: number): Promise<void> {
  const calls = new Calls(client, 'write', clientIndex);
  let left: number = environmentsCount;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await calls.next();
  };
  await Promise.all(Array.from({ length: seedInFlight }, lane));
}
