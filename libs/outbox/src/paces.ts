import { Pace } from './pace.ts';
import type { Host } from './ports.ts';
import type { TargetLimits } from './provider.ts';

/** The paces of all targets of a worker: mirrors that draw on the same quota share them, by meter. */
export class Paces {
  readonly #host: Host;
  readonly #shared = new Map<string, Pace>();

  constructor(host: Host) {
    this.#host = host;
  }

  /** The paces of one target: under the empty name that of the calls without a meter. */
  of(limits: TargetLimits): ReadonlyMap<string, Pace> {
    const { quota = '', meters = {} } = limits;
    return new Map(
      [['', limits] as const, ...Object.entries(meters)].map(([meter, rate]) => {
        const { callsPerSecond, callsBurst } = rate;
        if (quota === '') return [meter, new Pace({ callsPerSecond, callsBurst }, this.#host)];
        // A mirror that was told of another rate of the same account has its own: two truths about one quota are a person's to settle.
        const name = JSON.stringify([quota, meter, callsPerSecond, callsBurst]);
        const pace = this.#shared.get(name) ?? new Pace({ callsPerSecond, callsBurst }, this.#host);
        this.#shared.set(name, pace);
        return [meter, pace];
      }),
    );
  }
}
