import { boundsFrom, overError, within } from './bounds.ts';
import { keyOf } from './cache-key.ts';
import type { ClusterStatus } from './cluster.ts';
import type { Environment } from './environment.ts';
import { LiveCache, type CacheBinding, type Cached } from './live-cache.ts';
import type { LiveCacheOptions, LiveCacheStatus } from './live-options.ts';
import { problemsText, typed, type StandardSchema, type VariableParsers } from './variables.ts';

type Identity = Pick<ClusterStatus, 'clusterId' | 'epoch'>;

/** Where caches of this client come from and go to. */
export interface CacheUse {
  readonly options: LiveCacheOptions;
  readonly binding: CacheBinding;
  readonly schema: VariableParsers | StandardSchema<unknown> | undefined;
  /** The addresses of the cluster. */
  readonly addresses: readonly string[];
  /** Asks the cluster which one it is. */
  readonly identify: () => Promise<Identity>;
}

const ageMsMaxDefault = 7 * 24 * 3_600_000;
/** How long closing waits for the answer to which cluster it is, without which nothing can be cached, in milliseconds. */
const identifyMs = 1000;

/** The cache of one live environment: what it may begin with, and what it leaves for the next time. */
export class LiveCacheUse {
  readonly #use: CacheUse;
  readonly #cache: LiveCache;
  #identity: Identity | null = null;
  #identifying: Promise<void> | null = null;
  /** The state that is to be kept. */
  #state: Environment | null = null;

  private constructor(use: CacheUse, cache: LiveCache) {
    this.#use = use;
    this.#cache = cache;
  }

  /** Rejects with INVALID_FIELD when the key is none: that is refused at once, and not found out when the cluster is away. */
  static async open(use: CacheUse): Promise<LiveCacheUse> {
    const { directory, key } = use.options;
    return new LiveCacheUse(use, new LiveCache(directory, await keyOf(key), use.binding));
  }

  get status(): LiveCacheStatus {
    const { path, confirmedMs, problem } = this.#cache;
    return { path, confirmedTime: confirmedMs === null ? null : new Date(confirmedMs), problem };
  }

  /** What a program may start from; null: nothing, and the status says why. */
  load(): Promise<Cached | null> {
    return this.#cache.load((cached) => this.#objectionTo(cached));
  }

  #objectionTo({ clusterId, addresses, confirmedMs, environment }: Cached): string | null {
    const { clusterId: wanted, ageMsMax = ageMsMaxDefault } = this.#use.options;
    if (wanted !== undefined && wanted !== clusterId) return `it is of the cluster ${clusterId}, not of ${wanted}`;
    if (wanted === undefined && !addresses.some((address) => this.#use.addresses.includes(address))) {
      return `it was written through ${addresses.join(', ')}, and none of these is an address of now`;
    }
    const ageMs = Date.now() - confirmedMs;
    if (ageMs > ageMsMax) return `it is ${Math.round(ageMs / 1000)} s old, and at most ${ageMsMax / 1000} s are allowed`;
    const made = typed(environment.variables, this.#use.schema);
    return made.kind === 'invalid' ? problemsText(made.problems) : null;
  }

  /** Keeps a state that the cluster has just confirmed, once it is known which cluster that is. */
  keep(environment: Environment): void {
    this.#state = environment;
    if (this.#identity === null) {
      this.#identifying ??= this.#identify();
      return;
    }
    const { clusterId, epoch } = this.#identity;
    this.#cache.save({ clusterId, epoch, addresses: this.#use.addresses, environment, confirmedMs: Date.now() });
  }

  /** The environment was deleted. */
  remove(): void {
    this.#state = null;
    this.#cache.remove();
  }

  /** The cluster may be another one, or was restored: it is asked anew. */
  forget(): void {
    this.#identity = null;
  }

  /** Resolves once the answer is there to which cluster it is; after a second at most. Never rejects. */
  async identified(): Promise<void> {
    if (this.#identifying === null) return;
    const bounds = boundsFrom(identifyMs, undefined);
    await within(bounds, this.#identifying, () => overError(bounds, null, false)).catch(() => undefined);
  }

  /** Resolves once all is on disk, or has failed. Never rejects. */
  settled(): Promise<void> {
    return this.#cache.settled();
  }

  async #identify(): Promise<void> {
    try {
      const identity = await this.#use.identify();
      const { clusterId: wanted } = this.#use.options;
      if (wanted !== undefined && wanted !== identity.clusterId) {
        this.#cache.refuse(`nothing is cached: the cluster is ${identity.clusterId}, not ${wanted}`);
        return;
      }
      this.#identity = identity;
      if (this.#state !== null) this.keep(this.#state);
    } catch {
      // It is asked again with the next state, or when the file is to be confirmed.
    } finally {
      this.#identifying = null;
    }
  }
}
