/** The exit codes of the program, as 'env-cli help exit-codes' and docs/cli.md tell them. */
export const exitCodes = { ok: 0, refused: 1, usage: 2, notFound: 3, conflict: 4, unavailable: 5 } as const;

/** What each exit code means. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'It was done.',
  refused:
    'Refused: a value, a name, a limit or a file is not as it must be (nothing was changed), or a mirror waits for somebody.',
  usage: 'Usage: the command line is wrong. The cluster was not asked.',
  notFound: 'Not found: there is no such environment, variable, mirror or context.',
  conflict: 'Conflict: it exists already, or somebody else has changed it meanwhile. Nothing was changed.',
  unavailable:
    'Unavailable: no member or no mirror was ready in time, or the outcome of a write is not known (the message says which).',
};

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
