/**
 * Packs the server as it is built now into one small file of `test/compat/builds`, for tests of upgrades: `npm run pack:build -- NAME`.
 *
 * What of it runs in threads stays a program of its own. Everything is bundled but the packages below, which are binaries or read files of their
 * own: those are taken from the `node_modules` of the clone that runs it. test/compat/README.md says when a build is packed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';

import { build } from 'esbuild';

/** Packages that stay outside: `lmdb` is a binary, `reflect-metadata` changes what all share, the others find files beside themselves. */
const outside = ['lmdb', 'reflect-metadata', '@grpc/reflection', 'grpc-health-check', 'pino', 'thread-stream'];
/** Parts of Nest that it asks for and does without. */
const absent = [
  '@nestjs/websockets/*',
  '@nestjs/platform-express',
  'class-transformer',
  'class-transformer/*',
  'class-validator',
  'amqp-connection-manager',
  'amqplib',
  'cache-manager',
  'ioredis',
  'kafkajs',
  'mqtt',
  'nats',
  '@nats-io/*',
];

function fail(problem) {
  process.stderr.write(`pack-build: ${problem}\n`);
  process.exit(1);
}

function git(...args) {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** The licences of all packages that a bundle holds something of, the text of each as its package brings it. */
function licencesOf(inputs) {
  const folders = new Set(inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean));
  const texts = [...folders]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)/i.test(one));
      const text = file === undefined ? 'It brings no text of it.' : readFileSync(join(folder, file), 'utf8').trim();
      return `${name} ${version} (${license})\n\n${text}\n`;
    });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const name = process.argv[2];
if (name === undefined || !/^[a-z0-9][a-z0-9.-]*$/.test(name)) {
  fail('it wants the name of the build: its feature level and what it is known by, such as level-2-quota');
}
const { version } = JSON.parse(readFileSync('apps/server/package.json', 'utf8'));
const commit = git('rev-parse', 'HEAD');
const { outputFiles, metafile } = await build({
  entryPoints: {
    main: 'apps/server/dist/main.js',
    'consensus-worker': 'apps/server/dist/member/consensus.worker.js',
    'apply-worker': 'apps/server/dist/member/apply.worker.js',
    'backup-worker': 'apps/server/dist/member/backup.worker.js',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  write: false,
  minify: true,
  keepNames: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  external: [...outside, ...absent],
  // What is written for CommonJS asks for parts of Node by `require`, which a module does not have.
  banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  // Whole licences go beside it instead.
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});
const files = Object.fromEntries(outputFiles.map(({ path, text }) => [`dist/${path.split(/[\\/]/).at(-1)}`, text]));
files['THIRD-PARTY-LICENSES.txt'] = licencesOf(Object.keys(metafile.inputs));
const workers = ['consensus-worker', 'apply-worker', 'backup-worker'];
files['package.json'] = JSON.stringify({
  // Under its own name it finds the programs of its threads, as in the clone.
  name: '@env-cli/server',
  version,
  type: 'module',
  exports: Object.fromEntries(workers.map((worker) => [`./${worker}`, `./dist/${worker}.js`])),
});
const text = Buffer.from(JSON.stringify({ format: 1, name, commit, version, files }));
const packed = brotliCompressSync(text, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
  },
});
const folder = 'test/compat/builds';
mkdirSync(folder, { recursive: true });
const file = join(folder, `${name}.json.br`);
writeFileSync(file, packed);
process.stdout.write(`${file}: ${packed.length} bytes, ${Object.keys(files).length} files\n`);
