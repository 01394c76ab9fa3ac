export { connect, type Client, type ClientOptions } from './client.ts';
export { EnvCliError, type ErrorDetails } from './error.ts';
export { reasonTable, type Reason, type StatusName } from './reasons.ts';
export type { AwaitMirrors, CallOptions, Consistency, ReadOptions, View, WriteOptions } from './options.ts';
export type { Header } from './header.ts';
export type { Environment, Variable, VariableType } from './environment.ts';
export type { Change, ChangeKind, VariableChange } from './change.ts';
export type { Condition, Operation, Updates, VariableUpdate } from './operation.ts';
export type { Listing, Page } from './listing.ts';
export type { Watch, WatchEvent } from './watch.ts';
export type { Environments } from './environments.ts';
export type { Live } from './live.ts';
export type {
  LiveCacheOptions,
  LiveCacheStatus,
  LiveChange,
  LiveOptions,
  LiveSource,
  LiveStatus,
  TypedLiveOptions,
} from './live-options.ts';
export type { CacheKey } from './cache-key.ts';
export { parse } from './parsers.ts';
export type { Parsed, StandardSchema, Values, VariableParser, VariableParsers } from './variables.ts';
export type {
  BatchGetAnswer,
  CreateOptions,
  DiffAnswer,
  DiffOptions,
  GetAnswer,
  HistoryOptions,
  HistoryPage,
  ListOptions,
  ListPage,
  SetOptions,
  WatchRequest,
  WriteAnswer,
  WriteOneOptions,
} from './environment-calls.ts';
export type {
  DeliveryState,
  DriftPolicy,
  EnvironmentDelivery,
  FileFormat,
  Mirror,
  MirrorDefinition,
  MirrorTarget,
  PlanAction,
  PlanItem,
  StuckMirror,
  WithdrawalPolicy,
} from './mirror.ts';
export type { AwsOptions, AwsSecretsManagerOptions, AwsSsmOptions, MirrorLayout } from './mirror-aws.ts';
export type {
  MirrorAnswer,
  MirrorPlanAnswer,
  Mirrors,
  MirrorStatusPage,
  MirrorWaitAnswer,
  MirrorWaitOptions,
} from './mirrors.ts';
export type { Backup } from './backup.ts';
export { type Alarm, type AlarmKind, alarmKinds } from './cluster.ts';
export type { Cluster, ClusterStatus, LevelAnswer, MemberInfo, MembersAnswer, MemberRole, NewMember } from './cluster.ts';
export type { TlsOptions } from './tls.ts';
