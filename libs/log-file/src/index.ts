export { LogFile, type LogFileOpening, type LogFileOptions } from './log-file.ts';
export { LogFileError, type LogFileErrorCode } from './log-file-error.ts';
export type { LogIdentity } from './segment-header.ts';
