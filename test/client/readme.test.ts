import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';

/** Beside this file, so that the snippet finds the package as a user's would. */
const path = 'test/client/readme-snippet.generated.ts';

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await LocalCluster.start({ memberCount: 1 });
}, 90_000);
afterAll(async () => {
  rmSync(path, { force: true });
  await cluster.close();
});

test('the example of the SDK’s README runs', async () => {
  const snippet = /```ts\n(?<code>[\s\S]*?)```/.exec(readFileSync('libs/client/README.md', 'utf8'))?.groups?.['code'] ?? '';
  writeFileSync(path, snippet.replace(/connect\('[^']*'\)/, `connect('${cluster.addresses}')`));
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@env-cli/source', path]);
  expect(stdout).toMatch(
    /^\[ 'DB_URL=postgres:\/\/db\.internal\/shop', 'STRIPE_KEY=\(secret\)' \]\nrefused: .*\nrevision 1 changed it\n$/,
  );
}, 30_000);
