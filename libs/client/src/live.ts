import { backoffMs, type BackoffOptions } from './backoff.ts';
import { boundsFrom, overError, whenOver, within, type Bounds } from './bounds.ts';
import { keyOf } from './cache-key.ts';
import type { ClusterStatus } from './cluster.ts';
import { deferred } from './deferred.ts';
import type { Environment } from './environment.ts';
import type { Environments } from './environments.ts';
import { EnvCliError, noDetails } from './error.ts';
import { afterChange, changedNames } from './followed.ts';
import { LiveCache, type Cached } from './live-cache.ts';
import type { LiveCacheStatus, LiveChange, LiveOptions, LiveSource, LiveStatus } from './live-options.ts';
import { LiveReader } from './live-readers.ts';
import type { ReadOptions } from './options.ts';
import { typed, type StandardSchema, type VariableParsers, type VariableProblem } from './variables.ts';
import { isPassing, type Watch } from './watch.ts';

/** What a live environment needs of its client. */
export interface LiveServices {
  readonly environments: Pick<Environments, 'get' | 'watch'>;
  readonly status: (options: { readonly signal: AbortSignal }) => Promise<Pick<ClusterStatus, 'clusterId' | 'epoch'>>;
  readonly addresses: readonly string[];
  readonly backoff: BackoffOptions;
  readonly random: () => number;
  /** Is told that it ended. */
  readonly onEnded: (live: { close(): Promise<void> }) => void;
}

/** What is followed, with everything that has a default filled in. */
export interface LiveSetup extends LiveOptions {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly consistency: NonNullable<LiveOptions['consistency']>;
  readonly view: NonNullable<LiveOptions['view']>;
  readonly schema: VariableParsers | StandardSchema<unknown> | undefined;
}

const cacheAfterMsDefault = 2000;
const cacheAgeMsMaxDefault = 7 * 24 * 3_600_000;
/** How long closing waits for the answer to which cluster it is, without which nothing can be cached, in milliseconds. */
const identifyMs = 1000;
/** How often a file says anew that its content is confirmed, in milliseconds. */
const confirmMs = 10 * 60_000;

/** Reasons after which what was known of the cluster's history is of no use: it was restored, or is another one. */
const historyGone: ReadonlySet<string> = new Set(['EPOCH_CHANGED', 'TOKEN_AHEAD', 'TOKEN_FOREIGN', 'TOKEN_MALFORMED']);

/** The values of one moment. */
interface State<T> {
  readonly values: T;
  readonly environment: Environment;
  readonly source: LiveSource;
}

/**
 * An environment that follows its cluster: made by `client.live(name)`, ended by `close()`.
 *
 * It reads the environment, watches it from there on, and begins anew whenever that ends: after a lost connection, a compaction
 * or a restored cluster. Once it is ready it always has values: while the cluster is away, after the environment was deleted, or
 * when its newest state is not as the schema wants it, they are the last good ones, and `status` says so.
 */
export class Live<T> implements AsyncIterable<LiveChange<T>> {
  /** The environment. */
  readonly name: string;
  readonly #services: LiveServices;
  readonly #setup: LiveSetup;
  readonly #ready = deferred<this>();
  readonly #ended = deferred<void>();
  readonly #abort = new AbortController();
  readonly #readers = new Set<LiveReader<T>>();
  readonly #listeners = new Set<(change: LiveChange<T>) => void>();
  /** Takes back the timers and the listener of the start. */
  readonly #unbind: (() => void)[] = [];
  #current: State<T> | null = null;
  /** The newest state of the cluster, also when the schema does not take it. */
  #newest: Environment | null = null;
  #state: LiveStatus['state'] = 'starting';
  #deleted = false;
  #problem: EnvCliError | null = null;
  /** When the cluster last said something, by `performance.now()`. */
  #heardMs = 0;
  #token: string | undefined;
  #readStrong = false;
  #identity: Pick<ClusterStatus, 'clusterId' | 'epoch'> | null = null;
  #identifying: Promise<void> | null = null;
  #cache: LiveCache | null = null;
  /** What the file held at the start; used only if the cluster stays away. */
  #cached: Cached | null = null;
  #closing: Promise<void> | null = null;

  /** @internal */
  constructor(name: string, services: LiveServices, setup: LiveSetup) {
    this.name = name;
    this.#services = services;
    this.#setup = setup;
    this.#token = setup.token;
    // Whoever does not wait for it is told by `status`.
    this.#ready.promise.catch(() => undefined);
    const bounds = boundsFrom(setup.timeoutMs, setup.signal);
    void this.#run(bounds);
  }

  /**
   * Resolves with this once there are values, of the cluster or of the cache.
   *
   * Rejects with an {@link EnvCliError} when there are none: within `timeoutMs`; because there is no such environment, or it is
   * not as the schema wants it (VARIABLES_INVALID, `details.violations` names the variables); or because the cluster refuses. It
   * is ended then.
   */
  get ready(): Promise<this> {
    return this.#ready.promise;
  }

  /** The values of now. Throws NOT_READY before `ready`. A change replaces the object; it is never changed itself. */
  get current(): T {
    return this.#present().values;
  }

  /** The value of one variable now. Throws NOT_READY before `ready`. */
  get<N extends keyof T>(name: N): T[N] {
    const { values } = this.#present();
    return values[name];
  }

  /** The environment with its labels, revisions and texts, as it was when the values were made. Throws NOT_READY before `ready`. */
  get environment(): Environment {
    return this.#present().environment;
  }

  /** How it is doing. */
  get status(): LiveStatus {
    const current = this.#current;
    return {
      state: this.#state,
      source: current?.source ?? null,
      ageMs: current === null ? null : this.#ageMs(current),
      revision: current?.environment.modifyRevision ?? 0,
      deleted: this.#deleted,
      problem: this.#problem,
      cache: this.#cacheStatus(),
    };
  }

  /** Changes from now on, until it ends; then the iteration ends without an error. A slow reader is told the newest only. */
  [Symbol.asyncIterator](): AsyncIterableIterator<LiveChange<T>> {
    const reader = new LiveReader<T>((left) => this.#readers.delete(left));
    if (this.#state === 'ended') reader.end();
    else this.#readers.add(reader);
    return reader;
  }

  /** Calls `listener` with each change from now on. What comes back ends that. What it throws is an uncaught exception. */
  onChange(listener: (change: LiveChange<T>) => void): () => void {
    const own = (change: LiveChange<T>): void => listener(change);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Ends it, and resolves once its cache is on disk. The values stay. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#identifying !== null && this.#current?.source === 'cluster') {
      await within(boundsFrom(identifyMs, undefined), this.#identifying, () =>
        overError(boundsFrom(identifyMs, undefined), null, false),
      ).catch(() => undefined);
    }
    this.#end(new EnvCliError({ reason: 'CANCELLED', message: `${this.name} was closed before it was ready` }));
    await this.#ended.promise;
    await this.#cache?.settled();
  }

  #present(): State<T> {
    if (this.#current !== null) return this.#current;
    throw new EnvCliError({ reason: 'NOT_READY', message: `${this.name} has not been read yet` });
  }

  #ageMs({ source }: State<T>): number {
    if (this.#state === 'following') return 0;
    if (source === 'cluster') return performance.now() - this.#heardMs;
    // A clock that was set back must not make a file younger than new.
    return Math.max(0, Date.now() - (this.#cached?.confirmedMs ?? Date.now()));
  }

  #cacheStatus(): LiveCacheStatus | null {
    if (this.#cache === null) return null;
    const { path, confirmedMs, problem } = this.#cache;
    return { path, confirmedTime: confirmedMs === null ? null : new Date(confirmedMs), problem };
  }

  /** The whole of its life. Never rejects. */
  async #run(bounds: Bounds): Promise<void> {
    try {
      this.#unbind.push(whenOver(bounds, () => this.#onOver(bounds)));
      await this.#openCache();
      await this.#follow();
    } catch (error) {
      this.#end(error as EnvCliError);
    } finally {
      this.#ended.resolve();
    }
  }

  /** The time until `ready` is over, or the caller gave it up. */
  #onOver(bounds: Bounds): void {
    const aborted = bounds.signal?.aborted === true;
    if (!aborted && this.#useCache()) return;
    this.#end(this.#withCacheProblem(overError(bounds, aborted ? null : this.#problem, false)));
  }

  /** That a start was to be possible without the cluster, and was not, belongs to what is said. */
  #withCacheProblem(error: EnvCliError): EnvCliError {
    const problem = this.#cache?.problem ?? null;
    if (problem === null || error.reason === 'CANCELLED') return error;
    const { reason, code, details, next, message } = error;
    return new EnvCliError({ reason, code, details, next, message: `${message}; ${problem}`, cause: error });
  }

  /** A key that is none is refused at once, and not found out when the cluster is away. */
  async #openCache(): Promise<void> {
    const { cache, namespace, view } = this.#setup;
    if (cache === undefined) return;
    const { directory, afterMs = cacheAfterMsDefault } = cache;
    this.#cache = new LiveCache(directory, await keyOf(cache.key), { namespace, environment: this.name, view });
    this.#cached = await this.#cache.load((cached) => this.#objectionTo(cached));
    if (this.#state === 'ended') return;
    const timer = setTimeout(() => this.#useCache(), afterMs);
    const confirming = setInterval(() => this.#save(), confirmMs).unref();
    this.#unbind.push(() => clearTimeout(timer));
    this.#abort.signal.addEventListener('abort', () => clearInterval(confirming), { once: true });
  }

  /** Why a file must not be used; null: it may. */
  #objectionTo({ clusterId, addresses, confirmedMs, environment }: Cached): string | null {
    const { clusterId: wanted, ageMsMax = cacheAgeMsMaxDefault } = this.#setup.cache!;
    if (wanted !== undefined && wanted !== clusterId) return `it is of the cluster ${clusterId}, not of ${wanted}`;
    if (wanted === undefined && !addresses.some((address) => this.#services.addresses.includes(address))) {
      return `it was written through ${addresses.join(', ')}, and none of these is an address of now`;
    }
    const ageMs = Date.now() - confirmedMs;
    if (ageMs > ageMsMax) return `it is ${Math.round(ageMs / 1000)} s old, and at most ${ageMsMax / 1000} s are allowed`;
    const made = typed(environment.variables, this.#setup.schema);
    return made.kind === 'invalid' ? textOf(made.problems) : null;
  }

  /** Starts from the file. False: there is nothing to start from, or no need to. */
  #useCache(): boolean {
    const cached = this.#cached;
    if (this.#state === 'ended' || this.#current !== null || cached === null) return false;
    this.#problem ??= new EnvCliError({ reason: 'UNREACHABLE', message: 'the cluster has not answered yet' });
    this.#state = 'away';
    this.#take(cached.environment, 'cache');
    return this.#current !== null;
  }

  /** Reads and watches until it is ended. Throws what ends it before it is ready. */
  async #follow(): Promise<void> {
    let failures = 0;
    let readAt = 0;
    while (this.#state !== 'ended') {
      const before = this.#heardMs;
      try {
        await this.#round(readAt);
        readAt = 0;
      } catch (caught) {
        if (this.#isEnded()) return;
        const error = asError(caught);
        // A later watch begins where the cluster's log begins: the state right before that is asked for.
        readAt = error.reason === 'COMPACTED' ? Math.max(0, Number(error.details.metadata['oldest'] ?? 0) - 1) : 0;
        this.#onLost(error);
        failures = this.#heardMs === before ? failures + 1 : 1;
        // The cluster has answered and said where to go on: there is nothing to wait for, the first time.
        if (isAnswer(error) && failures === 1) continue;
      }
      await this.#rest(Math.max(1, failures));
    }
  }

  #isEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Why it does not follow at this moment. Throws what ends it. */
  #onLost(error: EnvCliError): void {
    if (error.reason === 'CLIENT_CLOSED') throw error;
    if (historyGone.has(error.reason)) this.#forget();
    this.#problem = error;
    if (this.#current !== null) {
      this.#state = 'away';
      return;
    }
    if (isAnswer(error) || isAway(error)) {
      if (isAway(error)) this.#useCache();
      return;
    }
    throw error;
  }

  /** The cluster was restored, or is another one: neither its revisions nor its tokens compare with those of before. */
  #forget(): void {
    this.#token = undefined;
    this.#identity = null;
    this.#newest = null;
  }

  /** One reading, and one watch until it ends. `readAt`: a revision; 0: the newest. */
  async #round(readAt: number): Promise<void> {
    const found = await this.#read(readAt);
    if (this.#isEnded()) return;
    const startRevision = found === null ? readAt && readAt + 1 : Math.max(readAt, found.modifyRevision) + 1;
    const watch = this.#watch(startRevision);
    try {
      if (found === null) {
        if (startRevision === 0) {
          // What was not there may have been created before the watch began.
          await watch.started;
          const since = await this.#read(0, 'strong');
          if (since !== null) this.#take(since, 'cluster');
          else this.#onDeleted();
        } else {
          this.#onDeleted();
        }
      } else {
        this.#take(found, 'cluster');
      }
      await watch.started;
      this.#onHeard();
      for await (const event of watch) {
        this.#onHeard();
        if (event.kind !== 'changes') continue;
        for (const change of event.changes) {
          if (change.revision <= (this.#newest?.modifyRevision ?? 0)) continue;
          if (change.kind === 'deleted') {
            this.#onDeleted();
            continue;
          }
          const next = afterChange(this.#deleted ? null : this.#newest, change);
          // The change does not continue what is known: the next round reads it.
          if (next === null) return;
          this.#newest = next;
          this.#deleted = false;
        }
        if (!this.#deleted && this.#newest !== null) this.#take(this.#newest, 'cluster');
      }
    } finally {
      await watch.return();
    }
  }

  #watch(startRevision: number): Watch {
    const { namespace, view } = this.#setup;
    const { signal } = this.#abort;
    return this.#services.environments.watch({
      name: this.name,
      namespace,
      view,
      startRevision,
      signal,
      progress: true,
      onInterrupted: (error) => {
        this.#problem = error;
        if (this.#state === 'following') this.#state = 'away';
      },
      onResumed: () => this.#onHeard(),
    });
  }

  /** Reads the environment; null when there is none. Never answers a state before that which is known. */
  async #read(revision: number, consistency = this.#consistency()): Promise<Environment | null> {
    const { namespace, view } = this.#setup;
    const { signal } = this.#abort;
    const token = consistency === 'strong' || this.#token === undefined ? {} : { token: this.#token };
    const options: ReadOptions = { namespace, view, signal, consistency, revision, ...token };
    try {
      const { header, environment } = await this.#services.environments.get(this.name, options);
      this.#assertOwn(environment, consistency);
      this.#readStrong = false;
      this.#token = header.token === '' ? this.#token : header.token;
      return environment;
    } catch (error) {
      // Before the first values it is the caller who is wrong about the name.
      if (asError(error).reason === 'ENVIRONMENT_NOT_FOUND' && this.#current !== null) return null;
      throw error;
    }
  }

  #consistency(): LiveSetup['consistency'] {
    return this.#readStrong ? 'strong' : this.#setup.consistency;
  }

  /** A member that lags must not take a program back. */
  #assertOwn({ modifyRevision }: Environment, consistency: LiveSetup['consistency']): void {
    const known = this.#newest?.modifyRevision ?? 0;
    if (modifyRevision >= known || consistency === 'strong') return;
    this.#readStrong = true;
    const message = `a member showed ${this.name} at revision ${modifyRevision}, and ${known} has been seen`;
    throw new EnvCliError({ reason: 'TOO_STALE', message });
  }

  /** The cluster speaks: what is known is what is. */
  #onHeard(): void {
    this.#heardMs = performance.now();
    if (this.#isEnded() || this.#current === null) return;
    this.#state = 'following';
    if (this.#problem?.reason !== 'VARIABLES_INVALID') this.#problem = null;
  }

  /** Takes a state: its values, if they are as the schema wants them. */
  #take(environment: Environment, source: LiveSource): void {
    if (this.#isEnded()) return;
    const before = this.#current;
    if (source === 'cluster') {
      this.#newest = environment;
      this.#deleted = false;
      this.#heardMs = performance.now();
    }
    const made = typed(environment.variables, this.#setup.schema);
    if (made.kind === 'invalid') {
      if (source === 'cache') this.#cache?.refuse(`the cache was not used: ${textOf(made.problems)}`);
      else this.#onInvalid(environment, made.problems);
      return;
    }
    this.#current = { values: made.values as T, environment, source };
    if (source === 'cluster') {
      this.#problem = null;
      this.#save();
    }
    this.#settleStart();
    const changed = changedNames(before?.environment ?? null, environment);
    const isNews =
      before === null || before.source !== source || before.environment.modifyRevision !== environment.modifyRevision;
    const revision = environment.modifyRevision;
    if (isNews) this.#tell({ kind: 'values', values: made.values as T, changed, source, revision, environment });
  }

  #settleStart(): void {
    for (const takeBack of this.#unbind.splice(0)) takeBack();
    // A signal ends it also later on.
    const { signal } = this.#setup;
    if (signal !== undefined && !this.#abort.signal.aborted) {
      const onAbort = (): void => this.#end(overError(boundsFrom(Infinity, signal), null, false));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#unbind.push(() => signal.removeEventListener('abort', onAbort));
    }
    this.#ready.resolve(this);
  }

  #onInvalid({ modifyRevision }: Environment, problems: readonly VariableProblem[]): void {
    const error = invalidError(this.name, modifyRevision, problems);
    if (this.#current === null) throw error;
    const known = this.#problem;
    this.#problem = error;
    if (known?.message !== error.message) this.#tell({ kind: 'invalid', error, revision: modifyRevision });
  }

  #onDeleted(): void {
    this.#newest = null;
    if (this.#deleted) return;
    this.#deleted = true;
    this.#cache?.remove();
    this.#tell({ kind: 'deleted' });
  }

  #tell(change: LiveChange<T>): void {
    for (const reader of this.#readers) reader.tell(change);
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        // It is the caller's fault, and must not stop what follows the cluster.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Has the newest good state written down, if it is known which cluster it is of. */
  #save(): void {
    if (this.#cache === null || this.#current?.source !== 'cluster' || this.#deleted || this.#state === 'away') return;
    if (this.#identity === null) {
      this.#identifying ??= this.#identify();
      return;
    }
    const { clusterId, epoch } = this.#identity;
    const { environment } = this.#current;
    this.#cache.save({ clusterId, epoch, addresses: this.#services.addresses, environment, confirmedMs: Date.now() });
  }

  async #identify(): Promise<void> {
    try {
      const identity = await this.#services.status({ signal: this.#abort.signal });
      const { clusterId: wanted } = this.#setup.cache!;
      if (wanted !== undefined && wanted !== identity.clusterId) {
        this.#cache!.refuse(`nothing is cached: the cluster is ${identity.clusterId}, not ${wanted}`);
        return;
      }
      this.#identity = identity;
      this.#save();
    } catch {
      // It is asked again with the next state, or when the file is to be confirmed.
    } finally {
      this.#identifying = null;
    }
  }

  #rest(failures: number): Promise<void> {
    const { backoff, random } = this.#services;
    return new Promise((resolve) => {
      const { signal } = this.#abort;
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, backoffMs(failures, backoff, random()));
      signal.addEventListener('abort', end, { once: true });
    });
  }

  #end(error: EnvCliError): void {
    if (this.#isEnded()) return;
    // What was confirmed until now is worth more than what was confirmed at the last change.
    if (this.#state === 'following' && this.#identity !== null) this.#save();
    this.#state = 'ended';
    this.#problem = error.reason === 'CLIENT_CLOSED' || error.reason === 'CANCELLED' ? null : error;
    for (const takeBack of this.#unbind.splice(0)) takeBack();
    this.#abort.abort();
    this.#ready.reject(error);
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
    this.#listeners.clear();
    this.#services.onEnded(this);
  }
}

/** The cluster does not serve now. */
function isAway(error: EnvCliError): boolean {
  return isPassing(error) || error.reason === 'UNREACHABLE';
}

/** The cluster answered that its history is another than was thought: the newest state is to be read. */
function isAnswer({ reason }: EnvCliError): boolean {
  return reason === 'COMPACTED' || reason === 'REVISION_IN_FUTURE' || historyGone.has(reason);
}

function asError(error: unknown): EnvCliError {
  if (error instanceof EnvCliError) return error;
  return new EnvCliError({ reason: 'INTERNAL', message: 'the client has a fault', cause: error });
}

function textOf(problems: readonly VariableProblem[]): string {
  return problems
    .map(({ variable, problem }) => (variable === '' ? `the environment ${problem}` : `${variable} ${problem}`))
    .join('; ');
}

function invalidError(name: string, revision: number, problems: readonly VariableProblem[]): EnvCliError {
  return new EnvCliError({
    reason: 'VARIABLES_INVALID',
    message: `${name} at revision ${revision}: ${textOf(problems)}`,
    details: {
      ...noDetails,
      violations: problems.map(({ variable, problem }) => ({ field: variable, description: problem })),
    },
  });
}
