import { KeyPace } from './key-pace.ts';
import { Pace } from './pace.ts';
import type { Host } from './ports.ts';
import type { KeyWriteRate, TargetLimits } from './provider.ts';

/** The paces of all targets of a worker: mirrors that draw on the same quota share them, by meter. */
export class Paces {
  readonly #host: Host;
  readonly #shared = new Map<string, Pace>();
  readonly #keys = new Map<number, KeyPace>();

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

  /** How often a mirror may write each of its keys: remembered when it is opened anew, unless its rate is another by then. */
  ofKeys(mirror: number, rate: KeyWriteRate): KeyPace {
    const known = this.#keys.get(mirror);
    if (known?.rate.intervalMs === rate.intervalMs && known.rate.writesBurst === rate.writesBurst) return known;
    const pace = new KeyPace(rate, this.#host);
    this.#keys.set(mirror, pace);
    return pace;
  }

  /** Forgets the keys of mirrors that are not there any more. */
  keepKeysOf(mirrors: ReadonlySet<number>): void {
    for (const id of this.#keys.keys()) if (!mirrors.has(id)) this.#keys.delete(id);
  }
}
