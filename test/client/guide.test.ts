import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';

const pages = ['docs/sdk.md', 'libs/client/README.md'];
/** Beside this file, so that the examples find the package as a user's would. */
const folder = resolve('test/client/generated');

interface Example {
  readonly title: string;
  readonly path: string;
  /** What it prints; `…` stands for anything. */
  readonly output: string;
}

const examples = pages.flatMap((page, at) =>
  [...readFileSync(page, 'utf8').matchAll(/```ts\n([\s\S]*?)```(?:\s*```text\n([\s\S]*?)```)?/g)].map(
    ([, code, output], i): Example & { readonly code: string } => ({
      title: `${page}, example ${i + 1}`,
      path: join(folder, `example-${at}-${i + 1}.ts`),
      output: output ?? '',
      code: code!,
    }),
  ),
);

let cluster: LocalCluster;
let home: string;
/** What the last example printed: the next one gets it as its argument. */
let printed = '';

beforeAll(async () => {
  cluster = await LocalCluster.start({ memberCount: 1 });
  home = mkdtempSync(join(tmpdir(), 'env-cli-guide-'));
  writeFileSync(join(home, 'env-cli.key'), randomBytes(32), { mode: 0o600 });
  mkdirSync(folder, { recursive: true });
  for (const { path, code } of examples) writeFileSync(path, code.replace(/connect\('[^']*'/, `connect('${cluster.addresses}'`));
}, 90_000);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
  await cluster.close();
});

async function run(path: string): Promise<string> {
  const flags = ['--conditions=@env-cli/source', '--unhandled-rejections=strict'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, path, printed.trim()], { cwd: home });
  expect(stderr).toBe('');
  return stdout;
}

const pattern = (output: string): RegExp =>
  new RegExp(
    `^${output
      .split('…')
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  );

test('the pages have examples', () => {
  expect(examples.length).toBeGreaterThanOrEqual(8);
  expect(examples.filter(({ output }) => output === '')).toEqual([]);
});

test.each(examples)(
  '$title prints what the page says',
  async ({ path, output }) => {
    printed = await run(path);
    expect(printed).toMatch(pattern(output));
  },
  60_000,
);

test('the examples are type-checked', () => {
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = { composite: false, noEmit: true, rewriteRelativeImportExtensions: false, rootDir: resolve('.') };
  const base = { extends: resolve('tsconfig.base.json'), compilerOptions, files: examples.map(({ path }) => path) };
  writeFileSync(config, JSON.stringify(base));
  const { stdout } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', config], { encoding: 'utf8' });
  expect(stdout).toBe('');
}, 60_000);

test('the program with a cache starts again when the cluster is gone, and says that it did', async () => {
  const example = examples.find(({ code }) => code.includes('cache: {'))!;
  await cluster.end(1);
  expect(await run(example.path)).toMatch(/^from the cache, away\ndb\.internal info 9 7\n$/);
}, 60_000);
