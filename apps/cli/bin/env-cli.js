#!/usr/bin/env node
// Plain JavaScript and in the repository, so that npm links it before anything is built.
import { existsSync } from 'node:fs';
import module from 'node:module';

const [major, minor] = process.versions.node.split('.').map(Number);
const main = new URL('../dist/bundle-main.js', import.meta.url);

if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `env-cli: Node.js ${process.versions.node} is too old. In a clone use 'npx env-cli', which brings its own.\n`,
  );
  process.exitCode = 1;
} else if (!existsSync(main)) {
  process.stderr.write("env-cli: it is not built yet. Run 'npm run build' in the clone first.\n");
  process.exitCode = 1;
} else {
  // What was compiled once is read the next time: a third of the time to start. Only from a folder of the user's own: whoever
  // writes there decides what this program does, and Node's default is a folder that all users share.
  const { NODE_COMPILE_CACHE, XDG_CACHE_HOME, HOME } = process.env;
  const cache = XDG_CACHE_HOME || (HOME && `${HOME}/.cache`);
  if (NODE_COMPILE_CACHE || cache) module.enableCompileCache(NODE_COMPILE_CACHE || `${cache}/env-cli/compiled`);
  await import(main.href);
}
