/**
 * What a member throws that meets bytes from a later version of the program: an entry, a command or a state of a format
 * or a level that it does not know. Nothing may catch it and go on: skipping what others apply would make members
 * differ, so the member stops until it is upgraded.
 */
export class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood';
  readonly what: 'entry' | 'command' | 'level' | 'limits';
  readonly found: number;
  /** The highest that this version knows. */
  readonly known: number;

  constructor(what: NotUnderstood['what'], found: number, known: number) {
    super(
      `the log holds ${article[what]} of number ${found} and this version knows up to ${known}: ` +
        'install the version that the other members run, on this data directory, and start again',
    );
    this.what = what;
    this.found = found;
    this.known = known;
  }
}

const article = {
  entry: 'an entry format',
  command: 'a command format',
  level: 'a command that needs a feature level',
  limits: 'limits',
} as const;
