export { readDefinition, targetsOverlap, writeDefinition } from './definition-codec.ts';
export { brake, type BrakeReading, brakeWindowMs, deletesOf } from './brake.ts';
export type { DriftPolicy, LeavePolicy, MirrorDefinition, MirrorLayout, MirrorOption } from './definition.ts';
export {
  type Delivered,
  type DeliveryRow,
  type EnvironmentDelivery,
  type Failed,
  readDeliveries,
  readDelivery,
} from './delivery-rows.ts';
export { type MirrorPhase, mirrorPhases, type MirrorRow } from './mirror-row.ts';
export { type MirrorCache, mirrorsCeiling, readMirror, readMirrors } from './mirror-rows.ts';
export { type MirrorObstacle, obstacleOf, obstacleOfEnvironment } from './mirror-obstacle.ts';
export { type MirrorStanding, standingOf, standingOfEnvironment } from './mirror-standing.ts';
export { type Enqueued, MirrorState, type MirrorVerdict, type Report } from './mirror-state.ts';
export { type DueEnvironment, type OutboxKind, type OutboxRow, readOutbox, readOutboxRow } from './outbox-rows.ts';
export { mirrorRowAfterRestore } from './restored-mirror.ts';
export { selects } from './selection.ts';
export type { ObservedKey, ObservedTarget } from './observed.ts';
export {
  type Attempt,
  noteOf,
  type Outcome,
  outcomeOf,
  outcomeOfFailure,
  outcomeOfNoPlan,
  problemOf,
  type StepResult,
} from './outcome.ts';
export { type Hold, plan, type Plan, type PlanAction, type PlanItem, type PlanRequest, type Step } from './plan.ts';
export { defaultRetryPolicy, type Failure, type FailureClass, type RetryPolicy } from './retry.ts';
export { formatLabelSelector, type LabelDemand, type LabelSelector, matchesLabels } from './selector.ts';
export { parseLabelSelector, type ParsedSelector, selectorLengthMax } from './selector-text.ts';
export { isOwn, type Stamp, type StampOwner } from './stamp.ts';
export {
  decodeStatus,
  type DeliveryState,
  type DeliveryStatus,
  encodeStatus,
  type StateWithReason,
  statusOfAll,
  synced,
  type VariableStatus,
} from './status.ts';
export type { Source, VariableRefusal, WantedContent, WantedKey } from './wanted.ts';
