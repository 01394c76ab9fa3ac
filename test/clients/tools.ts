import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where tools of other languages are kept: installed once for a clone, and in no commit. */
const cache = resolve('.cache');

/** Versions that were tried together. */
const grpcurlVersion = 'v1.9.3';
const pythonPackages = [
  'grpcio==1.76.0',
  'grpcio-tools==1.76.0',
  'googleapis-common-protos==1.72.0',
  'prometheus_client==0.23.1',
] as const;

/** The Go that builds, when it is another than the first on the path. */
const goProgram: string = process.env['GO'] ?? 'go';

/** A tool, or why it cannot be had here. */
export type Tool = { readonly path: string } | { readonly missing: string };

/** `grpcurl`, built by the Go that this machine has. */
export function grpcurl(): Tool {
  const path = join(cache, 'go', 'bin', 'grpcurl');
  if (existsSync(path)) return { path };
  if (!has(goProgram)) return { missing: 'there is no Go to build grpcurl with' };
  const built = spawnSync(goProgram, ['install', `github.com/fullstorydev/grpcurl/cmd/grpcurl@${grpcurlVersion}`], {
    env: { ...process.env, GOBIN: join(cache, 'go', 'bin'), CGO_ENABLED: '0' },
    encoding: 'utf8',
  });
  return built.status === 0 ? { path } : { missing: `grpcurl could not be built: ${built.stderr}` };
}

/** A Python with the packages that generate and run gRPC clients, and that read metrics. */
export function python(): Tool {
  const home = join(cache, 'python');
  const path = join(home, 'bin', 'python');
  // Other packages, or others of their versions, are another home's.
  const ready = join(home, `ready-${createHash('sha256').update(pythonPackages.join()).digest('hex').slice(0, 12)}`);
  if (existsSync(ready)) return { path };
  if (!has('python3')) return { missing: 'there is no Python' };
  mkdirSync(cache, { recursive: true });
  const steps = [
    ['python3', ['-m', 'venv', home]],
    [path, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...pythonPackages]],
    [path, ['-c', `open(r'${ready}', 'w').close()`]],
  ] as const;
  for (const [command, args] of steps) {
    const step = spawnSync(command, args, { encoding: 'utf8' });
    if (step.status !== 0) return { missing: `the packages for Python could not be installed: ${step.stderr}` };
  }
  return { path };
}

function has(command: string): boolean {
  return spawnSync(command, ['--help'], { stdio: 'ignore' }).error === undefined;
}

/** The path of a tool. Without it a test is skipped on a machine of a person, and fails where everything must be there. */
export function pathOf(tool: Tool): string | null {
  if ('path' in tool) return tool.path;
  if (process.env['CI'] === 'true') throw new Error(tool.missing);
  process.stderr.write(`skipped: ${tool.missing}\n`);
  return null;
}
