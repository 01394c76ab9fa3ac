import { unreachable } from '@env-cli/support';
import type { WatchResponse, WatchStart } from '@env-cli/wire';

import { boundsFrom, overError, whenOver } from './bounds.ts';
import { changeOf, type Change } from './change.ts';
import { deferred } from './deferred.ts';
import { EnvCliError } from './error.ts';
import { remedyOf } from './failure.ts';
import { revisionOf } from './revision.ts';

/** Something that a watch tells. */
export type WatchEvent =
  /** What one or more revisions changed: all of a revision together, revisions in order. */
  | { readonly kind: 'changes'; readonly changes: readonly Change[]; readonly revision: number; readonly resumeToken: string }
  /** Everything up to `revision` has been told. Comes only if it was asked for. */
  | { readonly kind: 'progress'; readonly revision: number; readonly resumeToken: string };

export interface WatchLimits {
  /** Bytes of events that a watch keeps for a reader that is slow. Beyond it asks the cluster to stop, and goes on when they are read. */
  readonly bufferBytesMax: number;
}

export const watchLimitsDefault: WatchLimits = { bufferBytesMax: 1024 * 1024 };

/** Whether a watch may go on after a failure. */
export function isPassing(error: EnvCliError): boolean {
  const remedy = remedyOf(error);
  return remedy === 'again' || remedy === 'elsewhere' || remedy === 'same-session';
}

/** What a watch needs of the streams that carry it. */
export interface WatchCarrier {
  /** Sends the start of a watch, now or once a member is reached. */
  readonly start: (watch: Watch) => void;
  /** Tells the cluster to end it; whatever still comes for it is dropped. */
  readonly cancel: (watch: Watch) => void;
}

export interface WatchOptions {
  /** What is watched. Without where it begins, once it has begun. */
  readonly scope: WatchStart;
  readonly signal: AbortSignal | undefined;
  readonly progress: boolean;
  readonly limits: WatchLimits;
  /** The longest that it may take until it has begun, in milliseconds. */
  readonly beginTimeoutMs: number;
  readonly onInterrupted: ((error: EnvCliError) => void) | undefined;
  readonly onResumed: (() => void) | undefined;
}

/**
 * The changes of one or many environments, as an async iterable. Nothing is left out and nothing comes twice, also when the
 * connection or the member is lost: it goes on, at another member, right behind the last event that came.
 *
 * It begins when it is made, ends without an error when its signal is aborted or its reader leaves the loop, and throws an
 * {@link EnvCliError} where it cannot go on: COMPACTED (it fell behind what is kept) and EPOCH_CHANGED (the cluster was
 * restored) ask to list again and to watch from the revision of that list.
 */
export class Watch implements AsyncIterableIterator<WatchEvent> {
  readonly #options: WatchOptions;
  readonly #carrier: WatchCarrier;
  readonly #events: { readonly event: WatchEvent; readonly bytes: number }[] = [];
  readonly #readers: { resolve: (result: IteratorResult<WatchEvent>) => void; reject: (error: unknown) => void }[] = [];
  readonly #started = deferred<number>();
  /** Takes back the timer of the beginning. */
  #unbind: () => void = () => undefined;
  #bufferedBytes = 0;
  /** `running`: the cluster sends, or is asked to. `full`: it was told to stop until the reader has caught up. */
  #state: 'running' | 'full' | 'ended' = 'running';
  #failure: EnvCliError | null = null;
  #resumeToken = '';
  #revision = 0;
  #begun = false;
  #wasInterrupted = false;
  #lastMet: EnvCliError | null = null;

  /** @internal */
  constructor(carrier: WatchCarrier, options: WatchOptions) {
    this.#carrier = carrier;
    this.#options = options;
    // Whoever does not ask for the beginning is told of a failure by the iteration.
    this.#started.promise.catch(() => undefined);
    const bounds = boundsFrom(options.beginTimeoutMs, undefined);
    if (options.signal?.aborted === true) this.#end(null);
    else {
      options.signal?.addEventListener('abort', this.#onAbort, { once: true });
      this.#unbind = whenOver(bounds, () => this.#end(overError(bounds, this.#lastMet, false)));
      carrier.start(this);
    }
  }

  /** The first revision that is told, once the cluster has taken the watch on. Rejects if it ends before. */
  get started(): Promise<number> {
    return this.#started.promise;
  }

  /** Where to go on behind the newest event that came, in another watch; empty before the watch has begun. */
  get resumeToken(): string {
    return this.#resumeToken;
  }

  /** Whether the cluster has taken it on. From then on it waits for as long as it takes to go on. */
  get begun(): boolean {
    return this.#begun;
  }

  /**
   * What to send to begin it, or to go on.
   *
   * @internal
   */
  get start(): WatchStart {
    if (this.#resumeToken === '') return this.#options.scope;
    return { ...this.#options.scope, startRevision: 0n, resumeToken: this.#resumeToken };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<WatchEvent>> {
    const first = this.#events.shift();
    if (first !== undefined) {
      this.#bufferedBytes -= first.bytes;
      if (this.#state === 'full' && this.#events.length === 0) {
        this.#state = 'running';
        this.#carrier.start(this);
      }
      return Promise.resolve({ done: false, value: first.event });
    }
    if (this.#failure !== null) {
      const failure = this.#failure;
      this.#failure = null;
      return Promise.reject(failure);
    }
    if (this.#state === 'ended') return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    });
  }

  /** Ends it. */
  return(): Promise<IteratorResult<WatchEvent>> {
    this.#events.length = 0;
    this.#end(null);
    return Promise.resolve({ done: true, value: undefined });
  }

  /**
   * Takes a message of the cluster, other than that it ended the watch. `bytes`: its length.
   *
   * @internal
   */
  receive({ event, revision, resumeToken }: WatchResponse, bytes: number): void {
    if (this.#state !== 'running') return;
    const upTo = revisionOf(revision);
    if (resumeToken !== '') this.#resumeToken = resumeToken;
    switch (event.case) {
      case 'started':
        this.#begun = true;
        this.#unbind();
        this.#started.resolve(revisionOf(event.value.startRevision));
        if (this.#wasInterrupted) this.#options.onResumed?.();
        this.#wasInterrupted = false;
        break;
      case 'changes': {
        // A member that tells a revision again is cut short here: the reader was promised no duplicate.
        const changes = event.value.changes.map(changeOf).filter((change) => change.revision > this.#revision);
        const last = changes.at(-1);
        if (last === undefined) break;
        // A revision that is too large for one message comes in parts: it is complete with the one that has its number.
        this.#revision = upTo;
        this.#push({ kind: 'changes', changes, revision: last.revision, resumeToken: this.#resumeToken }, bytes);
        break;
      }
      case 'progress':
        if (this.#options.progress) this.#push({ kind: 'progress', revision: upTo, resumeToken: this.#resumeToken }, bytes);
        break;
      case 'ended':
      case undefined:
        // The first is not for here; the second is what a newer cluster may tell and this client does not know.
        break;
      default:
        unreachable(event);
    }
  }

  /**
   * The stream broke, or the cluster ended the watch: it goes on behind the last event, or fails.
   *
   * @internal
   */
  interrupted(error: EnvCliError): void {
    if (this.#state === 'ended') return;
    if (!isPassing(error)) {
      this.#end(error);
    } else if (this.#state === 'running') {
      this.#lastMet = error;
      if (this.#begun) {
        this.#wasInterrupted = true;
        this.#options.onInterrupted?.(error);
      }
      this.#carrier.start(this);
    }
  }

  /**
   * Ends it with an error, after what has come is read.
   *
   * @internal
   */
  fail(error: EnvCliError): void {
    this.#end(error);
  }

  #push(event: WatchEvent, bytes: number): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: event });
      return;
    }
    this.#events.push({ event, bytes });
    this.#bufferedBytes += bytes;
    if (this.#bufferedBytes <= this.#options.limits.bufferBytesMax) return;
    this.#state = 'full';
    this.#carrier.cancel(this);
  }

  #end(error: EnvCliError | null): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#unbind();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#carrier.cancel(this);
    this.#started.reject(error ?? new EnvCliError({ reason: 'CANCELLED', message: 'the watch was ended before it began' }));
    const [first, ...others] = this.#readers.splice(0);
    if (error === null || first === undefined) this.#failure = error;
    if (error === null) first?.resolve({ done: true, value: undefined });
    else first?.reject(error);
    for (const reader of others) reader.resolve({ done: true, value: undefined });
  }

  readonly #onAbort = (): void => {
    this.#events.length = 0;
    this.#end(null);
  };
}
