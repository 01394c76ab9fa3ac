export { type BackupFacts, BackupReader, type BackupRefusalCode, BackupRefused, checkBackup } from './backup.ts';
export {
  type BackupMark,
  blockBytesTarget,
  frame,
  headerPayload,
  RowsPayload,
  type SnapshotHeader,
  type SnapshotRow,
  trailerPayload,
} from './block.ts';
export {
  positionText,
  readPositionBytes,
  type ReadPosition,
  samePosition,
  type StorePosition,
  writePosition,
} from './position.ts';
export { keyBytesMax, valueBytesMax } from './row-limits.ts';
export { SnapshotDamaged, SnapshotSource } from './source.ts';
