export type { Command, CommandBody, DeliveryReport, RequestId, SessionUse, WriteBody } from './command.ts';
export type { CommittedEntry, EntryData, EntryOutcome, StateHashes } from './entry.ts';
export { defaultLimits, entryLimits, type LimitName, type Limits } from './limits.ts';
export type { Condition, Operation, VariableInput } from './operation.ts';
export type { CurrentEnvironment, CurrentVariable, Refusal, RefusalCode } from './refusal.ts';
export type { CommandOutcome, CommandResult } from './result.ts';
