import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

import type { Tool } from '../clients/tools.ts';

/** The oldest Node.js that the SDK runs on. */
const major = 20;

/** A Node.js of that version: this machine's, or one that is installed once for a clone. */
export function oldestNode(): Tool {
  const paths = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  for (const path of [process.env['npm_node_execpath'], ...paths]) {
    if (path !== undefined && isOldest(path)) return { path };
  }
  const home = resolve('.cache', `node-${major}`);
  const name = `node-${process.platform}-${process.arch}`;
  const path = join(home, 'node_modules', name, 'bin', 'node');
  if (existsSync(path)) return { path };
  mkdirSync(home, { recursive: true });
  const args = ['install', '--prefix', home, '--no-audit', '--no-fund', '--no-save', `${name}@${major}`];
  const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8' });
  return status === 0 && isOldest(path)
    ? { path }
    : { missing: `there is no Node.js ${major}, and none could be installed: ${stderr}` };
}

function isOldest(path: string): boolean {
  const { error, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return error === undefined && stdout.startsWith(`v${major}.`);
}
