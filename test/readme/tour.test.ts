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

  /** What the output of some lines must show, and what it must not. */
  const shows: readonly (readonly [start: string, shown: RegExp, hidden: RegExp])[] = [
    ['npx env-cli get ', /DB_URL[\s\S]*postgres:\/\/db\.internal\/payments/, /sk_demo_1234/],
    ['npx env-cli run ', /^postgres:\/\/db\.internal\/payments\n$/, /sk_demo_1234/],
    ['npx env-cli history ', /LOG_LEVEL/, /sk_demo_1234/],
    ['npx env-cli export ', /STRIPE_KEY=.?sk_demo_1234/, /<masked>/],
    ['npx env-cli mirror list', /file/, /sk_demo_1234/],
    ['npx env-cli cluster status', /leader/, /sk_demo_1234/],
  ];

  test.each(tour)('%s', async (line) => {
    const output = await run(line);
    const [, shown = /^/, hidden = /sk_demo_1234/] = shows.find(([start]) => line.startsWith(start)) ?? [];
    expect(output).toMatch(shown);
    expect(output).not.toMatch(hidden);
  });
});
