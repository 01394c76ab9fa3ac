import { brake, deletesOf, type DeliveryStatus, type Outcome, type Plan, statusOfAll } from '@env-cli/mirroring';
import { BrokenInvariant } from '@env-cli/support';

import { attemptAt, type Attempted, type Delivering, type Job, jobOf, planOf, SourceUnavailable } from './attempt.ts';
import { BrakeGauge } from './brake-gauge.ts';
import type { Budget } from './budget.ts';
import { DueRows } from './due-rows.ts';
import { Ending } from './ending.ts';
import type { KeyPace } from './key-pace.ts';
import type { OutboxLimits } from './limits.ts';
import type { Paces } from './paces.ts';
import type { AttemptEvent, DueRow, Host, MirrorInForce, OutboxObserver } from './ports.ts';
import { type JobEnd, reportOf, type Reports } from './reports.ts';
import { Scan } from './scan.ts';
import { DeliveryEnded, type HangingCall, nameOf, TargetCalls } from './target-calls.ts';
import { type Waiting, WaitingRoom } from './waiting-room.ts';

/** The wait after the cluster's state could not be read, or a report not be proposed, in milliseconds. */
const troubleWaitMs = 1_000;

/** How long withdrawals rest once the delete brake holds, in milliseconds. */
const brakeRestMs = 60_000;

/** Environments whose last failure is remembered for the status. */
const failuresMax = 1_000;

/** What the worker knows of an environment beyond what the cluster holds. */
export interface LiveStatus {
  readonly status: DeliveryStatus;
  /** Attempts at the revision that is due; 0 when none was made. */
  readonly attempts: number;
  /** Milliseconds until the next attempt; null when none is planned, or one is under way. */
  readonly nextAttemptInMs: number | null;
  /** Milliseconds since a call was begun that hangs; absent when none does. */
  readonly hangsForMs?: number;
}

export interface LaneOptions extends Delivering {
  readonly host: Host;
  readonly limits: OutboxLimits;
  readonly budget: Budget;
  readonly paces: Paces;
  readonly reports: Reports;
  readonly observer: OutboxObserver;
  /** There may be something to begin. */
  readonly wake: () => void;
  readonly onBroken: (error: BrokenInvariant) => void;
  /** A reign began, and the one before may still have calls under way. */
  readonly takeover: boolean;
}

interface Done {
  readonly job: JobEnd;
  readonly attempted: Attempted;
  /** Attempts at this revision, this one included. */
  readonly attempts: number;
  readonly elapsedMs: number;
}

/**
 * One mirror during one reign: which of its environments is next, and what follows each attempt. At most one delivery of an
 * environment is under way.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #ending = new Ending();
  readonly #calls: TargetCalls;
  readonly #keyPace: KeyPace | null;
  readonly #due: DueRows;
  readonly #scan: Scan;
  readonly #brake: BrakeGauge;
  readonly #waiting: WaitingRoom;
  /** Environments under way; true: the row was seen again meanwhile, so look once more. */
  readonly #active = new Map<string, boolean>();
  /** Environments to begin before any row: those whose wait is over, and those that the scan asks for. */
  readonly #ready = new Set<string>();
  /** Whoever waits for the end of a comparison. */
  readonly #compared = new Map<string, () => void>();
  readonly #failures = new Map<string, DeliveryStatus>();
  /** Nothing begins while it is false: before the old leader's last call has ended, and at the end. */
  #open: boolean;
  #stopped: DeliveryStatus | null = null;
  #alarmed = '';
  readonly #cancels = new Set<() => void>();
  readonly #plans = new Set<Promise<void>>();
  #onIdle: (() => void)[] = [];

  constructor(options: LaneOptions) {
    this.#options = options;
    const { provider, host, limits, mirror, source, observer, takeover } = options;
    const trouble = (doing: string) => (error: unknown) => observer.trouble({ mirror, doing, error });
    const ending = this.#ending;
    this.#calls = new TargetCalls(provider.limits, options.paces.of(provider.limits), host, ending);
    const { keyWrites } = provider.limits;
    this.#keyPace = keyWrites === undefined ? null : options.paces.ofKeys(mirror.id, keyWrites);
    this.#brake = new BrakeGauge({ delivering: options, calls: this.#calls, host, pageRows: limits.pageRows });
    this.#waiting = new WaitingRoom(host, (environment) => this.#makeReady(environment));
    this.#due = new DueRows({
      read: (after) => source.due(mirror.id, after, limits.pageRows),
      pageRows: limits.pageRows,
      host,
      onPage: options.wake,
      onTrouble: trouble('reading the outbox'),
    });
    this.#scan = new Scan({
      held: (after) => source.held(mirror.id, after, limits.pageRows),
      owned: () => provider.ownedEnvironments(this.#calls),
      compare: (environment) => this.#compare(environment),
      limits,
      target: provider.limits,
      host,
      ending,
      onTrouble: trouble('scanning the target'),
    });
    this.#open = !takeover;
    if (!takeover) return;
    // A call of the old leader may be under way for as long as a call may take: what it lands must not land on top of ours.
    this.#after(provider.limits.callMsMax, () => {
      this.#open = true;
      options.wake();
    });
    this.#scan.watchTakeover();
  }

  get mirror(): MirrorInForce {
    return this.#options.mirror;
  }

  /** Environments that wait for another attempt. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Something changed in the cluster. */
  changed(): void {
    this.#due.changed();
  }

  /** The environment to begin next; null: none now. */
  next(): string | null {
    const { mirror, provider, limits } = this.#options;
    if (!this.#open || this.#stopped !== null || mirror.definition.paused) return null;
    if (this.#active.size >= provider.limits.deliveriesMax) return null;
    for (const environment of this.#ready) {
      this.#ready.delete(environment);
      if (!this.#active.has(environment)) return environment;
      this.#active.set(environment, true);
    }
    if (this.#waiting.size >= limits.waitingMax) return null;
    return this.#due.next((row) => this.#wants(row))?.environment ?? null;
  }

  /** Makes one attempt at an environment. Never rejects. */
  async begin(environment: string): Promise<void> {
    const { budget, wake } = this.#options;
    const earlier = this.#waiting.take(environment);
    this.#active.set(environment, false);
    budget.begin();
    try {
      const done = await this.#attempt(environment, earlier);
      if (done !== null && !this.#ending.over) await this.#follow(environment, done);
    } catch (error) {
      this.#onError(environment, earlier, error);
    }
    budget.end();
    this.#brake.settled(environment);
    const again = this.#active.get(environment) === true && !this.#waiting.has(environment);
    this.#active.delete(environment);
    this.#settleComparison(environment);
    if (again) this.#ready.add(environment);
    if (this.#active.size === 0) for (const onIdle of this.#onIdle.splice(0)) onIdle();
    wake();
  }

  /** What is known of an environment beyond what the cluster holds; null: nothing. `due`: what the cluster says is to be done. */
  status(environment: string, due: DueRow['kind'] | null): LiveStatus | null {
    if (this.#stopped !== null) return { status: this.#stopped, attempts: 0, nextAttemptInMs: null };
    const hanging = this.#active.has(environment) ? this.#calls.hanging(environment) : null;
    if (hanging !== null) return this.#hangs(hanging);
    const look = this.#waiting.look(environment);
    if (look !== null) return { status: look.waiting.status, attempts: look.waiting.attempts, nextAttemptInMs: look.leftMs };
    const { holding } = this.#brake;
    if (due === 'withdraw' && holding !== null) return { status: holding, attempts: 1, nextAttemptInMs: null };
    const failure = this.#failures.get(environment);
    return failure === undefined || due !== null ? null : { status: failure, attempts: 1, nextAttemptInMs: null };
  }

  /** Calls to the target that have run out of their time and have not ended. */
  get hangingCount(): number {
    return this.#calls.hangingCount;
  }

  /** Nothing is begun beside a call that may still land: the environment waits for its end, and whoever asks is told so. */
  #hangs({ kind, forMs, attempt }: HangingCall): LiveStatus {
    const { mirror, provider } = this.#options;
    const reason =
      `a ${kind} at ${mirror.definition.targetKey} hangs: it was to end within ${provider.limits.callMsMax} ms and has run for ` +
      `${Math.round(forMs / 1_000)} s. The delivery goes on when it ends; look whether that place answers at all`;
    return { status: statusOfAll('TARGET_ERROR', reason), attempts: attempt, nextAttemptInMs: null, hangsForMs: forMs };
  }

  /** What a delivery of an environment would do now; null: nothing is to be done. Makes no call that changes anything. */
  async plan(environment: string): Promise<Plan | null> {
    const planning = this.#plan(environment);
    const end = planning.then(
      () => void this.#plans.delete(end),
      () => void this.#plans.delete(end),
    );
    this.#plans.add(end);
    return planning;
  }

  /** Begins nothing more, and resolves when what is under way has ended. */
  async drain(): Promise<void> {
    this.#open = false;
    for (const cancel of this.#cancels) cancel();
    if (this.#active.size > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Gives up what is under way, and resolves when its last call has ended and the provider is closed. */
  async end(): Promise<void> {
    this.#ending.end();
    this.#due.end();
    this.#waiting.clear();
    for (const environment of this.#compared.keys()) this.#settleComparison(environment);
    await Promise.all([this.#scan.end(), this.drain(), ...this.#plans]);
    await this.#options.provider.close();
  }

  async #plan(environment: string): Promise<Plan | null> {
    const job = await jobOf(this.#options, environment);
    if (job === null) return null;
    const planned = await planOf(this.#options, environment, job, this.#calls);
    if (planned.kind !== 'plan') return planned;
    const deletes = deletesOf(planned.items);
    if (deletes === 0) return planned;
    return { kind: 'plan', items: brake(planned.items, await this.#brake.portOf(environment, job).reading(deletes)) };
  }

  #wants(row: DueRow): boolean {
    if (this.#active.has(row.environment)) {
      this.#active.set(row.environment, true);
      return false;
    }
    const waiting = this.#waiting.look(row.environment)?.waiting ?? null;
    if (waiting !== null && (waiting.paced !== true || row.revision <= waiting.revision)) return false;
    return row.kind !== 'withdraw' || this.#brake.holding === null;
  }

  /** Null: nothing was to be done. What it answers holds no value any more. */
  async #attempt(environment: string, earlier: Waiting | null): Promise<Done | null> {
    const { budget, host, limits, wake } = this.#options;
    let job: Job | null = null;
    try {
      job = await jobOf(this.#options, environment);
    } finally {
      budget.read(job?.valueBytes ?? 0);
      // A place among those that begin is free again.
      wake();
    }
    // Looked at once more because its row was seen while it was being reported: without a row there is nothing to do.
    const asked = earlier !== null || this.#compared.has(environment);
    if (job === null) return null;
    if (job.cause !== 'due' && !asked) {
      budget.release(job.valueBytes);
      return null;
    }
    const begunMs = host.nowMs();
    const { cause, kind, revision, enqueuedIndex, failedBefore } = job;
    const attempts = earlier?.revision === revision ? earlier.attempts + 1 : 1;
    const attempt = { number: attempts, random: host.random(), policy: limits.retry };
    try {
      const calls = this.#calls.of(environment, attempts);
      const run = { calls, brake: this.#brake.portOf(environment, job), keyPace: this.#keyPace, attempt };
      const attempted = await attemptAt(this.#options, environment, job, run);
      return {
        job: { cause, kind, revision, enqueuedIndex, failedBefore },
        attempted,
        attempts,
        elapsedMs: host.nowMs() - begunMs,
      };
    } finally {
      budget.release(job.valueBytes);
    }
  }

  async #follow(environment: string, done: Done): Promise<void> {
    this.#observe(environment, done);
    const { mirror, observer, reports, hash } = this.#options;
    const { job, attempted, attempts } = done;
    const { outcome } = attempted;
    const { revision } = job;
    switch (outcome.kind) {
      case 'done':
        if (job.kind === 'deliver') this.#scan.delivered(environment);
        // Where nothing was due and nothing had failed, the cluster knows already.
        if (job.cause !== 'due' && !job.failedBefore) return;
        break;
      case 'retry':
        // A wait that was expected is no attempt that failed.
        if (attempted.paced) {
          const waiting = { revision, attempts: attempts - 1, status: outcome.status, paced: true } as const;
          return this.#wait(environment, waiting, outcome.afterMs);
        }
        return this.#wait(environment, { revision, attempts, status: outcome.status }, outcome.afterMs);
      case 'failed':
        // The row stays due, and counts as one that waits: once the brake is let go, all that waited for it goes on by itself.
        if (attempted.braked && job.kind === 'withdraw') return this.#hold(outcome.status);
        if (job.cause === 'leftover' || (job.cause === 'compare' && job.failedBefore)) return;
        break;
      case 'stop':
        this.#stopped = outcome.status;
        return observer.alarm({ mirror, reason: outcome.status.reason });
    }
    const report = reportOf({ mirror: mirror.id, environment, job, attempted, hash });
    if (await reports.add(report)) return;
    // Nothing is lost: what was done is found done, and reported again.
    this.#wait(environment, { revision, attempts: attempts - 1, status: report.status }, troubleWaitMs);
  }

  #observe(environment: string, { job, attempted, attempts, elapsedMs }: Done): void {
    const { mirror, observer } = this.#options;
    const { outcome, steps } = attempted;
    this.#failures.delete(environment);
    if (outcome.kind === 'failed') {
      this.#failures.set(environment, outcome.status);
      if (this.#failures.size > failuresMax) this.#failures.delete(this.#failures.keys().next().value!);
    }
    // A comparison that finds everything in place is not worth a word.
    if (job.cause !== 'due' && outcome.kind === 'done' && steps === 0 && !job.failedBefore) return;
    const { status } = outcome;
    const { revision } = job;
    observer.attempted({ mirror, environment, revision, outcome: eventOf(outcome, job), status, attempts, steps, elapsedMs });
  }

  #onError(environment: string, earlier: Waiting | null, error: unknown): void {
    const { mirror, observer, onBroken, limits } = this.#options;
    if (error instanceof BrokenInvariant) return onBroken(error);
    if (error instanceof DeliveryEnded || this.#ending.over) return;
    observer.trouble({ mirror, doing: `delivering ${environment}`, error });
    const { revision, attempts } = earlier ?? { revision: 0, attempts: 0 };
    if (error instanceof SourceUnavailable) {
      const status = statusOfAll('PENDING', 'the state of the cluster could not be read just now');
      return this.#wait(environment, { revision, attempts, status }, troubleWaitMs);
    }
    // A fault of ours is not driven into the dead letters: the next release may cure it, and nobody would send it again.
    const status = statusOfAll('INTERNAL_ERROR', `the delivery failed: ${nameOf(error)}`);
    this.#wait(environment, { revision, attempts, status }, limits.retry.waitMaxMs);
  }

  #wait(environment: string, waiting: Waiting, delayMs: number): void {
    if (!this.#ending.over) this.#waiting.add(environment, waiting, delayMs);
  }

  #hold(status: DeliveryStatus): void {
    const { mirror, observer, wake } = this.#options;
    if (this.#brake.holding !== null) return;
    this.#brake.holding = status;
    // It is asked anew every minute, and holds for the same reason.
    if (status.reason !== this.#alarmed) observer.alarm({ mirror, reason: status.reason });
    this.#alarmed = status.reason;
    this.#after(brakeRestMs, () => {
      this.#brake.holding = null;
      this.#due.changed();
      wake();
    });
  }

  #compare(environment: string): Promise<void> {
    if (this.#active.has(environment) || this.#waiting.has(environment) || this.#ending.over) return Promise.resolve();
    return new Promise((resolve) => {
      this.#compared.set(environment, resolve);
      this.#makeReady(environment);
    });
  }

  #settleComparison(environment: string): void {
    this.#compared.get(environment)?.();
    this.#compared.delete(environment);
  }

  #makeReady(environment: string): void {
    this.#ready.add(environment);
    this.#options.wake();
  }

  #after(delayMs: number, callback: () => void): void {
    const cancel = this.#options.host.after(delayMs, () => {
      this.#cancels.delete(cancel);
      callback();
    });
    this.#cancels.add(cancel);
  }
}

function eventOf(outcome: Outcome, job: JobEnd): AttemptEvent['outcome'] {
  if (outcome.kind === 'done') return job.kind === 'deliver' ? 'delivered' : 'withdrawn';
  return outcome.kind === 'stop' ? 'stopped' : outcome.kind;
}
