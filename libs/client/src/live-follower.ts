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
 * Keeps up with one environment, and begins anew whenever that ends: it watches what comes from now on, reads the environment
 * meanwhile, and once the watch has said at which revision it begins, reads what there was right before that.
 *
 * So nothing is left out between reading and watch, at any consistency and whichever members answer, and no watch has to go through
 * the cluster's log from the environment's last change on, which may be long ago. No state is told that is older than one before,
 * unless the cluster was restored.
 */
export class LiveFollower {
  readonly #services: FollowerServices;
  readonly #followed: Followed;
  readonly #listener: FollowerListener;
  readonly #signal: AbortSignal;
  /** The newest state of the cluster; null: none is known, or it was deleted. */
  #newest: Environment | null = null;
  /** The revision of the newest change that is known, a deletion included. */
  #seen = 0;
  #token: string | undefined;
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
    while (!this.#signal.aborted) {
      const heardBefore = this.#heard;
      try {
        await this.#round();
        failures = 0;
      } catch (caught) {
        if (this.#signal.aborted) return;
        const error = asError(caught);
        this.#onFailure(error);
        failures = this.#heard === heardBefore ? failures + 1 : 1;
        // The cluster has said that it is further: the first time there is nothing to wait for.
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
    if (historyGone.has(error.reason)) this.#forget();
    this.#listener.onAway(error);
  }

  #forget(): void {
    this.#token = undefined;
    this.#newest = null;
    this.#seen = 0;
    this.#listener.onForgotten();
  }

  /** One watch until it ends, and the readings for it. */
  async #round(): Promise<void> {
    const watch = this.#watch();
    try {
      const found = await this.#read(0, this.#followed.consistency);
      if (found !== null) this.#show(found, this.#followed.consistency === 'strong');
      const upTo = (await watch.started) - 1;
      await this.#catchUp(upTo);
      this.#onHeard();
      for await (const event of watch) {
        this.#onHeard();
        if (event.kind === 'changes' && !this.#apply(event.changes)) return;
      }
    } finally {
      await watch.return();
    }
  }

  /** `isAuthoritative`: it was read after all that is known, so that it can be older only in another history. */
  #show(environment: Environment, isAuthoritative: boolean): void {
    const { modifyRevision } = environment;
    if (isAuthoritative && modifyRevision < this.#seen) this.#forget();
    if (modifyRevision > this.#seen) this.#tell(environment);
  }

  /** Tells the state at a revision, if that is later than what is known. What comes after it, the watch tells. */
  async #catchUp(upTo: number): Promise<void> {
    if (this.#seen >= upTo) return;
    const then = await this.#read(upTo, this.#followed.consistency);
    if (then === null) this.#deleted(upTo);
    else this.#show(then, false);
  }

  /** Tells what changes make of the newest state. False: they do not continue it, and it is to be read again. */
  #apply(changes: readonly Change[]): boolean {
    const before = this.#newest;
    for (const change of changes) {
      if (change.revision <= this.#seen) continue;
      if (change.kind === 'deleted') {
        this.#deleted(change.revision);
        continue;
      }
      const after = afterChange(this.#newest, change);
      if (after === null) return false;
      this.#newest = after;
      this.#seen = after.modifyRevision;
    }
    if (this.#newest !== null && this.#newest !== before) this.#tell(this.#newest);
    return true;
  }

  #tell(environment: Environment): void {
    this.#newest = environment;
    this.#seen = environment.modifyRevision;
    this.#heard++;
    this.#listener.onState(environment);
  }

  /** `revision`: of the deletion, or a later one. */
  #deleted(revision: number): void {
    this.#newest = null;
    this.#seen = revision;
    this.#listener.onDeleted();
  }

  #onHeard(): void {
    this.#heard++;
    this.#listener.onHeard();
  }

  #watch(): Watch {
    const { name, namespace, view } = this.#followed;
    return this.#services.environments.watch({
      name,
      namespace,
      view,
      signal: this.#signal,
      progress: true,
      onInterrupted: (error) => this.#listener.onAway(error),
      onResumed: () => this.#onHeard(),
    });
  }

  /** Reads the environment at a revision, 0: the newest. Null when it was there and is no more. */
  async #read(revision: number, consistency: Consistency): Promise<Environment | null> {
    const { name, namespace, view } = this.#followed;
    const token = consistency === 'strong' || this.#token === undefined ? {} : { token: this.#token };
    const options: ReadOptions = { namespace, view, signal: this.#signal, consistency, revision, ...token };
    try {
      const { header, environment } = await this.#services.environments.get(name, options);
      if (header.token !== '') this.#token = header.token;
      return environment;
    } catch (error) {
      const { reason } = asError(error);
      // Before there are values it is the caller who is wrong about the name.
      if (reason === 'ENVIRONMENT_NOT_FOUND' && this.#listener.hasValues()) return null;
      // The member that answers is behind the one that watches.
      if (reason === 'REVISION_IN_FUTURE' && consistency !== 'strong') return await this.#read(revision, 'strong');
      throw error;
    }
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
