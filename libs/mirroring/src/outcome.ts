import { unreachable } from '@env-cli/support';

import type { Plan, PlanItem } from './plan.ts';
import { type Failure, isRetried, type RetryPolicy, waitBeforeRetry } from './retry.ts';
import { type DeliveryStatus, type StateWithReason, statusOfAll, synced, type VariableStatus, worse } from './status.ts';

/** What became of one step. */
export interface StepResult {
  readonly key: string;
  /** Null: it is done. */
  readonly failure: Failure | null;
  /** The store's own version of what it holds now. May be empty, as for a deletion. */
  readonly version: string;
}

/**
 * What follows a delivery:
 *
 * - `done`: the target holds the revision, or holds nothing of an environment that left. It is reported to the cluster, with the
 *   variables that the mirror's policy goes without.
 * - `retry`: another attempt after a wait.
 * - `failed`: no attempt will help until something changes: to the dead letters, and reported to the cluster.
 * - `stop`: this cluster may not write to the target any more: the whole mirror stops, with an alarm.
 */
export type Outcome =
  | { readonly kind: 'done'; readonly status: DeliveryStatus }
  | { readonly kind: 'retry'; readonly afterMs: number; readonly status: DeliveryStatus }
  | { readonly kind: 'failed'; readonly status: DeliveryStatus }
  | { readonly kind: 'stop'; readonly status: DeliveryStatus };

/** A plan that may not be made. */
export type NoPlan = Exclude<Plan, { kind: 'plan' }>;

/** Where a delivery stands among its attempts. */
export interface Attempt {
  /** Attempts at this revision, this one included. */
  readonly number: number;
  /** A number of [0, 1), for the jitter. */
  readonly random: number;
  readonly policy: RetryPolicy;
}

/** What follows a plan that was carried out. `results` holds the steps that were tried. */
export function outcomeOf(items: readonly PlanItem[], results: readonly StepResult[], attempt: Attempt): Outcome {
  const status = statusOf(items, results);
  if (status.state === 'SYNCED') return { kind: 'done', status };
  const failures = results.flatMap((result) => result.failure ?? []);
  return next(failures, status, attempt);
}

/** What follows when there was nothing to carry out. */
export function outcomeOfNoPlan(stopped: NoPlan, attempt: Attempt): Outcome {
  const message = problemOf(stopped);
  switch (stopped.kind) {
    case 'source-failed': {
      const variables = stopped.refusals.map(({ variable, reason }) => ({ variable, state: 'SOURCE_ERROR', reason }) as const);
      const status = { ...statusOfAll('SOURCE_ERROR', message), variables };
      return next([{ class: 'unavailable', message, retryAfterMs: null }], status, attempt);
    }
    case 'higher-epoch':
      return { kind: 'stop', status: statusOfAll('BLOCKED_BY_POLICY', message) };
    case 'newer-revision':
      return next([{ class: 'conflict', message, retryAfterMs: null }], statusOfAll('PENDING', message), attempt);
    default:
      return unreachable(stopped);
  }
}

/** Why there is no plan, for people. */
export function problemOf(stopped: NoPlan): string {
  switch (stopped.kind) {
    case 'source-failed':
      return stopped.problem;
    case 'higher-epoch':
      return (
        `${stopped.key} was written by epoch ${stopped.epoch} of this cluster, which is a later one: this cluster was restored ` +
        'elsewhere and must not write here any more. Delete this mirror (leaving what it wrote), or stop this cluster'
      );
    case 'newer-revision':
      return `${stopped.key} holds revision ${stopped.revision} already, which is newer than what was to be delivered`;
    default:
      return unreachable(stopped);
  }
}

/** Why a key is not as it is wanted and would stay so, for people; empty when it would not. */
export function noteOf(item: PlanItem): string {
  return item.hold === null ? '' : stateOfItem(item, undefined).reason;
}

/** What follows when the target could not be read, or a delivery broke off. */
export function outcomeOfFailure(failure: Failure, attempt: Attempt): Outcome {
  return next([failure], statusOfAll(stateOf(failure), failure.message), attempt);
}

/** How an environment stands after (or, without results, before) a plan was carried out. */
export function statusOf(items: readonly PlanItem[], results: readonly StepResult[]): DeliveryStatus {
  const byKey = new Map(results.map((result) => [result.key, result]));
  let worst: StateWithReason = { state: 'SYNCED', reason: '' };
  const variables: VariableStatus[] = [];
  const skipped: VariableStatus[] = [];
  for (const item of items) {
    const state = stateOfItem(item, byKey.get(item.key));
    if (state.state === 'SYNCED') continue;
    if (item.hold?.skipped === true) {
      skipped.push(...variablesOf(item, state, false));
      continue;
    }
    if (worse(worst.state, state.state) !== worst.state) worst = { state: state.state, reason: `${item.key}: ${state.reason}` };
    variables.push(...variablesOf(item, state, isPartly(item, byKey.get(item.key))));
  }
  if (worst.state === 'SYNCED' && skipped.length === 0) return synced;
  const sorted = [...variables, ...skipped].toSorted((a, b) => (a.variable < b.variable ? -1 : 1));
  // All variables in one key stand alike but for those that are the cause: 4,096 times the same sentence says no more than once.
  const [only] = items;
  if (items.length === 1 && only !== undefined && worst.state !== 'SYNCED') {
    const causes = new Set(only.hold?.refusals.map((refusal) => refusal.variable));
    const others = isPartly(only, byKey.get(only.key)) ? synced.others : worst;
    return { ...worst, variables: sorted.filter(({ variable }) => causes.has(variable)), others };
  }
  return { ...worst, variables: sorted, others: synced.others };
}

/** Whether a key is in place but for the variables that its hold names. */
function isPartly(item: PlanItem, result: StepResult | undefined): boolean {
  return item.hold?.partly === true && (item.step === null || result?.failure === null);
}

function stateOfItem(item: PlanItem, result: StepResult | undefined): StateWithReason {
  // That it could not be written comes before that some of it would have been missing.
  if (item.hold?.partly === true && result !== undefined && result.failure !== null) {
    return { state: stateOf(result.failure), reason: result.failure.message };
  }
  if (item.hold !== null) {
    const [first, ...others] = item.hold.refusals;
    const more = others.length === 0 ? '' : ` (and ${others.length} ${others.length === 1 ? 'variable' : 'variables'} more)`;
    const cause = first === undefined ? '' : `: ${first.variable}: ${first.reason}${more}`;
    return { state: item.hold.state, reason: `${item.hold.reason}${cause}` };
  }
  if (item.step === null) return { state: 'SYNCED', reason: '' };
  if (result === undefined) return { state: 'PENDING', reason: 'it waits for the other keys' };
  if (result.failure === null) return { state: 'SYNCED', reason: '' };
  return { state: stateOf(result.failure), reason: result.failure.message };
}

/** A variable that is refused carries its own reason; those that share its key wait for it and say so. */
function variablesOf(item: PlanItem, state: StateWithReason, partly: boolean): VariableStatus[] {
  const refusals = new Map(item.hold?.refusals.map((refusal) => [refusal.variable, refusal.reason]));
  const variables = partly ? item.variables.filter((variable) => refusals.has(variable)) : item.variables;
  return variables.map((variable) => ({
    variable,
    state: state.state,
    reason: refusals.get(variable) ?? state.reason,
  }));
}

function stateOf(failure: Failure): 'TARGET_ERROR' | 'INTERNAL_ERROR' {
  return failure.class === 'internal' ? 'INTERNAL_ERROR' : 'TARGET_ERROR';
}

/** Keys that may yet succeed are tried again, whatever else is refused for good. */
function next(failures: readonly Failure[], status: DeliveryStatus, attempt: Attempt): Outcome {
  const passing = failures.filter(isRetried);
  if (passing.length === 0 || attempt.number >= attempt.policy.attemptsMax) return { kind: 'failed', status };
  return { kind: 'retry', afterMs: waitBeforeRetry(attempt.policy, attempt.number, passing, attempt.random), status };
}
