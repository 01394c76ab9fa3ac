import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';
import { pathOf, python } from './tools.ts';

const tool = pathOf(python());

(tool === null ? describe.skip : describe)('a Python client that is made from the published .proto files', () => {
  let cluster: LocalCluster;
  let generated: string;
  beforeAll(async () => {
    generated = mkdtempSync(join(tmpdir(), 'env-cli-python-'));
    const protos = ['common', 'environments', 'sessions', 'mirrors', 'cluster'].map((name) => `envcli/v1/${name}.proto`);
    const args = ['-m', 'grpc_tools.protoc', '-Iproto', `--python_out=${generated}`, `--grpc_python_out=${generated}`, ...protos];
    const { status, stderr } = spawnSync(tool!, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    cluster = await LocalCluster.start({ memberCount: 1 });
  }, 120_000);
  afterAll(async () => {
    rmSync(generated, { recursive: true, force: true });
    await cluster.close();
  });

  test('writes in a session, reads its own writes, pipelines, watches, and reads the details of an error', () => {
    const { stdout, stderr } = spawnSync(tool!, ['test/clients/client.py', cluster.member(1).apiAddress], {
      encoding: 'utf8',
      env: { ...process.env, PYTHONPATH: generated },
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      written_once: [true, false, true],
      variables: { A: '1', UMLAUT: 'ä' },
      pipeline: Array.from({ length: 10 }, (_, at) => [at + 1, 'write']),
      watched: ['py/1', 'py/10', 'py/2', 'py/3', 'py/4', 'py/5', 'py/6', 'py/7', 'py/8', 'py/9', 'py/a'],
      error: ['INVALID_ARGUMENT', 'INVALID_FIELD', 'env-cli', 'name'],
    });
  });
});
