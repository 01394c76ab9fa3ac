import { backoffMs, type BackoffOptions } from './backoff.ts';
import { overError, within, type Bounds } from './bounds.ts';
import { Channel } from './channel.ts';
import { EnvCliError } from './error.ts';
import { staggered } from './staggered.ts';
import type { TlsOptions } from './tls.ts';

export interface MembersOptions {
  /** The longest that one attempt to connect may take, in milliseconds. They overlap. */
  readonly attemptMs: number;
  /** How long an address is waited for before the next is tried beside it, in milliseconds. */
  readonly staggerMs: number;
  /** The longest that a call waits for a connection to any member, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly followLeader: boolean;
  /** Null: connections are neither encrypted nor authenticated. */
  readonly tls: TlsOptions | null;
  readonly backoff: BackoffOptions;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * How long the leader's address is left alone after it could not be reached, in milliseconds. It may lie on a network that
 * this client has no way to, and the member that names it forwards as well.
 */
const leaderShunMs = 5000;

/**
 * The members that this client may talk to, and the one that it talks to now.
 *
 * It goes through the addresses that it was given until one answers, and from there to the leader, whose address every
 * answer names. When the leader is lost it goes back to the given ones.
 */
export class Members {
  readonly #given: readonly string[];
  readonly #options: MembersOptions;
  #next = 0;
  #current: Channel | null = null;
  #leader: string | null = null;
  #shunned: { readonly address: string; readonly untilMs: number } | null = null;
  #connecting: Promise<Channel> | null = null;
  #waiters = 0;
  #moving = false;
  #closed = false;
  /** What cuts short that which is under way. */
  readonly #atClose = new Set<() => void>();
  /** What the last attempt at each address met. */
  readonly #met = new Map<string, EnvCliError>();

  constructor(given: readonly string[], options: MembersOptions) {
    this.#given = given;
    this.#options = options;
  }

  /** The member that is talked to, if it is connected. */
  get current(): Channel | null {
    if (this.#current !== null && !this.#current.ready) this.failed(this.#current);
    return this.#current;
  }

  /**
   * A connected member, after connecting if need be.
   *
   * Rejects with UNREACHABLE when no member could be reached within `connectTimeoutMs`, at once with CERTIFICATE_REFUSED when none could and one
   * did not believe this client's certificate, or this client that member's, or with what ends the bounds.
   */
  async channel(bounds: Bounds): Promise<Channel> {
    this.#assertOpen();
    if (this.current !== null) return this.#current!;
    const untilMs = performance.now() + this.#options.connectTimeoutMs;
    const patience: Bounds = { ...bounds, deadlineMs: Math.min(bounds.deadlineMs, untilMs) };
    this.#waiters++;
    try {
      this.#connecting ??= this.#connect();
      return await within(patience, this.#connecting, () =>
        bounds.signal?.aborted === true ? overError(bounds, null, false) : this.#unreachable(),
      );
    } finally {
      this.#waiters--;
    }
  }

  /** A connection to one address, for a question to that very member. The caller closes it. */
  async ask(address: string, bounds: Bounds): Promise<Channel> {
    this.#assertOpen();
    const channel = new Channel(address, this.#options.tls);
    try {
      await within(bounds, channel.connect(this.#options.attemptMs), () => overError(bounds, null, false));
      return channel;
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  /** Says that a member broke off, or cannot serve now: the next call goes elsewhere. Of no effect for one that was left already. */
  failed(channel: Channel): void {
    if (channel !== this.#current) return;
    this.#current = null;
    channel.retire();
    if (channel.address === this.#leader) this.#leader = null;
    this.#pass(channel.address);
  }

  /** Takes note of the leader that an answer names, and goes there. Empty: none is known. */
  heard(leaderAddress: string): void {
    if (leaderAddress === '' || !this.#options.followLeader) return;
    this.#leader = leaderAddress;
    if (this.#current === null || this.#current.address === leaderAddress || this.#moving || this.#isShunned(leaderAddress))
      return;
    this.#moving = true;
    void this.#moveTo(leaderAddress).finally(() => {
      this.#moving = false;
    });
  }

  /** Ends all connections. */
  close(): void {
    this.#closed = true;
    this.#current?.close();
    this.#current = null;
    for (const end of this.#atClose) end();
  }

  /** Connects to the leader beside the connection that is in use, and changes over once it stands: no call waits for it. */
  async #moveTo(address: string): Promise<void> {
    const channel = new Channel(address, this.#options.tls);
    if (!(await this.#attempt(channel))) {
      this.#shun(address);
    } else if (this.#closed) {
      channel.close();
    } else {
      this.#current?.retire();
      this.#current = channel;
    }
  }

  /** Goes round the addresses until one answers or nobody waits any more. */
  async #connect(): Promise<Channel> {
    try {
      for (let rounds = 1; ; rounds++) {
        const channel = await this.#round();
        if (this.#closed) {
          channel?.close();
          throw closedError();
        }
        if (channel !== null) return (this.#current = channel);
        // A certificate that is not believed is not in a moment either; all else is given time.
        if (this.#waiters === 0 || this.#certificateRefused) throw this.#unreachable();
        await this.#pause(rounds);
      }
    } finally {
      this.#connecting = null;
    }
  }

  /** Tries each address once. Null when none answers. */
  async #round(): Promise<Channel | null> {
    const begun: Channel[] = [];
    let first: Channel | null = null;
    const attempts = this.#inOrder().map((address) => async () => {
      if (this.#closed) return null;
      const channel = new Channel(address, this.#options.tls);
      begun.push(channel);
      const connected = await this.#attempt(channel, () => first !== null);
      if (connected) first ??= channel;
      else if (first === null && address === this.#leader) this.#shun(address);
      return connected ? channel : null;
    });
    try {
      const channel = await staggered(attempts, this.#options.staggerMs);
      if (channel !== null) this.#next = Math.max(0, this.#given.indexOf(channel.address));
      return channel;
    } finally {
      for (const other of begun) if (other !== first) other.close();
    }
  }

  /** Whether it connects. `isDropped`: nobody waits for it any more, so that nothing is learnt from what it meets. */
  async #attempt(channel: Channel, isDropped = (): boolean => false): Promise<boolean> {
    const giveUp = (): void => channel.close();
    this.#atClose.add(giveUp);
    try {
      await channel.connect(this.#options.attemptMs);
      this.#met.delete(channel.address);
      return true;
    } catch (error) {
      if (!isDropped()) this.#met.set(channel.address, error as EnvCliError);
      channel.close();
      return false;
    } finally {
      this.#atClose.delete(giveUp);
    }
  }

  #pause(rounds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#atClose.delete(end);
        resolve();
      };
      const timer = setTimeout(end, backoffMs(rounds, this.#options.backoff, this.#options.random()));
      this.#atClose.add(end);
    });
  }

  /** The addresses that there are, the leader's first, each once. */
  #inOrder(): string[] {
    const given = [...this.#given.slice(this.#next), ...this.#given.slice(0, this.#next)];
    const leader = this.#leader === null || this.#isShunned(this.#leader) ? [] : [this.#leader];
    return [...new Set([...leader, ...given])];
  }

  /** Leaves an address: its successor is next. */
  #pass(address: string): void {
    if (address === this.#given[this.#next]) this.#next = (this.#next + 1) % this.#given.length;
  }

  #shun(address: string): void {
    this.#shunned = { address, untilMs: performance.now() + leaderShunMs };
  }

  #isShunned(address: string): boolean {
    return this.#shunned?.address === address && performance.now() < this.#shunned.untilMs;
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }

  get #certificateRefused(): boolean {
    return [...this.#met.values()].some(({ reason }) => reason === 'CERTIFICATE_REFUSED');
  }

  #unreachable(): EnvCliError {
    const met = [...this.#met.values()].map(({ message }) => message);
    return new EnvCliError({
      reason: this.#certificateRefused ? 'CERTIFICATE_REFUSED' : 'UNREACHABLE',
      message: `no member could be reached: ${met.length > 0 ? met.join('; ') : this.#given.join(', ')}`,
    });
  }
}

/** What a call on a client that was closed ends with. */
export function closedError(): EnvCliError {
  return new EnvCliError({ reason: 'CLIENT_CLOSED', message: 'the client was closed' });
}
