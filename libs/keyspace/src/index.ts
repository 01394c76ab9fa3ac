export { type ReadTables, type Row, type RowRange, type TableName, tableNames, type Tables } from './tables.ts';
