import { create } from '@bufbuild/protobuf';
import { Sessions, SessionsCloseRequestSchema, SessionsOpenRequestSchema } from '@env-cli/wire';

import { parseAddresses } from './address.ts';
import { backoffDefault, type BackoffOptions } from './backoff.ts';
import { boundsFrom, type Bounds } from './bounds.ts';
import { Calls } from './calls.ts';
import { Cluster } from './cluster.ts';
import { Environments } from './environments.ts';
import type { LiveOptions, TypedLiveOptions } from './live-options.ts';
import { Live } from './live.ts';
import { closedError, Members } from './members.ts';
import { Mirrors } from './mirrors.ts';
import type { CallOptions, Consistency } from './options.ts';
import { Pipeline } from './pipeline.ts';
import { Session } from './session.ts';
import { securityOf, type TlsOptions } from './tls.ts';
import { TokenKeeper } from './token.ts';
import { UnaryCalls } from './unary.ts';
import type { Parsed, StandardSchema, Values, VariableParsers } from './variables.ts';
import { WatchStreams } from './watch-streams.ts';

export interface ClientOptions {
  /** The namespace of calls that name none. Defaults to `default`. */
  readonly namespace?: string;
  /** The freshness of reads that name none. Defaults to `strong`. */
  readonly consistency?: Consistency;
  /** The longest that a call may take, retries included, in milliseconds. Defaults to 10,000. */
  readonly timeoutMs?: number;
  /** The longest that a call waits for a connection to any member, in milliseconds. Defaults to 5,000. */
  readonly connectTimeoutMs?: number;
  /** Whether calls go straight to the leader once an answer has named it. Defaults to true; false stays with the given addresses. */
  readonly followLeader?: boolean;
  /** The certificates, for members that have any. Defaults to none: connections are neither encrypted nor authenticated. */
  readonly tls?: TlsOptions;
  /** Connects with the first call instead of at once, so that a process starts also while the cluster is away. Defaults to false. */
  readonly lazy?: boolean;
  /** How long to wait before a call is sent again. Defaults to 20 ms, doubled with each failure up to 2 s. */
  readonly backoff?: Partial<BackoffOptions>;
  /** The token that the client begins with, such as one that another service passed on. Defaults to none. */
  readonly token?: string;
}

/** The longest that one attempt to connect may take, in milliseconds: an address that swallows packets must not hold up the others. */
const attemptMs = 2000;

/** How long an address is waited for before the next is tried beside it, in milliseconds (RFC 8305, 5). */
const staggerMs = 250;

/** The longest that closing a session may take, in milliseconds. The cluster forgets one that was not closed by itself. */
const closeSessionMs = 500;

/**
 * Connects to a cluster.
 *
 * `addresses`: those of one or more members, `host:port`, separated by commas. Rejects with UNREACHABLE when none of them
 * answers within `connectTimeoutMs`.
 */
export async function connect(addresses: string | readonly string[], options: ClientOptions = {}): Promise<Client> {
  const client = new Client(parseAddresses(addresses), options);
  if (options.lazy === true) return client;
  try {
    await client.ready();
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** A cluster, as one process uses it. Made by {@link connect}; ended by `close()`. */
export class Client {
  /** Reads, writes and watches environments. */
  readonly environments: Environments;
  /** Defines mirrors and tells what they have delivered. */
  readonly mirrors: Mirrors;
  /** Tells about the cluster and looks after it. */
  readonly cluster: Cluster;
  readonly #members: Members;
  readonly #pipeline: Pipeline;
  readonly #watches: WatchStreams;
  readonly #unary: UnaryCalls;
  readonly #tokens: TokenKeeper;
  readonly #connectTimeoutMs: number;
  readonly #addresses: readonly string[];
  readonly #calls: Calls;
  readonly #backoff: BackoffOptions;
  readonly #lives = new Set<{ close(): Promise<void> }>();
  #closing: Promise<void> | null = null;

  /**
   * Use {@link connect}.
   *
   * @internal
   */
  constructor(addresses: readonly string[], options: ClientOptions) {
    const { timeoutMs = 10_000, connectTimeoutMs = 5000, followLeader = true, token = '' } = options;
    const backoff = { ...backoffDefault, ...options.backoff };
    const random = Math.random;
    const tls = options.tls ?? null;
    // What is wrong with the files is told at once, and not by every attempt to connect.
    securityOf(tls, addresses[0] ?? '');
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#addresses = addresses;
    this.#backoff = backoff;
    this.#tokens = new TokenKeeper(token);
    this.#members = new Members(addresses, { attemptMs, staggerMs, connectTimeoutMs, followLeader, tls, backoff, random });
    this.#unary = new UnaryCalls(this.#members, { backoff, random });
    this.#pipeline = new Pipeline(this.#members, {
      backoff,
      random,
      connectTimeoutMs,
      timeoutMs,
      openSession: (bounds) => this.#openSession(bounds),
      heard: (header, began) => calls.heard(header, began),
    });
    const calls = new Calls({
      defaults: { namespace: options.namespace ?? 'default', timeoutMs, consistency: options.consistency ?? 'strong' },
      members: this.#members,
      unary: this.#unary,
      pipeline: this.#pipeline,
      tokens: this.#tokens,
    });
    this.#calls = calls;
    this.#watches = new WatchStreams(this.#members, { backoff, random, connectTimeoutMs });
    this.environments = new Environments(calls, this.#watches);
    this.mirrors = new Mirrors(calls);
    this.cluster = new Cluster(calls, this.#members);
  }

  /** The newest token that this client has seen: what another process needs to see at least as much. Empty before the first answer. */
  get token(): string {
    return this.#tokens.token;
  }

  /** Resolves once a member is connected. Rejects with UNREACHABLE when none is within `connectTimeoutMs`. */
  async ready(): Promise<void> {
    await this.#members.channel(boundsFrom(this.#connectTimeoutMs, undefined));
  }

  /**
   * Follows an environment: an object that has its values now, and is told when they change. See {@link Live}.
   *
   * With a schema, values are what it makes of the texts, and have its types; without one they are texts, and a type that is given
   * is the caller's claim. A client that is to start while the cluster is away is made with `lazy: true`, and `options.cache`.
   */
  live<S extends VariableParsers>(name: string, options: TypedLiveOptions<S>): Live<Parsed<S>>;
  live<T>(name: string, options: TypedLiveOptions<StandardSchema<T>>): Live<T>;
  live<T extends object = Values>(name: string, options?: LiveOptions): Live<Readonly<T>>;
  live(name: string, options: LiveOptions & Partial<TypedLiveOptions<any>> = {}): Live<any> {
    if (this.#closing !== null) throw closedError();
    const { defaults } = this.#calls;
    const services = {
      environments: this.environments,
      status: (call: CallOptions) => this.cluster.status(call),
      addresses: this.#addresses,
      backoff: this.#backoff,
      random: Math.random,
      onEnded: (ended: { close(): Promise<void> }) => this.#lives.delete(ended),
    };
    const live = new Live<any>(name, services, {
      ...options,
      namespace: this.#calls.namespace(options),
      timeoutMs: options.timeoutMs ?? defaults.timeoutMs,
      consistency: options.consistency ?? defaults.consistency,
      schema: options.schema,
    });
    if (live.status.state !== 'ended') this.#lives.add(live);
    return live;
  }

  /** Ends the client: what is under way fails with CLIENT_CLOSED, a write that was sent with OUTCOME_UNKNOWN. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { session } = this.#pipeline;
    // First, so that their caches are written.
    await Promise.all([...this.#lives].map((live) => live.close()));
    this.#watches.close();
    this.#pipeline.close();
    // A session that nobody closes is kept by the cluster until it expires.
    if (session !== null && this.#members.current !== null) await this.#closeSession(session).catch(() => undefined);
    this.#members.close();
  }

  async #openSession(bounds: Bounds): Promise<Session> {
    const sessionId = crypto.getRandomValues(new Uint8Array(16));
    await this.#unary.call(Sessions.method.open, create(SessionsOpenRequestSchema, { sessionId }), bounds, 'repeatable');
    return new Session(sessionId);
  }

  async #closeSession({ id }: Session): Promise<void> {
    const request = create(SessionsCloseRequestSchema, { sessionId: id });
    await this.#unary.call(Sessions.method.close, request, boundsFrom(closeSessionMs, undefined), 'repeatable');
  }
}
