import { assert, BrokenInvariant } from '@env-cli/support';

import type { Ending } from './ending.ts';
import type { Pace } from './pace.ts';
import type { Host } from './ports.ts';
import { TargetError, type TargetLimits, type WriteCalls } from './provider.ts';

/** What a delivery is broken off with when the reign, the mirror or the process ends. Nobody is told: it is no failure. */
export class DeliveryEnded extends Error {
  override readonly name = 'DeliveryEnded';
}

/** A call that has not ended within its time limit, nor by the signal that told it to. */
export interface HangingCall {
  readonly kind: 'read' | 'write';
  /** Since it was begun. */
  readonly forMs: number;
  /** The attempt that made it; 0 when none did. */
  readonly attempt: number;
}

/** A call under way. `environment` is null where it is made for none. */
interface UnderWay {
  readonly kind: 'read' | 'write';
  readonly environment: string | null;
  readonly attempt: number;
  readonly begunMs: number;
}

/** The one way to a target: paced, limited in time, and closed once the reign under which it was opened is over. */
export class TargetCalls implements WriteCalls {
  readonly #limits: TargetLimits;
  readonly #paces: ReadonlyMap<string, Pace>;
  readonly #host: Host;
  readonly #ending: Ending;
  readonly #underWay = new Set<UnderWay>();

  constructor(limits: TargetLimits, paces: ReadonlyMap<string, Pace>, host: Host, ending: Ending) {
    this.#limits = limits;
    this.#paces = paces;
    this.#host = host;
    this.#ending = ending;
  }

  read<T>(call: (signal: AbortSignal) => Promise<T>, meter = ''): Promise<T> {
    return this.#make(call, meter, { kind: 'read', environment: null, attempt: 0 });
  }

  write<T>(call: (signal: AbortSignal) => Promise<T>, meter = ''): Promise<T> {
    return this.#make(call, meter, { kind: 'write', environment: null, attempt: 0 });
  }

  /** The same way for one attempt at an environment, so that it can be told whose call hangs. */
  of(environment: string, attempt: number): WriteCalls {
    return {
      read: (call, meter = '') => this.#make(call, meter, { kind: 'read', environment, attempt }),
      write: (call, meter = '') => this.#make(call, meter, { kind: 'write', environment, attempt }),
    };
  }

  /** The oldest call for an environment, or for none, that has run out of its time and has not ended; null: none. */
  hanging(environment: string): HangingCall | null {
    const nowMs = this.#host.nowMs();
    // In the order in which they were begun.
    for (const call of this.#underWay) {
      const forMs = nowMs - call.begunMs;
      if (forMs <= this.#limits.callMsMax) return null;
      if (call.environment === environment || call.environment === null) return { ...call, forMs };
    }
    return null;
  }

  /** How many calls have run out of their time and have not ended. */
  get hangingCount(): number {
    const nowMs = this.#host.nowMs();
    let count = 0;
    for (const { begunMs } of this.#underWay) if (nowMs - begunMs > this.#limits.callMsMax) count++;
    return count;
  }

  async #make<T>(call: (signal: AbortSignal) => Promise<T>, meter: string, about: Omit<UnderWay, 'begunMs'>): Promise<T> {
    const pace = this.#paces.get(meter);
    assert(pace !== undefined, 'a call goes by a meter that its target has');
    await pace.turn(this.#ending);
    if (this.#ending.over) throw new DeliveryEnded('the delivery was given up before the call');
    const limit = new AbortController();
    const forget = this.#ending.onEnd(() => limit.abort());
    let late = false;
    const cancel = this.#host.after(this.#limits.callMsMax, () => {
      late = true;
      limit.abort();
    });
    const underWay: UnderWay = { ...about, begunMs: this.#host.nowMs() };
    this.#underWay.add(underWay);
    try {
      // Not raced against the time limit: a call that does not heed its signal may still land, and whoever took its failure for
      // its end would start the next one beside it. It holds its place until it ends.
      const answer = await call(limit.signal);
      pace.answered();
      return answer;
    } catch (error) {
      throw this.#failureOf(error, late, pace);
    } finally {
      this.#underWay.delete(underWay);
      cancel();
      forget();
    }
  }

  #failureOf(error: unknown, late: boolean, pace: Pace): unknown {
    if (error instanceof BrokenInvariant) return error;
    if (this.#ending.over) return new DeliveryEnded('the delivery was given up during the call');
    if (late) return new TargetError('timed-out', `the target did not answer within ${this.#limits.callMsMax} ms`);
    if (!(error instanceof TargetError)) return new TargetError('internal', `the provider failed: ${nameOf(error)}`);
    if (error.class === 'throttled') pace.throttled(error.retryAfterMs ?? 0);
    return error;
  }
}

/** What may be said of an error that nobody expected: its message could quote a value, so it stays out. */
export function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error;
  const name = 'name' in error && typeof error.name === 'string' ? error.name : 'an error without a name';
  return 'code' in error && typeof error.code === 'string' ? `${name} (${error.code})` : name;
}
