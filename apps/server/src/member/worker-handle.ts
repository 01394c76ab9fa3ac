import { type MessagePort, Worker } from 'node:worker_threads';

import { threadProgram } from './entry-point.ts';
import { MemberRefused } from './member-refused.ts';
import type { ThreadLog, WorkerEvent, WorkerOrder } from './thread-messages.ts';

export interface WorkerHandleOptions {
  readonly name: 'consensus-worker' | 'apply-worker';
  readonly start: object;
  readonly ports: readonly MessagePort[];
  readonly log: (log: ThreadLog) => void;
  /** The worker stopped by itself, with a reason for people. Once. */
  readonly onFailed: (error: Error, diskFull: boolean) => void;
}

/** Whether its end is wanted: in order, with its work done, or at once. */
type Ending = 'no' | 'in-order' | 'at-once';

/** The longest that is waited for a thread to let go of what it has. */
const abandonMs = 2_000;

/** A thread of the member, as the thread that started it sees it. */
export class WorkerHandle<Opened> {
  readonly #worker: Worker;
  readonly #options: WorkerHandleOptions;
  readonly #opened = Promise.withResolvers<Opened>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #metrics = new Map<number, (values: Record<string, number>) => void>();
  #lastMetrics = 0;
  #ended = false;
  #ending: Ending = 'no';
  #failure: Error | null = null;

  constructor(options: WorkerHandleOptions) {
    this.#options = options;
    this.#worker = new Worker(threadProgram(options.name), {
      workerData: options.start,
      transferList: [...options.ports],
      name: options.name,
    });
    this.#worker.on('message', (event: WorkerEvent<Opened>) => this.#take(event));
    this.#worker.on('error', (error) => this.#fail(new Error(`the thread ${options.name} stopped: ${textOf(error)}`), false));
    this.#worker.on('exit', () => {
      this.#fail(new Error(`the thread ${options.name} ended by itself`), false);
      this.#closed.resolve();
    });
    this.#opened.promise.catch(() => undefined);
  }

  /** Resolves once it has opened what it works on. Rejects when that is not possible. */
  get opened(): Promise<Opened> {
    return this.#opened.promise;
  }

  metrics(): Promise<Record<string, number>> {
    if (this.#ended) return Promise.resolve({});
    return new Promise((resolve) => {
      const id = ++this.#lastMetrics;
      this.#metrics.set(id, resolve);
      this.#order({ kind: 'metrics', id });
    });
  }

  /** Lets it finish what it was given and close its files. Rejects, once it has ended, when that failed. */
  async close(): Promise<void> {
    this.#ending = 'in-order';
    if (!this.#ended) this.#order({ kind: 'close' });
    await this.#closed.promise;
    await this.terminate();
    if (this.#failure !== null) throw this.#failure;
  }

  /** Ends it as a crash would, but for its sockets, which it closes. */
  async terminate(): Promise<void> {
    this.#ending = 'at-once';
    if (!this.#ended) this.#order({ kind: 'abandon' });
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, abandonMs);
    });
    await Promise.race([this.#closed.promise, tooLong]);
    clearTimeout(timer);
    await this.#worker.terminate();
  }

  #order(order: WorkerOrder): void {
    this.#worker.postMessage(order);
  }

  #take(event: WorkerEvent<Opened>): void {
    switch (event.kind) {
      case 'opened':
        return this.#opened.resolve(event.report);
      case 'log':
        return this.#options.log(event.log);
      case 'metrics':
        this.#metrics.get(event.id)?.(event.values);
        this.#metrics.delete(event.id);
        return;
      case 'failed':
        return this.#fail(errorOf(event), event.diskFull);
      case 'closed':
        this.#ended = true;
        this.#opened.reject(new Error(`the thread ${this.#options.name} was ended before it had begun`));
        return this.#closed.resolve();
    }
  }

  #fail(error: Error, diskFull: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const resolve of this.#metrics.values()) resolve({});
    this.#metrics.clear();
    this.#opened.reject(error);
    if (this.#ending === 'at-once') return;
    this.#failure = error;
    this.#options.onFailed(error, diskFull);
  }
}

function errorOf({ message, refused }: Extract<WorkerEvent<never>, { kind: 'failed' }>): Error {
  return refused === null ? new Error(message) : new MemberRefused(refused, message);
}

function textOf(error: unknown): string {
  return (error as { readonly stack?: string } | null)?.stack ?? String(error);
}
