import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';

import type { FaultyNetwork, Trouble, Way } from './network.ts';

/** Bytes that one direction of a connection may hold back; then nothing more is read from whoever sends. */
const heldBytesMax = 1 << 20;

/** What TCP waits at least before it sends a lost packet again, and all behind it waits with it (RFC 6298; 200 ms on Linux). */
const retransmitMs = 200;

/** Why members cannot be told apart by a proxy here, or null when they can. */
export function proxiesMissing(): string | null {
  if (process.platform !== 'linux') return `who dials is read from /proc, and this is ${process.platform}`;
  return null;
}

/**
 * A proxy before each listener, in this process, for where namespaces are not to be had; and it can delay. All members have one
 * list of addresses, so who dials is found by the process that holds the other end of the connection.
 *
 * What arrives on a way that is cut is held, and goes on when the way is whole again: what TCP makes of lost packets.
 */
export class Proxies implements FaultyNetwork {
  readonly name = 'proxies';
  readonly kinds = ['cut', 'delay', 'loss'] as const;
  readonly #fraction: () => number;
  readonly #pids = new Map<number, number>();
  readonly #servers: Server[] = [];
  readonly #lanes = new Set<Lane>();
  #troubles: readonly Trouble[] = [];

  /** `fraction`: numbers of [0, 1), by which is drawn what is lost. */
  constructor(fraction: () => number) {
    this.#fraction = fraction;
  }

  hostOf(): string {
    return '127.0.0.1';
  }

  launcherOf(): readonly string[] {
    return [];
  }

  async reachedBy(memberId: number, listen: string): Promise<string> {
    const [host, port] = [listen.slice(0, listen.lastIndexOf(':')), Number(listen.slice(listen.lastIndexOf(':') + 1))];
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (inward) => {
      const outward = createConnection({ host, port, allowHalfOpen: true, noDelay: true });
      const from = this.#ownerOf(inward.remotePort ?? 0);
      this.#join(inward, outward, { from, to: memberId });
      this.#join(outward, inward, { from: memberId, to: from });
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  started(memberId: number, pid: number): void {
    this.#pids.set(memberId, pid);
  }

  async set(troubles: readonly Trouble[]): Promise<void> {
    this.#troubles = troubles;
    for (const lane of this.#lanes) lane.changed();
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.end();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #join(from: Socket, to: Socket, way: Way): void {
    const lane = new Lane(from, to, {
      isCut: () => this.#on(way).some(({ kind }) => kind === 'cut'),
      delayMs: () => Math.max(0, ...this.#on(way).map((trouble) => this.#delayOf(trouble))),
    });
    this.#lanes.add(lane);
    to.once('close', () => this.#lanes.delete(lane));
  }

  #on(way: Way): Trouble[] {
    return this.#troubles.filter(({ ways }) => ways.some(({ from, to }) => from === way.from && to === way.to));
  }

  #delayOf({ kind, delayMs = 0, lossPercent = 0 }: Trouble): number {
    if (kind === 'delay') return delayMs;
    return kind === 'loss' && this.#fraction() * 100 < lossPercent ? retransmitMs : 0;
  }

  /** The member whose process holds the socket at this port of 127.0.0.1; 0: none, it is a client. */
  #ownerOf(port: number): number {
    const hex = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    const row = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find((fields) => fields[1] === hex);
    const socket = `socket:[${row?.[9]}]`;
    for (const [id, pid] of this.#pids) if (holds(pid, socket)) return id;
    return 0;
  }
}

function holds(pid: number, link: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === link;
      } catch {
        // It was closed while the folder was read.
        return false;
      }
    });
  } catch {
    // The process has ended.
    return false;
  }
}

interface Held {
  readonly dueMs: number;
  readonly bytes: Buffer | 'end';
}

/** One direction of a connection. Nothing overtakes anything on it. */
class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #way: { isCut(): boolean; delayMs(): number };
  #held: Held[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(from: Socket, to: Socket, way: { isCut(): boolean; delayMs(): number }) {
    this.#from = from;
    this.#to = to;
    this.#way = way;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => this.#take('end'));
    // A reset crosses no cut either, but who sends is gone: what it sent is not waited for.
    from.on('error', () => to.destroy());
    from.on('close', () => this.#pour());
    to.on('drain', () => this.#pour());
  }

  changed(): void {
    this.#pour();
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#from.destroy();
    this.#to.destroy();
  }

  #take(bytes: Buffer | 'end'): void {
    const last = this.#held.at(-1);
    this.#held.push({ dueMs: Math.max(performance.now() + this.#way.delayMs(), last?.dueMs ?? 0), bytes });
    if (bytes !== 'end') this.#heldBytes += bytes.length;
    if (this.#heldBytes > heldBytesMax) this.#from.pause();
    this.#pour();
  }

  #pour(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#held.length > 0 && !this.#way.isCut() && !this.#to.writableNeedDrain && !this.#to.destroyed) {
      const waitMs = this.#held[0]!.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pour(), Math.ceil(waitMs));
        break;
      }
      const { bytes } = this.#held.shift()!;
      if (bytes === 'end') this.#to.end();
      else {
        this.#heldBytes -= bytes.length;
        this.#to.write(bytes);
      }
    }
    if (this.#heldBytes <= heldBytesMax && this.#from.isPaused()) this.#from.resume();
    if (this.#from.destroyed && this.#held.length === 0 && !this.#way.isCut()) this.#to.destroySoon();
  }
}
