import { readFileSync } from 'node:fs';

import { describe, expect, test } from '@jest/globals';

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { readonly packages: Readonly<Record<string, LockEntry>> };

/** Looks where Node would: beside the package that asks, then in each folder above it. */
function isHeld(name: string, askedBy: string): boolean {
  for (let folder = askedBy; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in lock.packages) return true;
    if (folder === '') return false;
    if (!folder.includes('node_modules/')) return `node_modules/${name}` in lock.packages;
  }
}

describe('the lock file installs on every machine', () => {
  test('it names no address to download from', () => {
    const addressed = Object.entries(lock.packages).filter(([, entry]) => entry.resolved?.includes('://') === true);
    expect(addressed.map(([path]) => path)).toEqual([]);
  });

  test('it holds the packages of every platform, so that npm ci accepts it everywhere (else: node tools/complete-lock.mjs)', () => {
    const missing = Object.entries(lock.packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {})
        .filter((name) => !isHeld(name, path))
        .map((name) => `${name} of ${path || 'the root'}`),
    );
    expect(missing).toEqual([]);
  });
});
