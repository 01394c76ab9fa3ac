import type { PendingCall } from './pending-call.ts';

/** Calls that may be unanswered on a stream (`PipelineRequest.calls`). */
export const unansweredMax = 16_384;

/**
 * The calls of a stream that went out and were not answered, by their numbers. Those given up by their callers are among them.
 *
 * Places of one array, used again and again. A `Map` would copy its table every few thousand calls, and each old table, once
 * it is old enough for the garbage collector to look at it seldom, would keep its calls alive: measured, the collector then
 * took more time than all the rest.
 */
export class Unanswered {
  readonly #places: (PendingCall | undefined)[] = [];
  readonly #ids: number[] = [];
  readonly #free: number[] = [];
  #sent = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Takes in a call that goes out. Answers its number: a new one each time, and higher than those before. */
  add(call: PendingCall): number {
    const place = this.#free.pop() ?? this.#places.length;
    const id = ++this.#sent * unansweredMax + place;
    this.#places[place] = call;
    this.#ids[place] = id;
    this.#size++;
    return id;
  }

  /** Takes out the call of a number; undefined when it was answered before. */
  take(id: number): PendingCall | undefined {
    const place = id % unansweredMax;
    const call = this.#places[place];
    if (call === undefined || this.#ids[place] !== id) return undefined;
    this.#places[place] = undefined;
    this.#free.push(place);
    this.#size--;
    return call;
  }

  /** All of them, in the order in which they went out. */
  inOrder(): PendingCall[] {
    const places = [...this.#places.keys()].filter((place) => this.#places[place] !== undefined);
    return places.toSorted((a, b) => this.#ids[a]! - this.#ids[b]!).map((place) => this.#places[place]!);
  }
}
