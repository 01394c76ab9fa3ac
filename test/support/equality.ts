import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseEnv } from 'node:util';

import { type Client, type ClusterStatus, connect } from '@env-cli/client';

import type { LocalCluster } from './cluster.ts';

/** Waits until all members that run have applied the same, and answers their views. Throws after `timeoutMs`. */
export async function settled(cluster: LocalCluster, timeoutMs = 30_000): Promise<ClusterStatus[]> {
  const clients = await Promise.all(
    cluster.members
      .filter((member) => member.process !== null)
      .map((member) => connect(member.apiAddress, { followLeader: false })),
  );
  try {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const views = await Promise.all(clients.map((client) => client.cluster.status()));
      if (new Set(views.map((view) => view.appliedIndex)).size === 1) return views;
      if (performance.now() > deadline) {
        throw new Error(
          `members have not applied the same: ${views.map((view) => `${view.memberId}: ${view.appliedIndex}`).join(', ')}`,
        );
      }
      await pause(50);
    }
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** How the hashes of members differ, one line each; empty when they are equal. */
export function hashDifferences(views: readonly ClusterStatus[]): string[] {
  const [first, ...others] = views;
  if (first === undefined) return ['no member was asked'];
  return others.flatMap((view) =>
    Object.entries(first.hashes)
      .filter(([table, hash]) => view.hashes[table] !== hash)
      .map(([table]) => `${table}: members ${first.memberId} and ${view.memberId} differ`),
  );
}

/** How a folder of dotenv files differs from what is committed, one line each; empty when they are equal. */
export async function fileDifferences(client: Client, directory: string, prefix = ''): Promise<string[]> {
  const differences: string[] = [];
  for await (const environment of client.environments.list({ prefix, view: 'full', pageSize: 1000 })) {
    const wanted = Object.fromEntries(environment.variables.map(({ name, value }) => [name, value]));
    let found: Record<string, string | undefined>;
    try {
      found = { ...parseEnv(readFileSync(join(directory, `${environment.name}.env`), 'utf8')) };
    } catch (error) {
      differences.push(`${environment.name}: ${(error as Error).message}`);
      continue;
    }
    const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
    for (const name of names) if (wanted[name] !== found[name]) differences.push(`${environment.name}: ${name} differs`);
  }
  return differences;
}
