/**
 * The exit codes of `env-cli-server`. They are documented in docs/configuration.md, which is made from this table.
 */
export const exitCodes = {
  stopped: { code: 0, text: 'It was told to stop (SIGTERM, SIGINT) and stopped in order.' },
  failed: {
    code: 1,
    text: 'It stopped by itself, or could not stop in order: a failed disk, a full disk, a broken invariant. The last line of its log says which.',
  },
  options: { code: 2, text: 'A flag, a variable or the configuration file was refused.' },
  address: { code: 3, text: 'An address could not be listened on: a port in use, an address of another machine.' },
  data: {
    code: 4,
    text: 'The data directory was refused, by this member or by others: not writable, in use, of another cluster or member, wiped, incomplete, an older copy, or damaged.',
  },
  keys: {
    code: 5,
    text: 'The master key or a certificate cannot be used: missing, open to others, or not the one of this cluster.',
  },
} as const;

export type ExitReason = keyof typeof exitCodes;

/** Why a member does not start. The message says what, where and what to do next. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused';
  readonly reason: ExitReason;

  constructor(reason: ExitReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
