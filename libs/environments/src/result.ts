import type { Revision } from '@env-cli/keyspace';

import type { RequestId } from './command.ts';
import type { Refusal, RefusalCode } from './refusal.ts';

/**
 * What became of a command.
 *
 * - `applied`: it happened. `revision` is that of the write; for other commands it is the newest revision at that time.
 * - `unchanged`: nothing was to be changed. `revision` is the newest revision at that time.
 * - `refused`: it did not happen, and why.
 * - `replayed`: it had been answered before, in this session; this is the kept answer.
 */
export type CommandResult =
  | { readonly kind: 'applied'; readonly revision: Revision }
  | { readonly kind: 'unchanged'; readonly revision: Revision }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'replayed'; readonly revision: Revision; readonly answer: 'applied' | 'unchanged' | RefusalCode };

/** The result of one command of an entry, and who waits for it. */
export interface CommandOutcome {
  readonly requestId: RequestId;
  readonly result: CommandResult;
}
