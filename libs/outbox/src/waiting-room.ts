import type { DeliveryStatus } from '@env-cli/mirroring';

import type { Host } from './ports.ts';

/** An environment between two attempts. */
export interface Waiting {
  /** The revision of the last attempt, and how many were made at it. */
  readonly revision: number;
  readonly attempts: number;
  readonly status: DeliveryStatus;
  /** It waits for the rate of writes of a key alone: a newer revision may have other keys to write. Absent: it does not. */
  readonly paced?: true;
}

/** Environments that wait for another attempt, and those whose wait is over. */
export class WaitingRoom {
  readonly #host: Host;
  readonly #onWake: (environment: string) => void;
  readonly #waiting = new Map<string, Waiting & { readonly wakeAtMs: number; readonly cancel: () => void }>();

  constructor(host: Host, onWake: (environment: string) => void) {
    this.#host = host;
    this.#onWake = onWake;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(environment: string): boolean {
    return this.#waiting.has(environment);
  }

  add(environment: string, waiting: Waiting, delayMs: number): void {
    this.take(environment);
    const cancel = this.#host.after(delayMs, () => this.#onWake(environment));
    this.#waiting.set(environment, { ...waiting, wakeAtMs: this.#host.nowMs() + delayMs, cancel });
  }

  /** Takes an environment out. */
  take(environment: string): Waiting | null {
    const waiting = this.#waiting.get(environment);
    this.#waiting.delete(environment);
    waiting?.cancel();
    return waiting ?? null;
  }

  /** An environment that waits, and for how long still; null: it does not. */
  look(environment: string): { readonly waiting: Waiting; readonly leftMs: number } | null {
    const waiting = this.#waiting.get(environment);
    return waiting === undefined ? null : { waiting, leftMs: Math.max(0, waiting.wakeAtMs - this.#host.nowMs()) };
  }

  clear(): void {
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }
}
