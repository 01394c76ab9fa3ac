import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { type ReadCalls, TargetError } from '@env-cli/outbox';

import type { AwsPlace } from './aws-target.ts';
import type { AwsClients } from './clients.ts';
import { targetErrorOf } from './failure.ts';

/**
 * Asks once whose credentials these are. A mirror that names one account and writes to another would go around the refusal of
 * overlapping targets, and would fill the wrong account with secrets.
 */
export class AccountCheck {
  readonly #place: AwsPlace;
  readonly #clients: AwsClients;
  #passed = false;

  constructor(place: AwsPlace, clients: AwsClients) {
    this.#place = place;
    this.#clients = clients;
  }

  /** Rejects with {@link TargetError}, as `refused` when it is another account. */
  async pass(calls: ReadCalls): Promise<void> {
    if (this.#passed) return;
    const account = await calls.read((signal) => this.#ask(signal));
    if (account !== this.#place.account) {
      throw new TargetError(
        'refused',
        `the credentials are of account ${account}, and the mirror is of account ${this.#place.account}: give the member the right ones, or let the mirror assume a role there`,
      );
    }
    this.#passed = true;
  }

  async #ask(signal: AbortSignal): Promise<string> {
    try {
      return (await this.#clients.sts.send(new GetCallerIdentityCommand({}), { abortSignal: signal })).Account ?? '';
    } catch (error) {
      throw targetErrorOf(error, 'asking whose the credentials are');
    }
  }
}
