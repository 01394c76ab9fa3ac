import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from '@env-cli/client';

import { LocalCluster } from '../support/cluster.ts';

const readme = readFileSync('README.md', 'utf8');
const tour = /## Two minutes[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1]?.trimEnd().split('\n') ?? [];

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await LocalCluster.start();
  const directory = join(cluster.directory, 'mirrored');
  mkdirSync(directory, { mode: 0o700 });
  // As `npm start` makes one.
  const client = await connect(cluster.addresses);
  const { mirrors } = await client.mirrors.list();
  if (mirrors.length === 0)
    await client.mirrors.create({ name: 'files', target: { provider: 'file', directory, format: 'dotenv' } });
  await client.close();
}, 90_000);
afterAll(() => cluster.close());

/** Runs a line as a person would, but for where the cluster is. */
async function run(line: string): Promise<string> {
  const env = { ...process.env, ENV_CLI_ENDPOINT: cluster.addresses, NO_COLOR: '1' };
  const { stdout } = await promisify(execFile)('sh', ['-c', line], { env });
  return stdout;
}

describe("the README's tour does what it says", () => {
  test('it has commands', () => expect(tour.length).toBeGreaterThan(8));

  const shows: readonly (readonly [start: string, expected: RegExp, hidden?: RegExp])[] = [
    ['npx env-cli get payments/prod', /DB_URL[\s\S]*postgres:\/\/db\.internal\/payments/, /sk_demo_1234/],
    ['npx env-cli run ', /^postgres:\/\/db\.internal\/payments\n$/],
    ['npx env-cli history ', /LOG_LEVEL/, /sk_demo_1234/],
    ['npx env-cli export ', /STRIPE_KEY=.?sk_demo_1234/],
    ['npx env-cli mirror list', /file/],
    ['npx env-cli cluster status', /leader/],
  ];

  test.each(tour)('%s', async (line) => {
    const output = await run(line);
    for (const [start, expected, hidden] of shows) {
      if (!line.startsWith(start)) continue;
      expect(output).toMatch(expected);
      if (hidden !== undefined) expect(output).not.toMatch(hidden);
    }
  });
});
