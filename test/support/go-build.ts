import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The longest that one build may take: all of etcd and its modules, from nothing. */
const buildMsMax = 15 * 60_000;

/** A Go module of ours, and what is built of it. */
export interface GoModule<Name extends string> {
  /** Its folder. It is built in a copy: Go completes go.mod by what the modules need. */
  readonly source: string;
  /** Where the programs go, and stay: they are built once. */
  readonly directory: string;
  /** Packages by the name of the program. */
  readonly packages: Readonly<Record<Name, string>>;
  /** Called before each build, for it may take minutes. */
  readonly onBuild?: (name: Name) => void;
}

/** Builds the programs, unless they are there. Answers their paths, or why not, where that cannot be done. */
export async function buildGo<Name extends string>(
  module: GoModule<Name>,
): Promise<Readonly<Record<Name, string>> | { readonly missing: string }> {
  const { source, directory, packages, onBuild } = module;
  try {
    await run('go', ['version'], { timeout: 30_000 });
  } catch {
    return { missing: 'there is no `go` on this machine (https://go.dev/dl)' };
  }
  const names = Object.keys(packages) as Name[];
  const programs = Object.fromEntries(names.map((name) => [name, join(directory, name)])) as Record<Name, string>;
  const stamp = join(directory, 'built');
  const wanted = sourceHash(source);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return programs;
  // Of this process alone: two test processes may build at the same time, and each puts a whole program in its place.
  const copy = join(directory, `source-${process.pid}`);
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  cpSync(source, copy, { recursive: true });
  try {
    for (const name of names) {
      onBuild?.(name);
      await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', 'built', packages[name]], {
        cwd: copy,
        env: { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' },
        timeout: buildMsMax,
        killSignal: 'SIGKILL',
      });
      renameSync(join(copy, 'built'), programs[name]);
    }
  } catch (error) {
    return { missing: `${source} could not be built: ${(error as Error).message.trim().split('\n').slice(-3).join(' ')}` };
  }
  rmSync(copy, { recursive: true, force: true });
  writeFileSync(stamp, wanted);
  return programs;
}

function sourceHash(source: string): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true }).filter((found) => found.isFile())) {
    hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)));
  }
  return hash.digest('hex');
}
