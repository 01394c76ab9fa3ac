export { ApplyLoop, type ApplyLoopOptions, type ApplyLoopPorts } from './apply-loop.ts';
export { DiskMemory, type DiskLife, livesMax, type RememberedDisk, rememberedDisksMax, Speaker } from './disk-memory.ts';
export {
  Formation,
  type FormationOptions,
  type FormationStore,
  type Founding,
  type HelloAnswer,
  type Welcome,
} from './formation.ts';
export { type Forward, type ForwardAnswer, type ForwardRefusedCode, forwardRefusedCodes } from './forward.ts';
export { Freshness } from './freshness.ts';
export {
  type Hello,
  type HelloExpectation,
  type HelloRefusal,
  type HelloRefusedCode,
  helloRefusedCodes,
  joiningId,
  protocolRange,
  refuseFeatureLevel,
  refuseHello,
} from './hello.ts';
export { type Introduction, introductionOf, isProven } from './introduction.ts';
export { defaultReplicaLimits, type ReplicaLimits } from './limits.ts';
export type {
  AppliedBatch,
  AppliedResult,
  Applier,
  ApplyObserver,
  Clock,
  InstalledSnapshot,
  LogContents,
  LogStore,
  LogWrite,
  MachineTransaction,
  Origin,
  Peers,
  ProposalRefusedCode,
  ReadRefusedCode,
  Snapshots,
  StateMachine,
  StateStore,
} from './ports.ts';
export { commandAt, type ProposalBatch } from './proposal-batch.ts';
export { Replica, type ReplicaOptions, type ReplicaPorts } from './replica.ts';
export { higherOf, lackOf, noStanding, type Standing } from './standing.ts';
export { planStart, type StartPlan, type StateAtStart } from './start-plan.ts';
export type { ReplicaView } from './view.ts';
export type { ChangeAnswer, TransferAnswer } from './wishes.ts';
