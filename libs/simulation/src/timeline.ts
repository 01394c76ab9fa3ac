import { assert } from '@env-cli/support';

/**
 * What counts as an event of a run: something that reached somebody. What was called off before its time, such as the end of a patience that was
 * answered, is none.
 *
 * - `delivery`: a message, a forwarded batch, an answer to one, the news of a broken connection or the end of a snapshot's way
 * - `tick`: the timer of a member's core
 * - `turn`: a turn of one of a member's threads, or a hop from one to another
 * - `disk`: a sync, a read or a checkpoint that ended
 * - `client`: a step of a client: a thought, a retry, the end of its patience
 * - `fault`: a fault begins or ends, or a member is started again
 */
export const eventKinds = ['delivery', 'tick', 'turn', 'disk', 'client', 'fault'] as const;

export type EventKind = (typeof eventKinds)[number];

/** What is going to happen. To be called off, and for nothing else. */
export interface Event {
  readonly atMs: number;
  /** Breaks ties: what was asked for first comes first. */
  readonly order: number;
  readonly kind: EventKind;
  /** Null once it is called off. */
  happen: (() => void) | null;
}

/** Virtual time: things happen one after the other, in the order of their times; nothing takes time by itself. */
export class Timeline {
  readonly counts: Record<EventKind, number> = { delivery: 0, tick: 0, turn: 0, disk: 0, client: 0, fault: 0 };
  /** A binary heap: no event stands before its parent. */
  readonly #heap: Event[] = [];
  #order = 0;
  #nowMs = 0;
  #events = 0;

  /** Milliseconds since the run began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that happened. */
  get events(): number {
    return this.#events;
  }

  /** Lets something happen after so many milliseconds. */
  after(delayMs: number, kind: EventKind, happen: () => void): Event {
    assert(delayMs >= 0, 'nothing happens in the past');
    const event: Event = { atMs: this.#nowMs + delayMs, order: this.#order++, kind, happen };
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
    return event;
  }

  /** It does not happen. What has happened is not undone. */
  callOff(event: Event): void {
    event.happen = null;
  }

  /** Moves to the next event and lets it happen. False when there is none. */
  step(): boolean {
    for (;;) {
      const first = this.#take();
      if (first === undefined) return false;
      const { happen } = first;
      if (happen === null) continue;
      this.#nowMs = first.atMs;
      this.#events++;
      this.counts[first.kind]++;
      happen();
      return true;
    }
  }

  #take(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
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
