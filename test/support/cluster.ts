import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { freePorts } from '../../apps/server/src/testing/free-ports.ts';

/** A place of a {@link LocalCluster} and its member: a process of its own. */
export interface MemberProcess {
  /** Its place, from 1: what it is called by here. It is its number as well, until a new member takes the place. */
  readonly id: number;
  /** Its number in the cluster; 0: the place is free. */
  memberId: number;
  dataDir: string;
  /** Where clients and other members reach its API. */
  readonly apiAddress: string;
  /** Where other members reach it. */
  readonly peerAddress: string;
  /** Where it listens for both. */
  readonly listens: { readonly api: string; readonly peer: string };
  /** Of {@link metricsHost}. */
  readonly metricsPort: number;
  readonly metricsHost: string;
  /** Null while it does not run. */
  process: ChildProcess | null;
  /** What it has written to its log so far, newest last; at most {@link logCharactersMax}. */
  log: string;
}

/** Where members live, and by which addresses they and clients reach one another. Members are called by their places. */
export interface MemberNetwork {
  /** The address that a member listens on. */
  hostOf(memberId: number): string;
  /** What stands before the program: what puts it into its place. */
  launcherOf(memberId: number): readonly string[];
  /** The address by which a listener of a member is reached, both `host:port`. Called once for each, before any member runs. */
  reachedBy(memberId: number, listen: string): Promise<string>;
  /** Is told the process of a member, each time that one was started. */
  started(memberId: number, pid: number): void;
}

export interface ClusterOptions {
  /** Defaults to 3. */
  readonly memberCount?: number;
  /** Free places, for members that join. Defaults to 0. */
  readonly spareCount?: number;
  /** Flags that every member gets besides its own. */
  readonly flags?: readonly string[];
  /** Flags of one member besides its own. Asked at each start. */
  readonly memberFlags?: (memberId: number) => readonly string[];
  /** The program of a member. Asked at each start. Defaults to the server as it is built. */
  readonly program?: (memberId: number) => string;
  /** Flags for Node itself, for one member: profiling. */
  readonly nodeFlags?: (memberId: number) => readonly string[];
  /** Environment variables that every member gets besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Environment variables of one member besides those. Asked at each start. */
  readonly memberEnv?: (memberId: number) => Readonly<Record<string, string>>;
  /** Where members live and how they reach one another. Defaults to 127.0.0.1, straight. */
  readonly network?: MemberNetwork;
  /** Keeps secrets as they are, for a control. Defaults to false: a master key beside the data. */
  readonly plainSecrets?: boolean;
  /** Where the data lies. Defaults to a temporary folder that `close` removes. */
  readonly directory?: string;
}

const loopbackHost = '127.0.0.1';

/** All members on this machine, reached as they listen. */
const loopback: MemberNetwork = {
  hostOf: () => loopbackHost,
  launcherOf: () => [],
  reachedBy: async (_memberId, listen) => listen,
  started: () => undefined,
};

const logCharactersMax = 200_000;
/** How often a condition that only polling can see is looked at. */
const pollMs = 20;

/** A cluster of real server processes on this machine, on free ports, in a temporary folder. */
export class LocalCluster {
  readonly members: readonly MemberProcess[];
  readonly directory: string;
  readonly #options: ClusterOptions;
  /** The flags by which each place's member came to the cluster. It is given them each time, as an operator's unit file would. */
  readonly #formation = new Map<number, readonly string[]>();

  /** Makes the folders and picks the ports; nothing runs yet. */
  static async create(options: ClusterOptions = {}): Promise<LocalCluster> {
    const founders = options.memberCount ?? 3;
    const count = founders + (options.spareCount ?? 0);
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'env-cli-'));
    const ports = await freePorts(count * 3);
    const network = options.network ?? loopback;
    const members: MemberProcess[] = [];
    for (let i = 0; i < count; i++) {
      const id = i + 1;
      const host = network.hostOf(id);
      const listens = { api: `${host}:${ports[i * 3]}`, peer: `${host}:${ports[i * 3 + 1]}` };
      members.push({
        id,
        memberId: id <= founders ? id : 0,
        dataDir: join(directory, `member-${id}`),
        apiAddress: await network.reachedBy(id, listens.api),
        peerAddress: await network.reachedBy(id, listens.peer),
        listens,
        metricsPort: ports[i * 3 + 2]!,
        metricsHost: host,
        process: null,
        log: '',
      });
    }
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
    const list = this.#listOf(members.filter(({ memberId }) => memberId > 0));
    for (const { id, memberId } of members) if (memberId > 0) this.#formation.set(id, ['--bootstrap', list]);
  }

  #listOf(members: readonly MemberProcess[]): string {
    return `--members=${members.map(({ memberId, peerAddress }) => `${memberId}=${peerAddress}`).join(',')}`;
  }

  /** The members' master key. */
  get masterKeyFile(): string {
    return join(this.directory, 'master.key');
  }

  /** API addresses of all places, as the client takes them. */
  get addresses(): string {
    return this.members.map((member) => member.apiAddress).join(',');
  }

  member(id: number): MemberProcess {
    const member = this.members[id - 1];
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  /** Starts a new member with an empty directory at a place whose member has ended. It waits until the cluster adds it. */
  joinMember(id: number, memberId: number): MemberProcess {
    const member = this.member(id);
    if (member.process !== null) throw new Error(`member ${id} still runs`);
    member.memberId = memberId;
    member.dataDir = join(this.directory, `member-${memberId}`);
    member.log = '';
    this.#formation.set(id, ['--join', this.#listOf(this.members.filter((other) => other.memberId > 0))]);
    return this.startMember(id);
  }

  /** Makes the place of a member that was removed and has ended free for another. */
  vacate(id: number): void {
    const member = this.member(id);
    if (member.process !== null) throw new Error(`member ${id} still runs`);
    member.memberId = 0;
  }

  /** Starts the process of a place's member. */
  startMember(id: number): MemberProcess {
    const member = this.member(id);
    if (member.process !== null) throw new Error(`member ${id} runs already`);
    const formation = this.#formation.get(id);
    if (member.memberId === 0 || formation === undefined) throw new Error(`place ${id} is free`);
    const launcher = (this.#options.network ?? loopback).launcherOf(id);
    const [program, ...before] = launcher.length === 0 ? [process.execPath] : [...launcher, process.execPath];
    const child = spawn(
      program!,
      [
        ...before,
        ...(this.#options.nodeFlags?.(id) ?? []),
        this.#options.program?.(id) ?? 'apps/server/dist/main.js',
        `--member-id=${member.memberId}`,
        `--data-dir=${member.dataDir}`,
        `--listen=${member.listens.api}`,
        `--peer-listen=${member.listens.peer}`,
        `--metrics-port=${member.metricsPort}`,
        ...(member.apiAddress === member.listens.api ? [] : [`--advertise=${member.apiAddress}`]),
        ...(member.metricsHost === loopbackHost ? [] : [`--metrics-host=${member.metricsHost}`, '--insecure']),
        ...formation,
        this.#options.plainSecrets === true ? '--plain-secrets' : `--master-key-file=${this.masterKeyFile}`,
        '--log-format=json',
        ...(this.#options.flags ?? []),
        ...(this.#options.memberFlags?.(id) ?? []),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: this.#envOf(id) },
    );
    member.process = child;
    if (child.pid !== undefined) this.#options.network?.started(id, child.pid);
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

  #envOf(id: number): NodeJS.ProcessEnv {
    const { env, memberEnv } = this.#options;
    return { ...process.env, ...env, ...memberEnv?.(id), NODE_OPTIONS: '' };
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
    const { metricsHost, metricsPort } = this.member(id);
    try {
      const answer = await fetch(`http://${metricsHost}:${metricsPort}/readyz`, { signal: AbortSignal.timeout(1000) });
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
