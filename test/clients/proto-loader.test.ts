import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await LocalCluster.start({ memberCount: 1 });
}, 120_000);
afterAll(() => cluster.close());

test('a service that loads the published .proto files when it runs writes and reads', () => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(import.meta.resolve('./proto-loader-client.ts')),
      cluster.member(1).apiAddress,
    ],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^GREETING=hello \(revision \d+\)\n$/);
});
