import { spawnSync } from 'node:child_process';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';
import { grpcurl, pathOf } from './tools.ts';

const tool = pathOf(grpcurl());

(tool === null ? describe.skip : describe)('grpcurl, which knows nothing but the address', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await LocalCluster.start({ memberCount: 1 });
  }, 120_000);
  afterAll(() => cluster.close());

  function run(args: readonly string[], request?: object) {
    const data = request === undefined ? [] : ['-d', JSON.stringify(request)];
    const { apiAddress } = cluster.member(1);
    return spawnSync(tool!, ['-plaintext', '-max-time', '20', ...data, apiAddress, ...args], { encoding: 'utf8' });
  }

  function call(method: string, request: object): unknown {
    const { stdout, stderr, status } = run([method], request);
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  }

  test('finds out which services there are, and what their messages are made of', () => {
    const { stdout } = run(['list']);
    for (const service of ['Environments', 'Sessions', 'Mirrors', 'Cluster']) expect(stdout).toContain(`envcli.v1.${service}\n`);
    expect(run(['describe', 'envcli.v1.Environment']).stdout).toContain('map<string, string> labels = 4;');
  });

  test('asks for health', () => {
    expect(call('grpc.health.v1.Health/Check', { service: 'envcli.v1.Environments' })).toEqual({ status: 'SERVING' });
  });

  test('writes and reads environments', () => {
    const variables = [
      { name: 'DB_URL', value: 'postgres://x' },
      { name: 'KEY', value: 'hunter2', secret: true },
    ];
    const operations = [{ environment: 'payments/prod', create: { variables, labels: { team: 'payments' } } }];
    expect(call('envcli.v1.Environments/Write', { operations })).toMatchObject({ changed: true });
    expect(call('envcli.v1.Environments/Get', { name: 'payments/prod' })).toMatchObject({
      environment: {
        labels: { team: 'payments' },
        variables: [
          { name: 'DB_URL', value: 'postgres://x' },
          { name: 'KEY', secret: true, valueBytes: '7', valueHash: expect.stringMatching(/^[0-9a-f]{32}$/) },
        ],
      },
    });
    expect(call('envcli.v1.Environments/List', { selector: 'team=payments' })).toMatchObject({
      environments: [{ name: 'payments/prod' }],
    });
  });

  test('is told what went wrong, with details that it can read', () => {
    const { stderr, status } = run(['envcli.v1.Environments/Get'], { name: 'none' });
    expect(status).not.toBe(0);
    for (const words of [
      'Code: NotFound',
      'there is no environment none',
      '"reason": "ENVIRONMENT_NOT_FOUND"',
      '"domain": "env-cli"',
    ]) {
      expect(stderr).toContain(words);
    }
  });

  test('watches', () => {
    const { stdout } = run(['envcli.v1.Environments/Watch'], { watchId: '1', start: { prefix: '', startRevision: '99' } });
    expect(stdout).toContain('"reason": "REVISION_IN_FUTURE"');
  });
});
