import type { OutboxLimits } from './limits.ts';

/** What all deliveries of the process share: places, and memory for values. */
export class Budget {
  readonly #limits: OutboxLimits;
  #deliveries = 0;
  #starting = 0;
  #valueBytes = 0;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /** Whether one more delivery may begin. */
  get free(): boolean {
    return (
      this.#deliveries < this.#limits.deliveriesMax &&
      this.#starting < this.#limits.startsMax &&
      this.#valueBytes < this.#limits.valueBytesMax
    );
  }

  get deliveries(): number {
    return this.#deliveries;
  }

  get valueBytes(): number {
    return this.#valueBytes;
  }

  /** A delivery begins: it is about to read its environment. */
  begin(): void {
    this.#deliveries++;
    this.#starting++;
  }

  /** It has read its environment, and holds so many bytes of values (0 when it turned out that there is nothing to do). */
  read(valueBytes: number): void {
    this.#starting--;
    this.#valueBytes += valueBytes;
  }

  /** It no longer needs them. */
  release(valueBytes: number): void {
    this.#valueBytes -= valueBytes;
  }

  end(): void {
    this.#deliveries--;
  }
}
