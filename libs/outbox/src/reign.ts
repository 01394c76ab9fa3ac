import { type DeliveryStatus, statusOfAll } from '@env-cli/mirroring';
import type { BrokenInvariant } from '@env-cli/support';

import { Budget } from './budget.ts';
import { Lane } from './lane.ts';
import type { OutboxWorkerOptions } from './options.ts';
import type { MirrorInForce } from './ports.ts';
import { Paces } from './paces.ts';
import { TargetError } from './provider.ts';
import { Reports } from './reports.ts';

/** The shortest time between two looks at the mirrors' definitions, in milliseconds. */
const mirrorsSpacingMs = 250;

/** The wait after they could not be read, in milliseconds. */
const troubleWaitMs = 1_000;

/** One term of leading: a lane for each mirror, and the deliveries that they share the worker's places for. */
export class Reign {
  readonly #options: OutboxWorkerOptions;
  readonly #onBroken: (error: BrokenInvariant) => void;
  readonly #reports: Reports;
  readonly #budget: Budget;
  readonly #paces: Paces;
  readonly #lanes = new Map<number, Lane>();
  /** Mirrors whose definition makes no target, as it was tried. */
  readonly #unopened = new Map<number, { readonly mirror: MirrorInForce; readonly status: DeliveryStatus }>();
  /** Lanes that were given up, this reign's and earlier ones', until their last call has ended. */
  readonly #ending: Map<number, Promise<void>>;
  #state: 'open' | 'draining' | 'over' = 'open';
  #first = true;
  #looking = false;
  #changed = false;
  #cancelLook: (() => void) | null = null;
  #pumping = false;
  #pumpAgain = false;
  /** Whose turn it is among the lanes. */
  #turn = 0;

  constructor(
    options: OutboxWorkerOptions,
    reign: {
      readonly term: number;
      readonly ending: Map<number, Promise<void>>;
      readonly onBroken: (error: BrokenInvariant) => void;
    },
  ) {
    this.#options = options;
    this.#onBroken = reign.onBroken;
    this.#ending = reign.ending;
    this.#budget = new Budget(options.limits);
    this.#paces = new Paces(options.host);
    const onFailure = (error: unknown) => options.observer.trouble({ mirror: null, doing: 'reporting deliveries', error });
    this.#reports = new Reports({
      sink: options.reports,
      term: reign.term,
      batchMax: options.limits.reportsPerProposal,
      onFailure,
    });
    this.changed();
  }

  get deliveries(): number {
    return this.#budget.deliveries;
  }

  get valueBytes(): number {
    return this.#budget.valueBytes;
  }

  get waiting(): number {
    let waiting = 0;
    for (const lane of this.#lanes.values()) waiting += lane.waitingCount;
    return waiting;
  }

  get callsHanging(): number {
    let hanging = 0;
    for (const lane of this.#lanes.values()) hanging += lane.hangingCount;
    return hanging;
  }

  /** Something changed in the cluster: rows may be due, and mirrors be other than they were. */
  changed(): void {
    if (this.#state !== 'open') return;
    this.#changed = true;
    this.#lookSoon(0);
    for (const lane of this.#lanes.values()) lane.changed();
    this.#pump();
  }

  lane(mirror: number): Lane | null {
    return this.#lanes.get(mirror) ?? null;
  }

  /** Why a mirror has no lane; null: it has one, or the cluster holds no such mirror, or it was not looked at yet. */
  unopened(mirror: number): DeliveryStatus | null {
    return this.#unopened.get(mirror)?.status ?? null;
  }

  /** Begins nothing more, and resolves when what is under way has ended. */
  async drain(): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    this.#cancelLook?.();
    await Promise.all([...this.#lanes.values()].map((lane) => lane.drain()));
  }

  /** Gives up what is under way. Who awaits it waits for the last call, which may never end. */
  async end(): Promise<void> {
    this.#state = 'over';
    this.#cancelLook?.();
    for (const id of this.#lanes.keys()) this.#endLane(id);
    await Promise.all(this.#ending.values());
  }

  #lookSoon(delayMs: number): void {
    if (this.#looking || this.#cancelLook !== null || this.#state !== 'open') return;
    this.#cancelLook = this.#options.host.after(delayMs, () => {
      this.#cancelLook = null;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#changed = false;
    let waitMs = mirrorsSpacingMs;
    try {
      const mirrors = await this.#options.source.mirrors();
      if (this.#state === 'open') this.#adopt(mirrors);
    } catch (error) {
      this.#options.observer.trouble({ mirror: null, doing: 'reading the mirrors', error });
      this.#changed = true;
      waitMs = troubleWaitMs;
    }
    this.#looking = false;
    if (this.#changed) this.#lookSoon(waitMs);
    this.#pump();
  }

  #adopt(mirrors: readonly MirrorInForce[]): void {
    // What is new from the second look on was made in this reign: no older leader can have written there.
    const takeover = this.#first;
    this.#first = false;
    const ids = new Set(mirrors.map(({ id }) => id));
    for (const id of this.#lanes.keys()) if (!ids.has(id)) this.#endLane(id);
    for (const id of this.#unopened.keys()) if (!ids.has(id)) this.#unopened.delete(id);
    this.#paces.keepKeysOf(ids);
    for (const mirror of mirrors) {
      const lane = this.#lanes.get(mirror.id);
      const known = lane?.mirror ?? this.#unopened.get(mirror.id)?.mirror;
      if (known !== undefined && isSame(known, mirror)) continue;
      if (lane !== undefined) this.#endLane(mirror.id);
      const ending = this.#ending.get(mirror.id);
      if (ending === undefined) this.#openLane(mirror, takeover);
      // Two lanes of one mirror at once could write an older value after a newer one.
      else void ending.then(() => this.#takeUp(mirror, takeover));
    }
  }

  #takeUp(mirror: MirrorInForce, takeover: boolean): void {
    if (this.#state !== 'open') return;
    if (takeover) {
      if (!this.#lanes.has(mirror.id)) this.#openLane(mirror, takeover);
    } else {
      this.#changed = true;
      this.#lookSoon(0);
    }
    this.#pump();
  }

  #openLane(mirror: MirrorInForce, takeover: boolean): void {
    const { cluster, source, imports, open, hash, host, limits, observer } = this.#options;
    const { definition, namespace, id } = mirror;
    this.#unopened.delete(id);
    try {
      const owner = { clusterId: cluster.clusterId, mirror: `${namespace}/${definition.name}` };
      const provider = open(definition, { owner, hash });
      const wake = () => this.#pump();
      const shared = {
        budget: this.#budget,
        paces: this.#paces,
        reports: this.#reports,
        observer,
        wake,
        onBroken: this.#onBroken,
      };
      this.#lanes.set(id, new Lane({ mirror, provider, source, imports, hash, cluster, host, limits, takeover, ...shared }));
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      this.#unopened.set(id, { mirror, status: statusOfAll('BLOCKED_BY_POLICY', error.message) });
      observer.alarm({ mirror, reason: error.message });
    }
  }

  #endLane(id: number): void {
    const lane = this.#lanes.get(id);
    if (lane === undefined) return;
    this.#lanes.delete(id);
    const ending = lane.end().then(
      () => void this.#ending.delete(id),
      (error: unknown) => {
        this.#ending.delete(id);
        this.#options.observer.trouble({ mirror: lane.mirror, doing: 'closing the target', error });
      },
    );
    this.#ending.set(id, ending);
  }

  /** Begins what can begin: one environment of each mirror in turn, so that none waits for another's many. */
  #pump(): void {
    this.#pumpAgain = true;
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#pumpAgain) {
      this.#pumpAgain = false;
      const lanes = [...this.#lanes.values()];
      let idle = 0;
      while (idle < lanes.length && this.#state === 'open' && this.#budget.free) {
        const lane = lanes[this.#turn++ % lanes.length]!;
        const environment = lane.next();
        if (environment === null) idle++;
        else {
          idle = 0;
          void lane.begin(environment);
        }
      }
    }
    this.#pumping = false;
  }
}

/** Whether a mirror is what it was. Its definition is plain data, whose keys always come in the same order. */
function isSame(a: MirrorInForce, b: MirrorInForce): boolean {
  // Only these: what else the object may carry (counts of rows) changes with every delivery.
  const { namespace, deleting } = a;
  return namespace === b.namespace && deleting === b.deleting && JSON.stringify(a.definition) === JSON.stringify(b.definition);
}
