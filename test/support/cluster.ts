import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { freePorts } from './free-ports.ts';

/** One member of a {@link LocalCluster}: a process of its own. */
export interface MemberProcess {
  readonly id: number;
  readonly dataDir: string;
  readonly apiAddress: string;
  readonly peerAddress: string;
  readonly metricsPort: number;
  /** Null while it does not run. */
  process: ChildProcess | null;
  /** What it has written to its log so far, newest last; at most {@link logCharactersMax}. */
  log: string;
}

export interface ClusterOptions {
  /** Defaults to 3. */
  readonly memberCount?: number;
  /** Flags that every member gets besides its own. */
  readonly flags?: readonly string[];
  /** Flags of one member besides its own. */
  readonly memberFlags?: (memberId: number) => readonly string[];
  /** Flags for Node itself, for one member: profiling. */
  readonly nodeFlags?: (memberId: number) => readonly string[];
  /** Environment variables that every member gets besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Keeps secrets as they are, for a control. Defaults to false: a master key beside the data. */
  readonly plainSecrets?: boolean;
  /** Where the data lies. Defaults to a temporary folder that `close` removes. */
  readonly directory?: string;
}

const logCharactersMax = 200_000;
/** How often a condition that only polling can see is looked at. */
const pollMs = 20;

/** A cluster of real server processes on this machine, on free ports, in a temporary folder. */
export class LocalCluster {
  readonly members: readonly MemberProcess[];
  readonly directory: string;
  readonly #options: ClusterOptions;

  /** Makes the folders and picks the ports; nothing runs yet. */
  static async create(options: ClusterOptions = {}): Promise<LocalCluster> {
    const count = options.memberCount ?? 3;
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'env-cli-'));
    const ports = await freePorts(count * 3);
    const members = Array.from({ length: count }, (_, i) => ({
      id: i + 1,
      dataDir: join(directory, `member-${i + 1}`),
      apiAddress: `127.0.0.1:${ports[i * 3]}`,
      peerAddress: `127.0.0.1:${ports[i * 3 + 1]}`,
      metricsPort: ports[i * 3 + 2]!,
      process: null,
      log: '',
    }));
    const cluster = new LocalCluster(members, directory, options);
    mkdirSync(directory, { recursive: true });
    if (!existsSync(cluster.masterKeyFile))
      writeFileSync(cluster.masterKeyFile, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    return cluster;
  }

  /** A cluster that runs and is ready. */
  static async start(options: ClusterOptions = {}): Promise<LocalCluster> {
    const cluster = await LocalCluster.create(options);
    for (const member of cluster.members) cluster.startMember(member.id);
    await cluster.ready();
    return cluster;
  }

  private constructor(members: readonly MemberProcess[], directory: string, options: ClusterOptions) {
    this.members = members;
    this.directory = directory;
    this.#options = options;
  }

  /** The members' master key. */
  get masterKeyFile(): string {
    return join(this.directory, 'master.key');
  }

  /** API addresses of all members, as the client takes them. */
  get addresses(): string {
    return this.members.map((member) => member.apiAddress).join(',');
  }

  member(id: number): MemberProcess {
    const member = this.members[id - 1];
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  /** Starts a member's process. It is given the bootstrap flag each time, as an operator's unit file would. */
  startMember(id: number): MemberProcess {
    const member = this.member(id);
    if (member.process !== null) throw new Error(`member ${id} runs already`);
    const child = spawn(
      process.execPath,
      [
        ...(this.#options.nodeFlags?.(id) ?? []),
        'apps/server/dist/main.js',
        `--member-id=${id}`,
        `--data-dir=${member.dataDir}`,
        `--listen=${member.apiAddress}`,
        `--peer-listen=${member.peerAddress}`,
        `--metrics-port=${member.metricsPort}`,
        '--bootstrap',
        `--members=${this.members.map((other) => `${other.id}=${other.peerAddress}`).join(',')}`,
        this.#options.plainSecrets === true ? '--plain-secrets' : `--master-key-file=${this.masterKeyFile}`,
        '--log-format=json',
        ...(this.#options.flags ?? []),
        ...(this.#options.memberFlags?.(id) ?? []),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.#options.env, NODE_OPTIONS: '' } },
    );
    member.process = child;
    const keep = (chunk: Buffer): void => {
      member.log = `${member.log}${chunk.toString()}`.slice(-logCharactersMax);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.once('exit', () => {
      if (member.process === child) member.process = null;
    });
    return member;
  }

  /** Resolves when every member that runs says that it is ready. Throws with the logs after `timeoutMs`. */
  async ready(timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (const member of this.members) {
      while (member.process !== null && !(await this.isReady(member.id))) {
        if (performance.now() > deadline)
          throw new Error(`member ${member.id} is not ready; its log ends with:\n${member.log.slice(-4000)}`);
        await pause(pollMs);
      }
    }
    const dead = this.members.filter((member) => member.process === null && member.log !== '');
    if (dead.length === this.members.length)
      throw new Error(`no member runs; the last log ends with:\n${dead.at(-1)?.log.slice(-4000)}`);
  }

  /** Resolves once something is so that only polling can see. Throws after `timeoutMs`. */
  async until(isSo: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!isSo()) {
      if (performance.now() > deadline) throw new Error(`it was not so for ${timeoutMs} ms`);
      await pause(pollMs);
    }
  }

  /** Whether a member answers /readyz with 200. */
  async isReady(id: number): Promise<boolean> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.member(id).metricsPort}/readyz`, { signal: AbortSignal.timeout(1000) });
      return answer.status === 200;
    } catch {
      return false;
    }
  }

  /** Sends a signal to a member's process, by its id. */
  signal(id: number, signal: NodeJS.Signals): void {
    const child = this.member(id).process;
    if (child?.pid !== undefined) process.kill(child.pid, signal);
  }

  /** Sends a signal and waits until the process is gone. Answers its exit code, or null when a signal ended it. */
  async end(id: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.member(id).process;
    if (child === null) return null;
    const gone = once(child, 'exit') as Promise<[number | null]>;
    this.signal(id, signal);
    return (await gone)[0];
  }

  /** Waits until a member's process ends by itself. */
  async exited(id: number, timeoutMs = 30_000): Promise<number | null> {
    const child = this.member(id).process;
    if (child === null) return null;
    const [code] = (await once(child, 'exit', { signal: AbortSignal.timeout(timeoutMs) })) as [number | null];
    return code;
  }

  /** Kills what still runs and removes the folder, unless it was given. */
  async close(): Promise<void> {
    await Promise.all(
      this.members.map(async (member) => {
        this.signal(member.id, 'SIGCONT');
        await this.end(member.id);
      }),
    );
    if (this.#options.directory === undefined) rmSync(this.directory, { recursive: true, force: true });
  }
}
