/**
 * Makes the package of the SDK that installs alone, in libs/client/dist/package, and its tarball beside it.
 *
 * What libs/client needs of other workspaces is bundled into one index.js and one index.d.ts; what it needs of the registry
 * stays a dependency. The manifest is made here, since that of the workspace names workspaces that no registry has. `npm run pack:client`;
 * with a path as argument, the tarball goes into that folder.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** The oldest Node.js that the package runs on. */
const nodeMajorMin = 20;
const workspaces = ['libs/client', 'libs/wire', 'libs/support'];
const target = 'libs/client/dist/package';
const types = 'libs/client/dist/package-types';
const tarballs = process.argv[2] ?? 'libs/client/dist';

function run(command, args, options = {}) {
  const { status, stdout, error } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} failed${error ? ` (${error.message})` : ''}\n${stdout ?? ''}`);
}

/** Compiles; what is marked `@internal` is left out of the declarations. */
function compile() {
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [tsc, '-b', 'libs/client']);
  const only = ['--emitDeclarationOnly', '--stripInternal', '--declarationMap', 'false'];
  run(process.execPath, [tsc, '-p', 'libs/client', ...only, '--outDir', types, '--tsBuildInfoFile', `${types}/.tsbuildinfo`]);
}

/** Whether a module is left outside: everything but the workspaces is. */
const external = (id) => !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('@env-cli/');

/** Answers the packages that what is bundled imports. */
async function bundle(input, output, plugins) {
  const bundled = await rolldown({
    input,
    external,
    plugins,
    platform: 'node',
    transform: { target: `node${nodeMajorMin}` },
    onLog: (level, log) => {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  const { output: chunks } = await bundled.write({ dir: target, format: 'es', entryFileNames: output });
  await bundled.close();
  if (chunks.length !== 1) throw new Error(`${input} became ${chunks.length} files, not one`);
  return new Set(
    chunks[0].imports.filter((id) => !id.startsWith('node:')).map((id) => id.split('/', id.startsWith('@') ? 2 : 1).join('/')),
  );
}

/** A manifest with the dependencies that the bundle imports, at the versions that the workspaces were tested with or later ones that are compatible. */
function manifestOf(imported) {
  const { name, version, description, type, license, keywords } = read('libs/client/package.json');
  const declared = Object.assign({}, ...workspaces.map((path) => read(`${path}/package.json`).dependencies ?? {}));
  const dependencies = Object.fromEntries(
    [...imported].toSorted((a, b) => (a < b ? -1 : 1)).map((each) => [each, `^${declared[each]}`]),
  );
  const missing = [...imported].filter((each) => declared[each] === undefined);
  if (missing.length > 0) throw new Error(`no workspace declares ${missing.join(', ')}`);
  return {
    name,
    version,
    description,
    keywords,
    license,
    type,
    engines: { node: `>=${nodeMajorMin}` },
    exports: { '.': { types: './index.d.ts', default: './index.js' } },
    dependencies,
  };
}

rmSync(target, { recursive: true, force: true });
rmSync(types, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
mkdirSync(tarballs, { recursive: true });
compile();
const imported = await bundle('libs/client/dist/index.js', 'index.js', []);
const typed = await bundle(`${types}/index.d.ts`, 'index.js', [dts({ dtsInput: true, emitDtsOnly: true, tsconfig: false })]);
const manifest = manifestOf(new Set([...imported, ...typed]));
writeFileSync(`${target}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync('libs/client/README.md', `${target}/README.md`);
copyFileSync('LICENSE', `${target}/LICENSE`);
const npm = process.env['npm_execpath'];
const args = ['pack', `./${target}`, '--pack-destination', tarballs, '--json', '--loglevel=error'];
const packed = npm ? run(process.execPath, [npm, ...args]) : run('npm', args, { shell: process.platform === 'win32' });
const [entry] = Object.values(JSON.parse(packed));
process.stdout.write(`${join(tarballs, entry.filename)}\n`);
