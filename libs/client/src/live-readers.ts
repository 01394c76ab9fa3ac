import type { LiveChange } from './live-options.ts';

/**
 * One reader of changes. A slow one is told the newest only, with the names of all that changed meanwhile: it costs one change
 * of memory, however long it sleeps.
 */
export class LiveReader<T> implements AsyncIterableIterator<LiveChange<T>> {
  readonly #onReturn: (reader: LiveReader<T>) => void;
  #pending: LiveChange<T> | null = null;
  readonly #names = new Set<string>();
  readonly #waiting: ((result: IteratorResult<LiveChange<T>>) => void)[] = [];
  #ended = false;

  constructor(onReturn: (reader: LiveReader<T>) => void) {
    this.#onReturn = onReturn;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<LiveChange<T>>> {
    const pending = this.#taken();
    if (pending !== null) return Promise.resolve({ done: false, value: pending });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  return(): Promise<IteratorResult<LiveChange<T>>> {
    this.#pending = null;
    this.#onReturn(this);
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  tell(change: LiveChange<T>): void {
    if (this.#ended) return;
    if (change.kind === 'values') for (const name of change.changed) this.#names.add(name);
    this.#pending = change;
    const reader = this.#waiting.shift();
    if (reader !== undefined) reader({ done: false, value: this.#taken()! });
  }

  /** What was told before is still read. */
  end(): void {
    this.#ended = true;
    for (const reader of this.#waiting.splice(0)) reader({ done: true, value: undefined });
  }

  #taken(): LiveChange<T> | null {
    const change = this.#pending;
    this.#pending = null;
    if (change?.kind !== 'values') return change;
    const changed = [...this.#names].toSorted();
    this.#names.clear();
    return { ...change, changed };
  }
}
