export type { Label } from './label.ts';
export type { MemberIdentity } from './member-identity.ts';
export { type Revision, toRevision } from './revision.ts';
export { type ReadTables, type Row, type RowRange, type TableName, tableNames, type Tables } from './tables.ts';
export { type Variable, type VariableType, variableTypes, type VariableValue } from './variable.ts';
