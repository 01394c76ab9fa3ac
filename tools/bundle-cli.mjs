/**
 * Makes the program `env-cli` out of its source and its packages: a few files in `apps/cli/dist`, next to what tsc writes
 * there. Finding and reading two hundred small files would take longer than all that a short command does
 * (docs/decisions/0018-start-of-the-command-line.md). Verbs stay in files of their own, which are read when they are used.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const folder = fileURLToPath(new URL('../apps/cli/dist', import.meta.url));
mkdirSync(folder, { recursive: true });
const before = new Set(readdirSync(folder).filter((name) => /^bundle-.*\.js$/.test(name)));
const { metafile } = await build({
  entryPoints: [{ in: fileURLToPath(new URL('../apps/cli/src/main.ts', import.meta.url)), out: 'bundle-main' }],
  outdir: folder,
  chunkNames: 'bundle-[name]-[hash]',
  bundle: true,
  splitting: true,
  metafile: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  conditions: ['@env-cli/source'],
  // Used by one verb, seldom: it stays a package, which Node reads as the module that it is.
  external: ['@peculiar/x509', 'reflect-metadata'],
  // What is written for CommonJS asks for parts of Node by `require`, which a module does not have.
  banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  legalComments: 'none',
  logLevel: 'warning',
});
// Pieces of an earlier bundle that no file names any more.
for (const output of Object.keys(metafile.outputs)) before.delete(output.split('/').at(-1));
for (const name of before) rmSync(join(folder, name), { force: true });
