import type { BackoffOptions } from './backoff.ts';
import { boundsFrom, overError, whenOver, type Bounds } from './bounds.ts';
import type { ClusterStatus } from './cluster.ts';
import { deferred } from './deferred.ts';
import type { Environment } from './environment.ts';
import type { Environments } from './environments.ts';
import { EnvCliError, noDetails } from './error.ts';
import { changedNames } from './followed.ts';
import { LiveCacheUse } from './live-cache-use.ts';
import type { Cached } from './live-cache.ts';
import { asError, isAway, LiveFollower } from './live-follower.ts';
import type { LiveChange, LiveOptions, LiveSource, LiveStatus } from './live-options.ts';
import { LiveReader } from './live-readers.ts';
import { problemsText, typed, type StandardSchema, type VariableParsers, type VariableProblem } from './variables.ts';

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

/** What is followed, with everything that has a default of the client filled in. */
export interface LiveSetup extends LiveOptions {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly consistency: NonNullable<LiveOptions['consistency']>;
  readonly schema: VariableParsers | StandardSchema<unknown> | undefined;
}

const cacheAfterMsDefault = 2000;
/** How often a file says anew that its content is confirmed, in milliseconds. */
const confirmMs = 10 * 60_000;

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
  #state: LiveStatus['state'] = 'starting';
  #deleted = false;
  #problem: EnvCliError | null = null;
  /** When the cluster last said something, by `performance.now()`. */
  #heardMs = 0;
  #cache: LiveCacheUse | null = null;
  /** What the file held at the start; used only if the cluster stays away. */
  #cached: Cached | null = null;
  #closing: Promise<void> | null = null;

  /** @internal */
  constructor(name: string, services: LiveServices, setup: LiveSetup) {
    this.name = name;
    this.#services = services;
    this.#setup = setup;
    // Whoever does not wait for it is told by `status`.
    this.#ready.promise.catch(() => undefined);
    void this.#run(boundsFrom(setup.timeoutMs, setup.signal));
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
      cache: this.#cache?.status ?? null,
    };
  }

  /** Changes from now on, until it ends; then the iteration ends without an error. A slow reader is told the newest only. */
  [Symbol.asyncIterator](): AsyncIterableIterator<LiveChange<T>> {
    const reader = new LiveReader<T>((left) => this.#readers.delete(left));
    if (this.#isEnded()) reader.end();
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
    if (this.#current?.source === 'cluster') await this.#cache?.identified();
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

  #isEnded(): boolean {
    return this.#state === 'ended';
  }

  /** The whole of its life. Never rejects. */
  async #run(bounds: Bounds): Promise<void> {
    try {
      this.#unbind.push(whenOver(bounds, () => this.#onOver(bounds)));
      await this.#openCache();
      await this.#follower().run();
    } catch (error) {
      this.#end(asError(error));
    } finally {
      this.#ended.resolve();
    }
  }

  #follower(): LiveFollower {
    const { namespace, view = 'full', consistency, token } = this.#setup;
    return new LiveFollower({
      services: this.#services,
      followed: { name: this.name, namespace, view, consistency, token },
      signal: this.#abort.signal,
      listener: {
        hasValues: () => this.#current !== null,
        onState: (environment) => this.#onState(environment),
        onDeleted: () => this.#onDeleted(),
        onHeard: () => this.#onHeard(),
        onAway: (error) => this.#onAway(error),
        onForgotten: () => this.#cache?.forget(),
      },
    });
  }

  async #openCache(): Promise<void> {
    const { cache: options, namespace, view = 'full', schema } = this.#setup;
    if (options === undefined) return;
    this.#cache = await LiveCacheUse.open({
      options,
      binding: { namespace, environment: this.name, view },
      schema,
      addresses: this.#services.addresses,
      identify: () => this.#services.status({ signal: this.#abort.signal }),
    });
    this.#cached = await this.#cache.load();
    if (this.#isEnded()) return;
    const timer = setTimeout(() => this.#useCache(), options.afterMs ?? cacheAfterMsDefault);
    this.#unbind.push(() => clearTimeout(timer));
    const confirming = setInterval(() => this.#keep(), confirmMs).unref();
    this.#abort.signal.addEventListener('abort', () => clearInterval(confirming), { once: true });
  }

  /** The time until `ready` is over, or the caller gave it up. */
  #onOver(bounds: Bounds): void {
    const isAborted = bounds.signal?.aborted === true;
    if (!isAborted && this.#useCache()) return;
    const error = overError(bounds, isAborted ? null : this.#problem, false);
    const cacheProblem = this.#cache?.status.problem ?? null;
    if (isAborted || cacheProblem === null) {
      this.#end(error);
      return;
    }
    // That a start was to be possible without the cluster, and was not, belongs to what is said.
    const { reason, code, details, next, message } = error;
    this.#end(new EnvCliError({ reason, code, details, next, message: `${message}; ${cacheProblem}`, cause: error }));
  }

  /** Starts from the file. False: there is nothing to start from, or no need to. */
  #useCache(): boolean {
    const cached = this.#cached;
    if (this.#isEnded() || this.#current !== null || cached === null) return false;
    const made = typed(cached.environment.variables, this.#setup.schema);
    if (made.kind === 'invalid') return false;
    this.#problem ??= new EnvCliError({ reason: 'UNREACHABLE', message: 'the cluster has not answered yet' });
    this.#state = 'away';
    this.#take({ values: made.values as T, environment: cached.environment, source: 'cache' });
    return true;
  }

  /** The cluster shows a state. Throws VARIABLES_INVALID when it is the first one and the schema refuses it. */
  #onState(environment: Environment): void {
    if (this.#isEnded()) return;
    this.#deleted = false;
    this.#heardMs = performance.now();
    const made = typed(environment.variables, this.#setup.schema);
    if (made.kind === 'invalid') {
      this.#onInvalid(environment, made.problems);
      return;
    }
    this.#problem = null;
    this.#take({ values: made.values as T, environment, source: 'cluster' });
    this.#keep();
  }

  #take(state: State<T>): void {
    const before = this.#current;
    const { values, environment, source } = state;
    this.#current = state;
    if (before === null) this.#onReady();
    const revision = environment.modifyRevision;
    if (before?.source === source && before.environment.modifyRevision === revision) return;
    const changed = changedNames(before?.environment ?? null, environment);
    this.#tell({ kind: 'values', values, changed, source, revision, environment });
  }

  #onReady(): void {
    for (const takeBack of this.#unbind.splice(0)) takeBack();
    // The time is no longer bounded; the signal still ends it.
    const bounds = boundsFrom(Infinity, this.#setup.signal);
    this.#unbind.push(whenOver(bounds, () => this.#end(overError(bounds, null, false))));
    this.#ready.resolve(this);
  }

  #onInvalid({ modifyRevision: revision }: Environment, problems: readonly VariableProblem[]): void {
    const error = invalidError(this.name, revision, problems);
    if (this.#current === null) throw error;
    const isNews = this.#problem?.message !== error.message;
    this.#problem = error;
    if (isNews) this.#tell({ kind: 'invalid', error, revision });
  }

  #onDeleted(): void {
    if (this.#isEnded() || this.#deleted) return;
    this.#deleted = true;
    this.#cache?.remove();
    this.#tell({ kind: 'deleted' });
  }

  #onHeard(): void {
    this.#heardMs = performance.now();
    if (this.#isEnded() || this.#current === null) return;
    this.#state = 'following';
    if (this.#problem?.reason !== 'VARIABLES_INVALID') this.#problem = null;
  }

  #onAway(error: EnvCliError): void {
    if (this.#isEnded()) return;
    this.#problem = error;
    if (this.#current !== null) this.#state = 'away';
    else if (isAway(error)) this.#useCache();
  }

  /** Has the state of now written down, if the cluster confirms it. */
  #keep(): void {
    const isConfirmed = this.#current?.source === 'cluster' && !this.#deleted && this.#problem === null;
    if (isConfirmed) this.#cache?.keep(this.#current!.environment);
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

  #end(error: EnvCliError): void {
    if (this.#isEnded()) return;
    // What was confirmed until now is worth more than what was confirmed at the last change.
    if (this.#state === 'following') this.#keep();
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

function invalidError(name: string, revision: number, problems: readonly VariableProblem[]): EnvCliError {
  const violations = problems.map(({ variable, problem }) => ({ field: variable, description: problem }));
  return new EnvCliError({
    reason: 'VARIABLES_INVALID',
    message: `${name} at revision ${revision}: ${problemsText(problems)}`,
    details: { ...noDetails, violations },
  });
}
