import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

import type { FaultyNetwork, Trouble } from './network.ts';

/** Why no namespaces are to be had here, or null when they are. */
export function namespacesMissing(): string | null {
  if (process.platform !== 'linux') return `network namespaces are Linux's, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'only root can make network namespaces';
  for (const tool of ['ip', 'nft', 'nsenter']) {
    if (spawnSync(tool, ['--version']).error !== undefined) return `there is no ${tool} (Debian: iproute2, nftables, util-linux)`;
  }
  const name = `${prefix}try`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status === 0) spawnSync('ip', ['netns', 'delete', name]);
  return made.status === 0 ? null : `this root may not make network namespaces: ${made.stderr.trim()}`;
}

/** What all names of ours begin with. Names of links have 15 characters at most. */
const prefix = 'ecf';

/**
 * A network namespace for each member, all on one bridge. Packets are dropped where they arrive, by the address that they came
 * from, so that a way can be cut in one direction alone and whoever sends learns nothing. The test itself is on the bridge too.
 */
export class Namespaces implements FaultyNetwork {
  readonly name = 'network namespaces';
  readonly kinds = ['cut', 'loss'] as const;
  readonly #tag = randomBytes(2).toString('hex');
  /** A network of our own out of 198.18.0.0/15, which is set apart for tests (RFC 2544). */
  readonly #net = `198.18.${randomBytes(1)[0]!}`;
  readonly #ids: readonly number[];

  /** Throws when it cannot be set up; nothing is left then. */
  constructor(ids: readonly number[]) {
    this.#ids = ids;
    try {
      this.#setUp();
    } catch (error) {
      this.#takeDown();
      throw error;
    }
  }

  hostOf(memberId: number): string {
    return `${this.#net}.${memberId}`;
  }

  launcherOf(memberId: number): readonly string[] {
    // It becomes the program, so that the id of the process is the member's.
    return ['nsenter', `--net=/run/netns/${this.#space(memberId)}`, '--'];
  }

  async reachedBy(_memberId: number, listen: string): Promise<string> {
    return listen;
  }

  started(): void {}

  async set(troubles: readonly Trouble[]): Promise<void> {
    for (const id of this.#ids) {
      const rules = troubles.flatMap((trouble) =>
        trouble.ways.filter((way) => way.to === id).map((way) => `ip saddr ${this.hostOf(way.from)} ${verdictOf(trouble)}`),
      );
      // One transaction: between two sets of rules there is no moment without any.
      const chain = ['type filter hook input priority 0', ...rules].map((line) => `${line}\n`).join('');
      const table = `table ip faults {}\nflush table ip faults\ntable ip faults {\nchain in {\n${chain}}\n}\n`;
      run('nsenter', [`--net=/run/netns/${this.#space(id)}`, 'nft', '-f', '-'], table);
    }
  }

  async close(): Promise<void> {
    this.#takeDown();
  }

  #space(memberId: number): string {
    return `${prefix}${this.#tag}n${memberId}`;
  }

  get #bridge(): string {
    return `${prefix}${this.#tag}b`;
  }

  #setUp(): void {
    run('ip', ['link', 'add', this.#bridge, 'type', 'bridge']);
    run('ip', ['address', 'add', `${this.#net}.254/24`, 'dev', this.#bridge]);
    run('ip', ['link', 'set', this.#bridge, 'up']);
    for (const id of this.#ids) {
      const space = this.#space(id);
      const outside = `${prefix}${this.#tag}v${id}`;
      run('ip', ['netns', 'add', space]);
      run('ip', ['link', 'add', outside, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space]);
      run('ip', ['link', 'set', outside, 'master', this.#bridge, 'up']);
      run('ip', ['-netns', space, 'address', 'add', `${this.hostOf(id)}/24`, 'dev', 'eth0']);
      run('ip', ['-netns', space, 'link', 'set', 'eth0', 'up']);
      run('ip', ['-netns', space, 'link', 'set', 'lo', 'up']);
    }
  }

  /** Of what there is: a set-up that failed half-way is taken down by it as well. */
  #takeDown(): void {
    for (const id of this.#ids) spawnSync('ip', ['netns', 'delete', this.#space(id)]);
    spawnSync('ip', ['link', 'delete', this.#bridge]);
  }
}

function verdictOf({ kind, lossPercent = 0 }: Trouble): string {
  return kind === 'cut' ? 'drop' : `numgen random mod 100 < ${lossPercent} drop`;
}

function run(program: string, args: readonly string[], input?: string): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', input });
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}${input === undefined ? '' : `\n${input}`}`);
}
