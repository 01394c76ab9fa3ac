/** Why a log cannot be used, or can no longer be. Stable: people and tools look them up. */
export type LogFileErrorCode =
  /** There is no log where one must be. */
  | 'log-missing'
  /** It belongs to another cluster, member or disk. */
  | 'log-foreign'
  /** It was written in a format that this release does not know. */
  | 'log-format'
  /** Bytes that were durable are gone or are others. */
  | 'log-damaged'
  /** There is no room to write or to preallocate. */
  | 'disk-full'
  /** The system refused to open, read, write or sync. */
  | 'io-error';

/**
 * A log that a member must not start with, or not go on with. The message says what, where, and what to do next.
 *
 * Nothing that the log holds stands in it.
 */
export class LogFileError extends Error {
  override readonly name = 'LogFileError';
  readonly code: LogFileErrorCode;
  /** The file or directory that it is about. */
  readonly path: string;

  constructor(code: LogFileErrorCode, path: string, what: string, cause?: unknown) {
    super(`${path}: ${what}. ${nextStep[code]}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

const replaceMember =
  'Remove this member from the cluster, empty its data directory, and add the member again: with its old id but without all that its log held there could be two leaders in a term.';

const nextStep: Record<LogFileErrorCode, string> = {
  'log-missing': `Give the member its own data directory back. If that is lost: ${replaceMember}`,
  'log-foreign': 'Give the member its own data directory, and each member a directory of its own.',
  'log-format': 'Start the member with the release that wrote it, or a later one.',
  'log-damaged': `Check the disk. Delete no file by hand: votes and acknowledged writes would be forgotten. ${replaceMember}`,
  'disk-full': 'The member stops and acknowledges nothing more. Make room on this disk, then start the member again.',
  'io-error': 'The member stops and acknowledges nothing more. Check the disk and its file system, then start the member again.',
};

/** What the system said, as the error of the log that it is. */
export function systemError(doing: string, path: string, cause: unknown): LogFileError {
  if (cause instanceof LogFileError) return cause;
  const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown };
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new LogFileError(full ? 'disk-full' : 'io-error', path, `${doing} failed (${String(message ?? cause)})`, cause);
}
