/**
 * Makes a clone ready: installs what the lock file names and generates code from `proto/`, each only if it is not
 * already done. Runs before everything else, on whatever Node started npm: hence plain JavaScript and no dependency.
 * What it installs includes the Node that all the rest runs on.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** Runs `work` unless the stamp says that it was done for these very inputs. */
function once(stamp, inputs, work) {
  const wanted = inputs.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

function fail(what, next) {
  process.stderr.write(`setup: ${what}\nsetup: ${next}\n`);
  process.exit(1);
}

const installedStamp = 'node_modules/.installed';
const lock = () => createHash('sha256').update(readFileSync('package-lock.json')).update(`${process.platform}-${process.arch}`);

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) fail(`Node.js ${process.versions.node} is too old to begin with`, 'install Node.js 20 or newer and try again');

if (process.argv.includes('--installed')) {
  // npm says so itself, at the end of `npm ci` and of `npm install`.
  writeFileSync(installedStamp, lock().digest('hex'));
  process.exit(0);
}

once(installedStamp, lock(), () => {
  const began = performance.now();
  // `error`: npm runs on the machine's Node here, and would warn about every tool that wants ours.
  const args = ['ci', '--prefer-offline', '--loglevel=error'];
  const npm = process.env['npm_execpath'];
  const { status } = npm
    ? spawnSync(process.execPath, [npm, ...args], { stdio: ['ignore', 2, 2] })
    : spawnSync('npm', args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (status !== 0) {
    fail(
      'the npm packages could not be installed (npm ci failed; its own message stands above)',
      'check that the npm registry is reachable and that the disk has room, then try again',
    );
  }
  process.stderr.write(`setup: installed in ${Math.round((performance.now() - began) / 1000)} s\n`);
});

/** Every file under a folder, in a fixed order. */
function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .toSorted();
}

const generated = 'libs/wire/src/gen';
const schema = createHash('sha256').update(readFileSync('buf.gen.yaml')).update(readFileSync('buf.yaml')).update(lock().digest());
for (const file of filesUnder('proto')) schema.update(file).update(readFileSync(file));
once(join(generated, '.generated'), schema, () => {
  rmSync(generated, { recursive: true, force: true });
  const path = `${join(process.cwd(), 'node_modules', '.bin')}${process.platform === 'win32' ? ';' : ':'}${process.env['PATH']}`;
  const { status } = spawnSync('buf', ['generate'], {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, PATH: path },
    shell: process.platform === 'win32',
  });
  if (status !== 0)
    fail(
      'no code could be generated from proto/ (buf generate failed; its message stands above)',
      'mend the .proto file that it names and try again',
    );
});
