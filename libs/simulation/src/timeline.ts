import { assert } from '@env-cli/support';

interface Event {
  readonly atMs: number;
  /** Breaks ties: what was asked for first comes first. */
  readonly order: number;
  readonly happen: () => void;
}

/** Virtual time: things happen one after the other, in the order of their times; nothing takes time by itself. */
export class Timeline {
  /** A binary heap: no event stands before its parent. */
  readonly #heap: Event[] = [];
  #order = 0;
  #nowMs = 0;

  /** Milliseconds since the run began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Lets something happen after so many milliseconds. */
  after(delayMs: number, happen: () => void): void {
    assert(delayMs >= 0, 'nothing happens in the past');
    const event = { atMs: this.#nowMs + delayMs, order: this.#order++, happen };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  /** Moves to the next event and lets it happen. False when there is none. */
  step(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return false;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    this.#nowMs = first.atMs;
    first.happen();
    return true;
  }

  #sink(event: Event): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, event)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = event;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
