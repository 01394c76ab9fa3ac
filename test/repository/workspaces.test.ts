import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, test } from '@jest/globals';

interface Manifest {
  readonly name: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}
const read = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
const root = read<Manifest>('package.json');
const manifests = (root.workspaces ?? []).flatMap((pattern) => globSync(`${pattern}/package.json`));

const importPattern = /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;

/** The packages that a file imports: `@scope/name` or `name`, without what comes with Node. */
function packagesOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(importPattern)]
    .map((match) => match[1] ?? match[2] ?? '')
    .filter((specifier) => specifier !== '' && !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .map((specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'));
}

describe.each(manifests)('%s', (path) => {
  const folder = dirname(path);
  const manifest = read<Manifest>(path);

  test('declares every package that its sources import', () => {
    const declared = new Set([manifest.name, ...Object.keys(manifest.dependencies ?? {})]);
    const forTests = new Set([...Object.keys(root.devDependencies ?? {}), ...Object.keys(manifest.devDependencies ?? {})]);
    const isTest = (file: string): boolean => folder === 'test' || file.endsWith('.test.ts') || file.includes('/testing/');
    const undeclared = globSync(`${folder}/${folder === 'test' ? '**' : 'src/**'}/*.ts`, {
      exclude: ['**/node_modules/**', '**/dist/**', '**/gen/**'],
    })
      .flatMap((file) => packagesOf(file).map((name) => ({ file, name })))
      .filter(({ file, name }) => !declared.has(name) && !(isTest(file) && forTests.has(name)))
      .map(({ file, name }) => `${file}: ${name}`);
    expect(undeclared).toEqual([]);
  });

  if (folder !== 'test') {
    test('references the projects of the workspaces that it depends on, so that tsc -b builds in order', () => {
      const references = read<{ readonly references: readonly { readonly path: string }[] }>(
        join(folder, 'tsconfig.json'),
      ).references;
      const referenced = references.map((reference) => read<Manifest>(join(folder, reference.path, 'package.json')).name);
      const wanted = Object.keys(manifest.dependencies ?? {}).filter((name) => name.startsWith('@env-cli/'));
      expect(referenced.toSorted()).toEqual(wanted.toSorted());
    });
  }
});
