import { spawnSync } from 'node:child_process';

import { describe, expect, test } from '@jest/globals';

function run(...args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const flags = ['--conditions=@env-cli/source', '--unhandled-rejections=strict', '--disable-warning=ExperimentalWarning'];
  const child = ['libs/client/src/testing/strict-child.ts', ...args];
  return spawnSync(process.execPath, [...flags, ...child], { encoding: 'utf8', timeout: 60_000 });
}

describe('no promise that the caller was not given rejects', () => {
  test('when connections are lost, members die or hang, calls are given up, and clients are closed under them', () => {
    const { status, stdout, stderr } = run();
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(7);
  }, 90_000);

  test('and one that did would be found', () => {
    const { status, stderr } = run('control');
    expect(status).not.toBe(0);
    expect(stderr).toContain('a rejection that nobody handles');
  }, 90_000);
});
