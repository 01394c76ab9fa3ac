/**
 * The end of something, and those who want to hear of it. An `AbortSignal` for many: Node.js looks through all listeners of a signal
 * for each that is added or removed, and thousands of calls hang on the end of one reign.
 */
export class Ending {
  readonly #callbacks = new Set<() => void>();
  #over = false;

  get over(): boolean {
    return this.#over;
  }

  /** Ends it: everybody is told, once. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const callback of this.#callbacks) callback();
    this.#callbacks.clear();
  }

  /** Calls back at the end; never if it is over already. Returns what calls it off. */
  onEnd(callback: () => void): () => void {
    if (!this.#over) this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }
}
