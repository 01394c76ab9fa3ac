import type { LiveStatus } from './lane.ts';
import type { OutboxWorkerOptions } from './options.ts';
import { type PlannedEnvironment, plannedOf } from './planned.ts';
import type { DueRow } from './ports.ts';
import { Reign } from './reign.ts';

/** This member does not lead, or has not looked at the mirror yet: ask the leader, a little later. */
export class NotDelivering extends Error {
  override readonly name = 'NotDelivering';
}

/**
 * Keeps targets equal to what is committed, while this member leads.
 *
 * ```ts
 * const worker = new OutboxWorker(options);
 * worker.run().catch(stopTheMember);
 * member.onLeadership((leading) => worker.leadership(leading));
 * member.onApplied(() => worker.changed());
 * member.onStateReplaced(() => worker.changed());
 * // at the end
 * await worker.drain(); // begins nothing more
 * await worker.stop();
 * ```
 */
export class OutboxWorker {
  readonly #options: OutboxWorkerOptions;
  readonly #running = Promise.withResolvers<void>();
  readonly #ending = new Map<number, Promise<void>>();
  #reign: Reign | null = null;
  #closing = false;

  constructor(options: OutboxWorkerOptions) {
    this.#options = options;
    // `run` hands it to whoever awaits it; before that nobody does.
    this.#running.promise.catch(() => {});
  }

  /** Resolves when `stop` has ended everything; rejects on a broken invariant, after which the member must stop. */
  run(): Promise<void> {
    return this.#running.promise;
  }

  /** This member begins to lead in a term, or ceases to (null). In the latter case no call to a target begins after this returns. */
  leadership(leading: { readonly term: number } | null): void {
    void this.#reign?.end();
    this.#reign = null;
    if (leading === null || this.#closing) return;
    this.#reign = new Reign(this.#options, {
      term: leading.term,
      ending: this.#ending,
      onBroken: (error) => this.#running.reject(error),
    });
  }

  /** Something was applied: rows may be due, mirrors be other than they were. Cheap; call it after every batch. */
  changed(): void {
    this.#reign?.changed();
  }

  /** Begins nothing more, and resolves when what is under way has ended. Give it a time limit, and then `stop`. */
  async drain(): Promise<void> {
    this.#closing = true;
    await this.#reign?.drain();
  }

  /** Gives up what is under way, closes the targets and ends `run`. A call that never ends is not waited for longer than `graceMs`. */
  async stop(graceMs = 5_000): Promise<void> {
    this.#closing = true;
    const ended = this.#reign?.end() ?? Promise.all(this.#ending.values());
    this.#reign = null;
    const grace = Promise.withResolvers<void>();
    const cancel = this.#options.host.after(graceMs, grace.resolve);
    await Promise.race([ended, grace.promise]);
    cancel();
    this.#running.resolve();
  }

  /**
   * What the worker knows of an environment beyond what the cluster holds; null: nothing, so that the rows say it all.
   * `due` is what the outbox row says, null when there is none.
   */
  status(mirror: number, environment: string, due: DueRow['kind'] | null): LiveStatus | null {
    const unopened = this.#reign?.unopened(mirror) ?? null;
    if (unopened !== null) return { status: unopened, attempts: 0, nextAttemptInMs: null };
    return this.#reign?.lane(mirror)?.status(environment, due) ?? null;
  }

  /**
   * What deliveries of these environments would do now, in their order: reads the target and changes nothing. Rejects with
   * {@link NotDelivering}, or as a read of the target or of the state does.
   */
  async plan(mirror: number, environments: readonly string[]): Promise<readonly PlannedEnvironment[]> {
    const { planEnvironmentsMax } = this.#options.limits;
    if (environments.length > planEnvironmentsMax) {
      throw new RangeError(`a plan is made for ${planEnvironmentsMax} environments at most, not for ${environments.length}`);
    }
    const unopened = this.#reign?.unopened(mirror) ?? null;
    if (unopened !== null) {
      return environments.map((environment) => ({ environment, items: [], refusedBecause: unopened.reason }));
    }
    const lane = this.#reign?.lane(mirror) ?? null;
    if (lane === null) throw new NotDelivering('this member does not deliver this mirror: ask the leader');
    const planned: PlannedEnvironment[] = [];
    for (const environment of environments) {
      const plan = await lane.plan(environment);
      planned.push(plan === null ? { environment, items: [], refusedBecause: null } : plannedOf(environment, plan));
    }
    return planned;
  }

  /** Gauges for the metrics. */
  figures(): {
    readonly deliveriesInFlight: number;
    readonly deliveriesWaiting: number;
    readonly valueBytes: number;
    /** Calls to targets that have run out of their time and have not ended. */
    readonly callsHanging: number;
  } {
    const reign = this.#reign;
    return {
      deliveriesInFlight: reign?.deliveries ?? 0,
      deliveriesWaiting: reign?.waiting ?? 0,
      valueBytes: reign?.valueBytes ?? 0,
      callsHanging: reign?.callsHanging ?? 0,
    };
  }
}
