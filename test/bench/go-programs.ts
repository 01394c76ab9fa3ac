import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What only Go can give: the system that is compared with, and generators that are cheap enough not to measure themselves. */
export interface GoPrograms {
  readonly etcd: string;
  /** etcd's own load generator. */
  readonly benchmark: string;
  /** Calls one unary method of any gRPC server; see etcd/unary/main.go. */
  readonly unary: string;
}

const source = 'test/bench/etcd';
/** Packages by program. */
const packages = {
  etcd: 'go.etcd.io/etcd/server/v3',
  benchmark: 'go.etcd.io/etcd/v3/tools/benchmark',
  unary: './unary',
} as const;

/** The longest that one build may take: all of etcd and its modules, from nothing. */
const buildMsMax = 15 * 60_000;

/** Builds the programs into `directory`, unless they are there. Answers why not, where that cannot be done. */
export async function goPrograms(directory: string): Promise<GoPrograms | { readonly missing: string }> {
  try {
    await run('go', ['version'], { timeout: 30_000 });
  } catch {
    return { missing: 'there is no `go` on this machine (https://go.dev/dl): no etcd to compare with, and no unary calls' };
  }
  const programs: GoPrograms = {
    etcd: join(directory, 'etcd'),
    benchmark: join(directory, 'benchmark'),
    unary: join(directory, 'unary'),
  };
  const stamp = join(directory, 'built');
  const wanted = sourceHash();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return programs;
  // In a copy: Go completes go.mod by what the modules need.
  const copy = join(directory, 'source');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  cpSync(source, copy, { recursive: true });
  try {
    for (const name of Object.keys(packages) as (keyof typeof packages)[]) {
      process.stderr.write(`bench: building ${name} (a minute or two, once)\n`);
      await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', join('..', name), packages[name]], {
        cwd: copy,
        env: { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' },
        timeout: buildMsMax,
        killSignal: 'SIGKILL',
      });
    }
  } catch (error) {
    return { missing: `etcd could not be built: ${(error as Error).message.trim().split('\n').slice(-3).join(' ')}` };
  }
  rmSync(copy, { recursive: true, force: true });
  writeFileSync(stamp, wanted);
  return programs;
}

function sourceHash(): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true }).filter((found) => found.isFile())) {
    hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)));
  }
  return hash.digest('hex');
}
