import { backoffMs, type BackoffOptions } from './backoff.ts';
import type { Change } from './change.ts';
import type { Environment } from './environment.ts';
import type { Environments } from './environments.ts';
import { EnvCliError } from './error.ts';
import { afterChange } from './followed.ts';
import type { Consistency, ReadOptions, View } from './options.ts';
import { isPassing, type Watch } from './watch.ts';

/** What is followed. */
export interface Followed {
  readonly name: string;
  readonly namespace: string;
  readonly view: View;
  /** Of the first reading, and of those after it. */
  readonly consistency: Consistency;
  /** What the first reading must have seen. */
  readonly token: string | undefined;
}

/** What a follower tells. */
export interface FollowerListener {
  /** There are values already: what goes wrong from now on passes. */
  readonly hasValues: () => boolean;
  /** The newest state. May throw what ends the following. */
  readonly onState: (environment: Environment) => void;
  readonly onDeleted: () => void;
  /** The cluster speaks: the newest state that was told is what is. */
  readonly onHeard: () => void;
  /** It does not speak, or refuses; it is tried again. */
  readonly onAway: (error: EnvCliError) => void;
  /** What was known of the cluster is of no use any more: it was restored, or is another one. */
  readonly onForgotten: () => void;
}

export interface FollowerServices {
  readonly environments: Pick<Environments, 'get' | 'watch'>;
  readonly backoff: BackoffOptions;
  readonly random: () => number;
}

/** Reasons after which neither revisions nor tokens compare with those of before. */
const historyGone: ReadonlySet<string> = new Set(['EPOCH_CHANGED', 'TOKEN_AHEAD', 'TOKEN_FOREIGN']);

/** The cluster does not serve now. */
export function isAway(error: EnvCliError): boolean {
  return isPassing(error) || error.reason === 'UNREACHABLE';
}

/** The cluster said that its history is another than was thought: the newest state is to be read. */
function isElsewhere({ reason }: EnvCliError): boolean {
  return reason === 'COMPACTED' || reason === 'REVISION_IN_FUTURE' || historyGone.has(reason);
}

/**
 * Keeps up with one environment: reads it, watches it from its own revision on, and begins anew whenever that ends.
 *
 * No state is left out between the reading and the watch, and none is told that is older than one before, unless the cluster
 * was restored.
 */
export class LiveFollower {
  readonly #services: FollowerServices;
  readonly #followed: Followed;
  readonly #listener: FollowerListener;
  readonly #signal: AbortSignal;
  /** The newest state of the cluster; null: none is known, or it was deleted. */
  #newest: Environment | null = null;
  #token: string | undefined;
  /** A member showed an older state than the known one: the cluster as a whole is asked next. */
  #readStrong = false;
  /** Times that the cluster has spoken. */
  #heard = 0;

  constructor(parts: {
    readonly services: FollowerServices;
    readonly followed: Followed;
    readonly listener: FollowerListener;
    /** Ends it. */
    readonly signal: AbortSignal;
  }) {
    this.#services = parts.services;
    this.#followed = parts.followed;
    this.#listener = parts.listener;
    this.#signal = parts.signal;
    this.#token = parts.followed.token;
  }

  /** Follows until its signal is aborted. Rejects with what makes it end before there were values, and with CLIENT_CLOSED. */
  async run(): Promise<void> {
    let failures = 0;
    let readAt = 0;
    while (!this.#signal.aborted) {
      const heardBefore = this.#heard;
      try {
        await this.#round(readAt);
        failures = 0;
        readAt = 0;
      } catch (caught) {
        if (this.#signal.aborted) return;
        const error = asError(caught);
        this.#onFailure(error);
        // A later watch begins where the log of the cluster begins: the state right before that is read.
        readAt = error.reason === 'COMPACTED' ? Math.max(0, Number(error.details.metadata['oldest'] ?? 0) - 1) : 0;
        failures = this.#heard === heardBefore ? failures + 1 : 1;
        // The cluster has said where to go on: the first time there is nothing to wait for.
        if (isElsewhere(error) && failures === 1) continue;
      }
      await this.#rest(Math.max(1, failures));
    }
  }

  /** Throws what ends it. */
  #onFailure(error: EnvCliError): void {
    if (error.reason === 'CLIENT_CLOSED') throw error;
    const hasValues = this.#listener.hasValues();
    // A token that a caller brings from another cluster is the caller's mistake.
    if (!hasValues && (error.reason === 'TOKEN_FOREIGN' || !(isAway(error) || isElsewhere(error)))) throw error;
    if (historyGone.has(error.reason)) {
      this.#token = undefined;
      this.#newest = null;
      this.#listener.onForgotten();
    }
    this.#listener.onAway(error);
  }

  /** One reading, and one watch until it ends. `readAt`: a revision; 0: the newest. */
  async #round(readAt: number): Promise<void> {
    const found = await this.#read(readAt, this.#consistency());
    if (this.#signal.aborted) return;
    const from = found === null ? readAt : Math.max(readAt, found.modifyRevision);
    const watch = this.#watch(from === 0 ? 0 : from + 1);
    try {
      if (found !== null) this.#tell(found);
      else if (from > 0) this.#deleted();
      else await this.#tellSince(watch);
      await watch.started;
      this.#onHeard();
      for await (const event of watch) {
        this.#onHeard();
        if (event.kind === 'changes' && !this.#apply(event.changes)) return;
      }
    } finally {
      await watch.return();
    }
  }

  /** What was not there when it was read may have been created before the watch began. */
  async #tellSince(watch: Watch): Promise<void> {
    await watch.started;
    const since = await this.#read(0, 'strong');
    if (since === null) this.#deleted();
    else this.#tell(since);
  }

  /** Tells what changes make of the newest state. False: they do not continue it, and it is to be read again. */
  #apply(changes: readonly Change[]): boolean {
    const before = this.#newest;
    for (const change of changes) {
      if (change.revision <= (this.#newest?.modifyRevision ?? 0)) continue;
      if (change.kind === 'deleted') {
        this.#deleted();
        continue;
      }
      const after = afterChange(this.#newest, change);
      if (after === null) return false;
      this.#newest = after;
    }
    if (this.#newest !== null && this.#newest !== before) this.#tell(this.#newest);
    return true;
  }

  #tell(environment: Environment): void {
    this.#newest = environment;
    this.#heard++;
    this.#listener.onState(environment);
  }

  #deleted(): void {
    this.#newest = null;
    this.#listener.onDeleted();
  }

  #onHeard(): void {
    this.#heard++;
    this.#listener.onHeard();
  }

  #watch(startRevision: number): Watch {
    const { name, namespace, view } = this.#followed;
    return this.#services.environments.watch({
      name,
      namespace,
      view,
      startRevision,
      signal: this.#signal,
      progress: true,
      onInterrupted: (error) => this.#listener.onAway(error),
      onResumed: () => this.#onHeard(),
    });
  }

  #consistency(): Consistency {
    return this.#readStrong ? 'strong' : this.#followed.consistency;
  }

  /** Reads the environment; null when it was there and is no more. */
  async #read(revision: number, consistency: Consistency): Promise<Environment | null> {
    const { name, namespace, view } = this.#followed;
    const token = consistency === 'strong' || this.#token === undefined ? {} : { token: this.#token };
    const options: ReadOptions = { namespace, view, signal: this.#signal, consistency, revision, ...token };
    try {
      const { header, environment } = await this.#services.environments.get(name, options);
      this.#assertNotOlder(environment, consistency);
      this.#readStrong = false;
      if (header.token !== '') this.#token = header.token;
      return environment;
    } catch (error) {
      // Before there are values it is the caller who is wrong about the name.
      if (asError(error).reason === 'ENVIRONMENT_NOT_FOUND' && this.#listener.hasValues()) return null;
      throw error;
    }
  }

  /** A member that lags must not take a program back. */
  #assertNotOlder({ name, modifyRevision }: Environment, consistency: Consistency): void {
    const known = this.#newest?.modifyRevision ?? 0;
    if (modifyRevision >= known || consistency === 'strong') return;
    this.#readStrong = true;
    const message = `a member showed ${name} at revision ${modifyRevision}, and ${known} has been seen`;
    throw new EnvCliError({ reason: 'TOO_STALE', message });
  }

  #rest(failures: number): Promise<void> {
    const { backoff, random } = this.#services;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, backoffMs(failures, backoff, random()));
      this.#signal.addEventListener('abort', end, { once: true });
    });
  }
}

/** What is not an error of this client is a fault of it. */
export function asError(error: unknown): EnvCliError {
  if (error instanceof EnvCliError) return error;
  return new EnvCliError({ reason: 'INTERNAL', message: 'the client has a fault', cause: error });
}
