export { ClusterTwin } from './cluster-twin.ts';
export { HostTwin, turn } from './host-twin.ts';
export type { LiveStatus } from './lane.ts';
export { defaultOutboxLimits, type OutboxLimits } from './limits.ts';
export type { OutboxWorkerOptions } from './options.ts';
export type { PlannedEnvironment, PlannedItem } from './planned.ts';
export type {
  AttemptEvent,
  DeliveryReport,
  DeliverySnapshot,
  DueRow,
  EnvironmentContent,
  HeldRow,
  Host,
  ImportRequest,
  ImportResult,
  ImportSink,
  MirrorInForce,
  OutboxObserver,
  OutboxSource,
  ReportSink,
} from './ports.ts';
export {
  type CallRate,
  type CloudProvider,
  contentHash,
  type ImportedVariable,
  type KeyedHash,
  type KeyWriteRate,
  type OpenProvider,
  type PartlyRendered,
  type PlainVariable,
  type ProviderContext,
  type ReadCalls,
  type RenderedKey,
  type TargetLimits,
  TargetError,
  type WriteCalls,
} from './provider.ts';
export { NotDelivering, OutboxWorker } from './worker.ts';
