import type { BatchGetResponse, GetResponse, ResponseHeader, WriteResponse } from '@env-cli/wire';

import type { Bounds } from './bounds.ts';
import type { EnvCliError } from './error.ts';
import type { CallKind } from './pipeline-codec.ts';
import type { Session } from './session.ts';

/** What each kind of call is answered with. */
export interface Answers {
  readonly get: GetResponse;
  readonly batchGet: BatchGetResponse;
  readonly write: WriteResponse;
}

/** An answer, with the header of the message that brought it. */
export interface Answered<T> {
  readonly header: ResponseHeader | undefined;
  readonly answer: T;
}

/** A call of a pipeline from when it is made until its promise is settled. */
export interface PendingCall {
  readonly kind: CallKind;
  readonly request: Uint8Array;
  readonly bounds: Bounds;
  /** When it was made, as whoever keeps the token counts; null for a write. */
  readonly began: number | null;
  readonly resolve: (answered: Answered<never>) => void;
  readonly reject: (error: EnvCliError) => void;
  /** Takes back the timer and the listener of its bounds. */
  unbind: () => void;
  /** `waiting` to go out, `sent`, `resting` until it goes out again, or `settled`. */
  state: 'waiting' | 'sent' | 'resting' | 'settled';
  /** Since when it waits to go out, by `performance.now()`. */
  waitingSinceMs: number;
  /** The place of a write, once it has gone out. The number stays the same in each attempt. */
  place: { readonly session: Session; readonly sequence: number } | null;
  /** An attempt of a write ended without an answer: it may have been done. */
  uncertain: boolean;
  /** Attempts that failed. */
  failures: number;
  /** What the last of them met. */
  last: EnvCliError | null;
}

/** Calls that wait, in the order in which they go out: those that went out before stand first. */
export class CallQueue {
  readonly #again = new Line();
  readonly #fresh = new Line();

  push(call: PendingCall): void {
    (call.failures > 0 ? this.#again : this.#fresh).push(call);
  }

  /** The next one that still waits, without taking it out. */
  peek(): PendingCall | undefined {
    return this.#again.peek() ?? this.#fresh.peek();
  }

  /** Takes out what `peek` answered last. */
  shift(): void {
    (this.#again.peek() === undefined ? this.#fresh : this.#again).shift();
  }

  /** All that still wait. */
  waiting(): PendingCall[] {
    return [...this.#again.waiting(), ...this.#fresh.waiting()];
  }
}

/** First in, first out; calls that no longer wait are passed over. */
class Line {
  #calls: (PendingCall | undefined)[] = [];
  #head = 0;

  push(call: PendingCall): void {
    this.#calls.push(call);
  }

  peek(): PendingCall | undefined {
    for (; this.#head < this.#calls.length; this.#drop()) {
      const call = this.#calls[this.#head];
      if (call?.state === 'waiting') return call;
    }
    this.#calls.length = 0;
    this.#head = 0;
    return undefined;
  }

  shift(): void {
    this.#drop();
    if (this.#head < takenMax) return;
    this.#calls = this.#calls.slice(this.#head);
    this.#head = 0;
  }

  waiting(): PendingCall[] {
    return this.#calls.filter((call) => call?.state === 'waiting') as PendingCall[];
  }

  /** What was taken must not be held: the array may live for long. */
  #drop(): void {
    this.#calls[this.#head++] = undefined;
  }
}

/** Places of calls that were taken, before the rest is moved to the front. */
const takenMax = 4096;
