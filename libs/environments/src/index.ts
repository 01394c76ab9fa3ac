export { type ChangesAnswer, changesAfter } from './changes.ts';
export type { Command, CommandBody, DeliveryReport, RequestId, ResealedValue, SessionUse, WriteBody } from './command.ts';
export { decodeCommand, encodeCommand, lendCommand, requestIdOf } from './command-codec.ts';
export { keyedHash, keyedHashBytes } from './keyed-hash.ts';
export { diff, type DiffAnswer } from './diff.ts';
export { decodeEntryData, encodeEntryData } from './entry-data.ts';
export type { CommittedEntry, EntryData, EntryOutcome, StateHashes } from './entry.ts';
export {
  batchGet,
  type BatchAnswer,
  type BatchRequest,
  type EnvironmentAnswer,
  type EnvironmentRequest,
  getEnvironment,
} from './get.ts';
export { history, type HistoryAnswer, type HistoryRequest } from './history.ts';
export {
  defaultLimits,
  entryLimits,
  type LimitName,
  type Limits,
  memberIdStepMax,
  membersMax,
  spaceLowPercent,
} from './limits.ts';
export { alarmToStopFor, isInAgreement, readIntegrity } from './integrity.ts';
export { type Alarm, type AlarmKind, alarmKinds, type HashMark, type Integrity } from './integrity-row.ts';
export { readKeyring } from './keyring.ts';
export {
  type DataKey,
  type Keyring,
  keyCheckBytes,
  masterKeyNameBytes,
  sealsPerDataKeyMax,
  sealsTakenAtOnceMax,
  type WrappedKey,
  wrappedKeyBytesMax,
} from './keyring-row.ts';
export { commandLevel, featureLevelMax } from './levels.ts';
export { limitsOf } from './limits-codec.ts';
export { list, type ListAnswer, type ListRequest } from './list.ts';
export { NotUnderstood } from './not-understood.ts';
export type { Condition, Operation, VariableInput } from './operation.ts';
export { type Position, positionOf, refusalOfRevision } from './position.ts';
export type { CurrentEnvironment, CurrentVariable, Refusal, RefusalCode } from './refusal.ts';
export { refusalCodes } from './refusal-codec.ts';
export type { CommandOutcome, CommandResult } from './result.ts';
export { RestoredState, restoreRevisionStep } from './restored-state.ts';
export { decodeResult, encodeResult } from './result-codec.ts';
export { type Finished, MachineTransaction, StateMachine } from './state-machine.ts';
export { refusalOfCommand } from './validate.ts';
export { commandRows } from './work-meter.ts';
