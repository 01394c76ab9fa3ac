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
  #again: PendingCall[] = [];
  #fresh: PendingCall[] = [];
  #againHead = 0;
  #freshHead = 0;

  push(call: PendingCall): void {
    if (call.failures > 0) this.#again.push(call);
    else this.#fresh.push(call);
  }

  /** The next one that still waits, without taking it out. */
  peek(): PendingCall | undefined {
    for (; this.#againHead < this.#again.length; this.#againHead++) {
      if (this.#again[this.#againHead]!.state === 'waiting') return this.#again[this.#againHead];
    }
    for (; this.#freshHead < this.#fresh.length; this.#freshHead++) {
      if (this.#fresh[this.#freshHead]!.state === 'waiting') return this.#fresh[this.#freshHead];
    }
    return undefined;
  }

  /** Takes out what `peek` answered last. */
  shift(): void {
    if (this.#againHead < this.#again.length) this.#againHead++;
    else this.#freshHead++;
    if (this.#againHead === this.#again.length && this.#againHead > 0) {
      this.#again = [];
      this.#againHead = 0;
    }
    // What was taken must not be held for as long as others come.
    if (this.#freshHead === this.#fresh.length || this.#freshHead >= takenMax) {
      this.#fresh = this.#fresh.slice(this.#freshHead);
      this.#freshHead = 0;
    }
  }

  /** All that still wait. */
  waiting(): PendingCall[] {
    return [...this.#again.slice(this.#againHead), ...this.#fresh.slice(this.#freshHead)].filter(
      (call) => call.state === 'waiting',
    );
  }
}

/** Calls that were taken out and are still held, before the rest is copied. */
const takenMax = 1024;
