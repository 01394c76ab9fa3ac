import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { freePorts } from '../../apps/server/src/testing/free-ports.ts';

/** An emulator of AWS, or why it cannot be had here. */
export type Emulator = { readonly python: string; readonly name: EmulatorName } | { readonly missing: string };

/** Which emulator. What each is trusted for is told in docs/decisions/0026-mirrors-to-aws.md. */
export type EmulatorName = 'moto' | 'ministack';

interface Recipe {
  readonly requirement: string;
  readonly args: (port: number) => readonly string[];
  readonly env: (port: number) => Readonly<Record<string, string>>;
  readonly healthPath: string;
  readonly account: string;
}

const recipes: Readonly<Record<EmulatorName, Recipe>> = {
  moto: {
    requirement: 'moto[server]==5.2.5',
    args: (port) => ['-c', 'import sys; from moto.server import main; sys.exit(main())', '-H', '127.0.0.1', '-p', String(port)],
    env: () => ({}),
    healthPath: '/moto-api/data.json',
    account: '123456789012',
  },
  ministack: {
    requirement: 'ministack==1.5.33',
    args: () => ['-m', 'ministack'],
    env: (port) => ({ BIND_HOST: '127.0.0.1', GATEWAY_PORT: String(port) }),
    healthPath: '/_ministack/health',
    account: '000000000000',
  },
};

/** Where tools of other languages are kept: installed once for a clone, and in no commit. */
const cache = resolve('.cache');
const startMsMax = 30_000;

/** Installs an emulator unless it is there. Twice at once is once too often, and harmless. */
export function emulator(name: EmulatorName): Emulator {
  const { requirement } = recipes[name];
  const home = join(cache, 'aws-emulators', requirement.replaceAll(/[^a-z0-9.]+/g, '-'));
  const python = join(home, 'bin', 'python');
  if (existsSync(python)) return { python, name };
  if (spawnSync('python3', ['--version'], { stdio: 'ignore' }).status !== 0) return { missing: 'there is no Python 3' };
  mkdirSync(join(cache, 'aws-emulators'), { recursive: true });
  // Made aside and moved to its place: whoever finds the place filled finds it whole.
  const aside = mkdtempSync(join(cache, 'aws-emulators', 'making-'));
  try {
    for (const [command, args] of [
      ['python3', ['-m', 'venv', aside]],
      [join(aside, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement]],
    ] as const) {
      const step = spawnSync(command, args, { encoding: 'utf8' });
      if (step.status !== 0) return { missing: `${requirement} could not be installed: ${step.stderr.slice(-300)}` };
    }
    if (!existsSync(home)) renameSync(aside, home);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return { python, name };
}

/** An emulator that runs. */
export class RunningEmulator {
  readonly name: EmulatorName;
  readonly account: string;
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;

  private constructor(name: EmulatorName, port: number, process: ChildProcess) {
    this.name = name;
    this.account = recipes[name].account;
    this.port = port;
    this.#process = process;
    this.#exited = new Promise((done) => process.once('exit', () => done()));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What a process is given so that the AWS SDK in it finds this emulator, with credentials that are nobody's. */
  get clientEnv(): Readonly<Record<string, string>> {
    return {
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'of-the-emulator',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  }

  static async start({ python, name }: Extract<Emulator, { python: string }>): Promise<RunningEmulator> {
    const [port] = await freePorts(1);
    const { args, env, healthPath } = recipes[name];
    const child = spawn(python, args(port!), { env: { ...process.env, ...env(port!) }, stdio: 'ignore' });
    const running = new RunningEmulator(name, port!, child);
    const deadline = performance.now() + startMsMax;
    for (;;) {
      try {
        if ((await fetch(`${running.endpoint}${healthPath}`)).ok) return running;
      } catch {
        // It does not listen yet, and there is no event that says so.
      }
      if (child.exitCode !== null || performance.now() > deadline) {
        await running.stop();
        throw new Error(`${name} did not start`);
      }
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }

  /** Ends it and waits for its end. */
  async stop(): Promise<void> {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL');
    await this.#exited;
  }
}

/** An emulator that can be started, or null where it cannot be had: then tests are skipped, and fail where everything must be there. */
export function emulatorOrSkip(name: EmulatorName): Extract<Emulator, { python: string }> | null {
  const found = emulator(name);
  if ('python' in found) return found;
  if (process.env['CI'] === 'true') throw new Error(found.missing);
  process.stderr.write(`skipped: ${found.missing}\n`);
  return null;
}
