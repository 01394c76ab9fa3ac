import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeUtf8 } from '@env-cli/support';

import type { Member, Proposal, ReadNeed } from '../member.ts';
import { type MemberOptions, startMember } from '../start-member.ts';
import { freePorts } from '../../testing/free-ports.ts';

/** Real members in this process: threads, files and sockets. */
export class Members {
  readonly directory = mkdtempSync(join(tmpdir(), 'envcli-member-'));
  readonly logs: string[] = [];
  readonly #ports: readonly number[];
  readonly #members = new Map<number, Member>();
  readonly #children = new Set<ChildProcess>();

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  static async create(size: number): Promise<Members> {
    return new Members(await freePorts(size));
  }

  options(memberId: number, changes: Partial<MemberOptions> = {}): MemberOptions {
    return {
      memberId,
      dataDir: join(this.directory, `member-${memberId}`),
      peerListen: { host: '127.0.0.1', port: this.#ports[memberId - 1]! },
      apiAddress: `127.0.0.1:${7370 + memberId}`,
      found: { members: this.#ports.map((port, place) => ({ memberId: place + 1, address: `127.0.0.1:${port}` })) },
      tickMs: 30,
      reserveBytes: 1024 * 1024,
      mapBytes: 1024 * 1024 * 1024,
      logSegmentBytes: 4 * 1024 * 1024,
      ...changes,
    };
  }

  async start(memberId: number, changes: Partial<MemberOptions> = {}): Promise<Member> {
    const member = await startMember(this.options(memberId, changes), ({ level, message }) =>
      this.logs.push(`${memberId} ${level}: ${message}`),
    );
    this.#members.set(memberId, member);
    return member;
  }

  async startAll(): Promise<Member[]> {
    return Promise.all(this.#ports.map((_, place) => this.start(place + 1)));
  }

  /** Starts a member in a process of its own. Resolves once it takes part. */
  async fork(memberId: number): Promise<ChildProcess> {
    const child = this.forkOnly(memberId, { stderr: 'inherit' });
    for (;;) {
      const [{ kind }] = (await once(child, 'message')) as [{ readonly kind: string }];
      if (kind === 'started') return child;
    }
  }

  /** The same without waiting. `endThread`: the number of the thread that ends before it has begun; 0: none does. */
  forkOnly(memberId: number, { stderr, endThread = 0 }: { stderr: 'inherit' | 'pipe'; endThread?: number }): ChildProcess {
    const program = new URL('member-process.ts', import.meta.url);
    const args = [JSON.stringify(this.options(memberId)), String(endThread)];
    const child = fork(program, args, { stdio: ['ignore', 'ignore', stderr, 'ipc'] });
    this.#children.add(child);
    return child;
  }

  /** Ends a process as `kill -9` does. */
  async kill(child: ChildProcess): Promise<void> {
    this.#children.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  async stop(memberId: number): Promise<void> {
    const member = this.#members.get(memberId);
    this.#members.delete(memberId);
    await member?.stop(1_000);
  }

  /** The member that leads, once all that run agree on it. */
  async leader(): Promise<Member> {
    return eventually(() => {
      const members = [...this.#members.values()];
      const leaders = members.filter((member) => member.view().role === 'leader');
      const [leader] = leaders.toSorted((a, b) => b.view().term - a.view().term);
      const agreed = leader !== undefined && members.every((member) => member.view().leaderId === leader.identity.memberId);
      return agreed ? leader : null;
    });
  }

  async follower(): Promise<Member> {
    const leader = await this.leader();
    return [...this.#members.values()].find((member) => member !== leader)!;
  }

  /** By number, whichever of them was ready first. */
  get running(): Member[] {
    return [...this.#members].toSorted(([a], [b]) => a - b).map(([, member]) => member);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.kill(child)));
    await Promise.all([...this.#members.keys()].map((memberId) => this.stop(memberId)));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Asks every few milliseconds until it is so. Jest's time limit bounds it. */
export async function eventually<T>(look: () => T | null): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A write of one variable. */
export function setting(environment: string, name: string, value: string): Proposal {
  return {
    level: 1,
    group: 1,
    namespace: 'default',
    principal: 'test',
    authorisationRevision: 0,
    session: null,
    reason: new Uint8Array(),
    body: {
      kind: 'write',
      conditions: [],
      operations: [
        {
          kind: 'set',
          environment,
          createIfAbsent: true,
          variables: [
            { name, value: { kind: 'plain', bytes: encodeUtf8(value) }, secret: null, hash: null, type: null, comment: null },
          ],
        },
      ],
    },
  };
}

export function soon(ms = 5_000): number {
  return performance.now() + ms;
}

export function need(kind: 'strong' | 'any', appliedIndex = 0): ReadNeed {
  return { freshness: { kind }, appliedIndex, deadline: soon() };
}
