#!/usr/bin/env node
// Plain JavaScript and in the repository, so that npm links it before anything is built.
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
const main = new URL('../dist/main.js', import.meta.url);

if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `env-cli-server: Node.js ${process.versions.node} is too old. In a clone use 'npm start' or 'npx env-cli-server', which bring their own.\n`,
  );
  process.exitCode = 1;
} else if (!existsSync(main)) {
  process.stderr.write("env-cli-server: it is not built yet. Run 'npm run build' in the clone first.\n");
  process.exitCode = 1;
} else {
  // What Node calls experimental (its SQLite, which holds the lock of the data directory) is chosen knowingly and pinned.
  const warn = process.emitWarning.bind(process);
  process.emitWarning = (warning, ...rest) => {
    if (rest[0] !== 'ExperimentalWarning') warn(warning, ...rest);
  };
  await import(main.href);
}
