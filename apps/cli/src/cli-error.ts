/** The exit codes of the program, as `--help` tells them. */
export const exitCodes = { ok: 0, refused: 1, usage: 2, notFound: 3, conflict: 4, unavailable: 5 } as const;

/** A failure of the program's own, with its exit code. The message is for a person: what, where, what next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The program was called wrongly. */
export function usageError(message: string): CliError {
  return new CliError(exitCodes.usage, message);
}

/** The program will not do what was asked, for a reason of its own. */
export function refusedError(message: string): CliError {
  return new CliError(exitCodes.refused, message);
}
