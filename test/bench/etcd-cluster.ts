import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { freePorts } from '../../apps/server/src/testing/free-ports.ts';

interface EtcdMember {
  readonly client: string;
  readonly process: ChildProcess;
}

const membersCount = 3;
const logCharactersMax = 20_000;
const readyMsMax = 60_000;
const pollMs = 50;

/** The key that is read. */
export const readKey = 'bench';

/** Three members of etcd on this machine, with its default settings. */
export class EtcdCluster {
  readonly #directory: string;
  readonly #members: EtcdMember[] = [];
  #log = '';

  /** Starts the members in `directory`, which is theirs, and waits for a leader. */
  static async start(program: string, directory: string): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(directory);
    try {
      await cluster.#start(program);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Addresses of all members, `host:port`, separated by commas. */
  get endpoints(): string {
    return this.#members.map((member) => member.client.replace('http://', '')).join(',');
  }

  get pids(): readonly number[] {
    return this.#members.flatMap((member) => member.process.pid ?? []);
  }

  /** Writes one key, through the gateway. */
  async put(key: string, value: string): Promise<void> {
    await this.#call(this.#members[0]!, 'kv/put', { key: base64(key), value: base64(value) });
  }

  /** Kills the members, waits for them, and removes what they wrote. */
  async close(): Promise<void> {
    await Promise.all(
      this.#members.map(async ({ process: child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }),
    );
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(program: string): Promise<void> {
    const ports = await freePorts(membersCount * 2);
    const peers = Array.from({ length: membersCount }, (_, i) => `m${i + 1}=${url(ports[i * 2 + 1])}`).join(',');
    for (let i = 0; i < membersCount; i++) {
      const [client, peer] = [url(ports[i * 2]), url(ports[i * 2 + 1])];
      const child = spawn(
        program,
        [
          `--name=m${i + 1}`,
          `--data-dir=${join(this.#directory, `m${i + 1}`)}`,
          `--listen-client-urls=${client}`,
          `--advertise-client-urls=${client}`,
          `--listen-peer-urls=${peer}`,
          `--initial-advertise-peer-urls=${peer}`,
          `--initial-cluster=${peers}`,
          '--log-level=error',
        ],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      child.stderr.on('data', (chunk: Buffer) => (this.#log = `${this.#log}${chunk.toString()}`.slice(-logCharactersMax)));
      this.#members.push({ client, process: child });
    }
    const deadlineMs = performance.now() + readyMsMax;
    for (const member of this.#members) {
      while (!(await this.#hasLeader(member))) {
        if (performance.now() > deadlineMs) throw new Error(`etcd does not start; its log ends with:\n${this.#log}`);
        await pause(pollMs);
      }
    }
  }

  async #hasLeader(member: EtcdMember): Promise<boolean> {
    try {
      const { leader } = (await this.#call(member, 'maintenance/status', {})) as { readonly leader?: string };
      return leader !== undefined && leader !== '0';
    } catch {
      return false;
    }
  }

  async #call(member: EtcdMember, path: string, body: object): Promise<unknown> {
    const answer = await fetch(`${member.client}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    });
    if (!answer.ok) throw new Error(`etcd answers ${path} with ${answer.status}`);
    return await answer.json();
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function url(port: number | undefined): string {
  return `http://127.0.0.1:${port}`;
}
