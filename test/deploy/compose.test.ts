import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ulimits?: { readonly core?: number };
}

const { services, volumes } = parse(readFileSync('deploy/compose.yaml', 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};

let folder: string;
let keys: string;

/** What stands below /keys in a container, below the test's own folder here. */
const here = (text: string): string => text.replaceAll('/keys', keys);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-compose-'));
  keys = join(folder, 'keys');
  const bin = join(folder, 'bin');
  for (const path of [keys, bin]) mkdirSync(path);
  symlinkSync(resolve('node_modules/.bin/env-cli'), join(bin, 'env-cli'));
  // The owner of the files is the container's, and there is no container.
  const command = here(services['keys']!.command!.join('\n').replace(/^chown .*$/m, ''));
  const env = { ...process.env, PATH: `${bin}:${resolve('node_modules/.bin')}:${process.env['PATH']}` };
  // Twice: the second time everything is there, and stays.
  const run = (): Buffer => execFileSync('sh', ['-ec', command], { env, cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  run();
  run();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('what deploy/compose.yaml starts', () => {
  test('comes with keys that only their owner reads', () => {
    const secret = readdirSync(keys).filter((name) => name.endsWith('key') || name.endsWith('-key.pem'));
    expect(secret.toSorted()).toEqual([
      'ca-key.pem',
      'master.key',
      'member-1-key.pem',
      'member-2-key.pem',
      'member-3-key.pem',
      'user-admin-key.pem',
    ]);
    for (const name of secret) expect([name, statSync(join(keys, name)).mode & 0o777]).toEqual([name, 0o600]);
  });

  test.each(['member-1', 'member-2', 'member-3'])('%s has options that are accepted, and files that are there', async (name) => {
    const options = Object.entries(services[name]!.environment!).map(([key, value]) => [key, here(value)] as const);
    for (const [key, value] of options.filter(([option]) => option.endsWith('_FILE')))
      expect([key, statSync(value).isFile()]).toEqual([key, true]);
    const { stdout } = await promisify(execFile)(process.execPath, ['apps/server/bin/env-cli-server.js', '--check-config'], {
      env: { PATH: process.env['PATH'], ...Object.fromEntries(options) },
    });
    expect(stdout).toBe('The configuration is accepted.\n');
  });

  test.each(Object.keys(services))('%s leaves no core file, which would hold keys and secrets', (name) => {
    expect(services[name]!.ulimits).toEqual({ core: 0 });
  });

  test('mounts volumes that are named, each member its own data', () => {
    const used = Object.values(services).flatMap((service) => (service.volumes ?? []).map((mount) => mount.split(':')[0]!));
    expect([...new Set(used)].toSorted()).toEqual(Object.keys(volumes).toSorted());
    for (const name of Object.keys(volumes).filter((volume) => volume.startsWith('data-')))
      expect([name, used.filter((one) => one === name)]).toEqual([name, [name]]);
  });
});
