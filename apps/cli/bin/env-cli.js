#!/usr/bin/env node
// Plain JavaScript and in the repository, so that npm links it before anything is built.
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
const main = new URL('../dist/main.js', import.meta.url);

if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `env-cli: Node.js ${process.versions.node} is too old. In a clone use 'npx env-cli', which brings its own.\n`,
  );
  process.exitCode = 1;
} else if (!existsSync(main)) {
  process.stderr.write("env-cli: it is not built yet. Run 'npm run build' in the clone first.\n");
  process.exitCode = 1;
} else {
  await import(main.href);
}
