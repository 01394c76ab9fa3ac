import type { StateTransaction } from '@env-cli/keyspace';
import { unreachable } from '@env-cli/support';

import type { Command, CommandBody } from './command.ts';
import type { Limits } from './limits.ts';
import type { CommandResult } from './result.ts';

/** Opens, keeps and closes sessions. */
export class SessionCommands {
  readonly #transaction: StateTransaction;

  constructor(transaction: StateTransaction) {
    this.#transaction = transaction;
  }

  apply(
    { principal }: Command,
    body: Extract<CommandBody, { readonly kind: 'open-session' | 'keep-session' | 'close-session' }>,
    limits: Limits,
  ): CommandResult {
    const { sessions, progress } = this.#transaction;
    const { revision } = progress;
    const unknown: CommandResult = { kind: 'refused', refusal: { code: 'session-unknown' } };
    switch (body.kind) {
      case 'open-session': {
        const opened = sessions.open(body.session, principal, limits);
        if (opened === 'taken') return unknown;
        if (opened === 'too-many') return { kind: 'refused', refusal: { code: 'too-many-sessions', max: limits.sessionsMax } };
        return { kind: opened === 'opened' ? 'applied' : 'unchanged', revision };
      }
      case 'keep-session':
        return sessions.keep(body.session, principal, limits) ? { kind: 'applied', revision } : unknown;
      case 'close-session':
        return sessions.close(body.session, principal, limits) ? { kind: 'applied', revision } : unknown;
      default:
        return unreachable(body);
    }
  }
}
