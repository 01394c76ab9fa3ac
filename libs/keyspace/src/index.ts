export { asciiText, cursorOn, secretHashBytes, nonceBytes, VariableCursor } from './variable-bytes.ts';
export type { CachedTable } from './cached-table.ts';
export { type ChangeBatch, type ChangesLimit, readChange, readChangesAfter } from './change-log.ts';
export { type ChangeKind, ChangeReader, type VariableChange } from './change-row.ts';
export { type EnvironmentDraft, type NetChange, type WriteStamp } from './environment-draft.ts';
export { type EnvironmentHead, EnvironmentReader, type Tombstone } from './environment-content.ts';
export { EnvironmentRow, readEnvironmentRow, readLive } from './environment-row.ts';
export {
  afterPrefix,
  type ChangePosition,
  environmentKey,
  environmentKeyBytes,
  keyAfter,
  nameOfKey,
  namespaceOfKey,
} from './keys.ts';
export { bytesOfBinaryText, binaryText } from './binary-text.ts';
export { decodeLabels, encodeLabels, isLabelKey, isLabelValue, type Label, labelLengthMax, sortedLabels } from './label.ts';
export { MemoryTables } from './memory-tables.ts';
export {
  type ClusterIdentity,
  decodeClusterIdentity,
  decodeHashesRow,
  decodeMembers,
  encodeClusterIdentity,
  encodeHashesRow,
  encodeLevelHold,
  encodeMembers,
  encodeRoster,
  hashKeyBytes,
  idBytes,
  type MemberIdentity,
  metaKeys,
  readClusterIdentity,
  readLevelHold,
  readMembers,
  readMembership,
  readProgress,
  readRoster,
  type Roster,
} from './meta.ts';
export { HashScrub, ScrubbedTables, type ScrubStep } from './hash-scrub.ts';
export { changeAt, environmentAt } from './past.ts';
export {
  decodeProgress,
  encodeProgress,
  passTime,
  type Progress,
  type RevisionGap,
  revisionGapsMax,
  sizeUnknown,
} from './progress.ts';
export { hashedTableNames, TableHashes } from './table-hashes.ts';
export { type Revision, toRevision } from './revision.ts';
export type { KeptResult } from './kept-results.ts';
export { type SessionCache, sessionIdBytes, type SessionLimits, type SessionVerdict } from './sessions.ts';
export { countSize, sizeOfRow } from './state-size.ts';
export { StateTransaction } from './state-transaction.ts';
export { type ReadTables, type Row, type RowRange, type TableName, tableNames, type Tables } from './tables.ts';
export { WholeState, type WholeStateFound } from './whole-state.ts';
export { type SecretValue, withValues } from './with-values.ts';
export { type Variable, type VariableType, variableTypes, type VariableValue } from './variable.ts';
