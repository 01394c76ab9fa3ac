import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { pathOf } from '../clients/tools.ts';
import { LocalCluster } from '../support/cluster.ts';
import { oldestNode } from './oldest-node.ts';

const tsc = resolve('node_modules/typescript/bin/tsc');
const oldest = pathOf(oldestNode());
let folder: string;

/** Runs npm as the test itself was started. */
function npm(args: readonly string[], cwd: string): string {
  const { npm_execpath: own } = process.env;
  const options = { cwd, encoding: 'utf8', env: { ...process.env, npm_config_loglevel: 'error' } } as const;
  const child =
    own === undefined
      ? spawnSync('npm', args, { ...options, shell: true })
      : spawnSync(process.execPath, [own, ...args], options);
  if (child.status !== 0) throw new Error(`npm ${args.join(' ')}: ${child.stderr}${child.stdout}`);
  return child.stdout;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-package-'));
  const packed = spawnSync(process.execPath, ['tools/pack-client.mjs', folder], { encoding: 'utf8' });
  if (packed.status !== 0) throw new Error(packed.stderr);
  const user = join(folder, 'user');
  mkdirSync(user);
  writeFileSync(join(user, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }));
  npm(['install', '--prefer-offline', '--no-audit', '--no-fund', packed.stdout.trim()], user);
}, 180_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const installed = (...path: readonly string[]): string => join(folder, 'user', 'node_modules', '@env-cli', 'client', ...path);

describe('the package of the SDK installs alone', () => {
  test('it holds one program, its types, its manual and its licence', () => {
    expect(readdirSync(installed()).toSorted()).toEqual(['LICENSE', 'README.md', 'index.d.ts', 'index.js', 'package.json']);
  });

  test('it needs two packages of the registry, and no workspace', () => {
    const manifest = JSON.parse(readFileSync(installed('package.json'), 'utf8')) as Readonly<Record<string, object>>;
    expect(Object.keys(manifest['dependencies']!)).toEqual(['@bufbuild/protobuf', '@grpc/grpc-js']);
    expect(manifest['engines']).toEqual({ node: '>=20' });
    for (const file of ['index.js', 'index.d.ts', 'package.json']) {
      expect(readFileSync(installed(file), 'utf8')).not.toMatch(/@env-cli\/(?!client)|env-cli\/source|workspace:/);
    }
  });

  test('its declarations stand alone, and show nothing that is not for users', () => {
    const types = readFileSync(installed('index.d.ts'), 'utf8');
    expect(types).not.toMatch(/^import /m);
    expect(types).not.toMatch(/@internal|WatchCarrier|Pipeline/);
  });
});

/** The program with the addresses of a cluster, in the folder of the user. */
function place(addresses: string): string {
  const path = join(folder, 'user', 'program.ts');
  writeFileSync(path, readFileSync('test/client/installed/program.ts', 'utf8').replace("'localhost:7371'", `'${addresses}'`));
  return path;
}

/** Compiles the program and runs it on a Node.js; ends the cluster when it says that it is ready for that. */
async function output(node: string, cluster: LocalCluster): Promise<object> {
  place(cluster.addresses);
  const user = join(folder, 'user');
  spawnSync(process.execPath, [tsc, '-p', user]);
  const child = spawn(node, ['--unhandled-rejections=strict', 'program.js'], { cwd: user });
  const exited = once(child, 'exit');
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line === 'ready') await cluster.end(1);
  }
  const [code] = (await exited) as [number | null];
  return { lines, errors, code };
}

describe('a program that uses it', () => {
  test('is type-checked against nothing but the package, strictly', () => {
    place('localhost:7371');
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      target: 'es2022',
      lib: ['ES2022', 'DOM'],
      module: 'nodenext',
      types: [],
    };
    writeFileSync(join(folder, 'user', 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(folder, 'user'), '--noEmit'], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  const programs = [
    ['the oldest Node.js that is supported', oldest],
    ['the Node.js of this repository', process.execPath],
  ] as const;
  test.each(programs.filter(([, program]) => program !== null))(
    'runs on %s: against a real cluster, and through its end',
    async (_name, program) => {
      const cluster = await LocalCluster.start({ memberCount: 1 });
      try {
        expect(await output(program!, cluster)).toEqual({
          lines: [
            'API_KEY=(secret) PORT=8080',
            'ENVIRONMENT_EXISTS',
            'CANCELLED',
            '8081',
            '8081',
            '8081',
            '1000',
            'ready',
            'cluster 8081 true',
            'DEADLINE_EXCEEDED',
            'CLIENT_CLOSED CLIENT_CLOSED',
          ],
          errors: '',
          code: 0,
        });
      } finally {
        await cluster.close();
      }
    },
    120_000,
  );
});
