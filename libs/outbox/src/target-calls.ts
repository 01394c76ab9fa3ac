import { assert, BrokenInvariant } from '@env-cli/support';

import type { Ending } from './ending.ts';
import type { Pace } from './pace.ts';
import type { Host } from './ports.ts';
import { TargetError, type TargetLimits, type WriteCalls } from './provider.ts';

/** What a delivery is broken off with when the reign, the mirror or the process ends. Nobody is told: it is no failure. */
export class DeliveryEnded extends Error {
  override readonly name = 'DeliveryEnded';
}

/** The one way to a target: paced, limited in time, and closed once the reign under which it was opened is over. */
export class TargetCalls implements WriteCalls {
  readonly #limits: TargetLimits;
  readonly #paces: ReadonlyMap<string, Pace>;
  readonly #host: Host;
  readonly #ending: Ending;

  constructor(limits: TargetLimits, paces: ReadonlyMap<string, Pace>, host: Host, ending: Ending) {
    this.#limits = limits;
    this.#paces = paces;
    this.#host = host;
    this.#ending = ending;
  }

  read<T>(call: (signal: AbortSignal) => Promise<T>, meter = ''): Promise<T> {
    return this.#make(call, meter);
  }

  write<T>(call: (signal: AbortSignal) => Promise<T>, meter = ''): Promise<T> {
    return this.#make(call, meter);
  }

  async #make<T>(call: (signal: AbortSignal) => Promise<T>, meter: string): Promise<T> {
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
    try {
      // Not raced against the time limit: a call that does not heed its signal may still land, and whoever took its failure for
      // its end would start the next one beside it. It holds its place until it ends.
      const answer = await call(limit.signal);
      pace.answered();
      return answer;
    } catch (error) {
      throw this.#failureOf(error, late, pace);
    } finally {
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
