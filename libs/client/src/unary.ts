import type { DescMethodUnary, MessageShape } from '@bufbuild/protobuf';

import { backoffMs, type BackoffOptions } from './backoff.ts';
import { isOver, overError, within, type Bounds } from './bounds.ts';
import type { Channel } from './channel.ts';
import { deferred } from './deferred.ts';
import { EnvCliError } from './error.ts';
import { remedyOf, saidByMember } from './failure.ts';
import type { Members } from './members.ts';

/** What the retries of a call depend on: a read or a repeatable change goes out again after a broken connection, another change does not. */
export type Repeatable = 'repeatable' | 'once';

/** Single calls, each sent again while that is safe and its bounds allow. */
export class UnaryCalls {
  readonly #members: Members;
  readonly #backoff: BackoffOptions;
  readonly #random: () => number;

  constructor(members: Members, options: { readonly backoff: BackoffOptions; readonly random: () => number }) {
    this.#members = members;
    this.#backoff = options.backoff;
    this.#random = options.random;
  }

  /** Makes a call. Rejects with an {@link EnvCliError}. */
  async call<M extends DescMethodUnary>(
    method: M,
    request: MessageShape<M['input']>,
    bounds: Bounds,
    repeatable: Repeatable,
  ): Promise<MessageShape<M['output']>> {
    let last: EnvCliError | null = null;
    for (let failures = 1; ; failures++) {
      const channel = await this.#channel(bounds, last);
      try {
        return await channel.unary(method, request, bounds);
      } catch (error) {
        last = this.#onFailure(error as EnvCliError, { channel, bounds, last, repeatable });
      }
      const waitMs = Math.max(backoffMs(failures, this.#backoff, this.#random()), last.details.retryAfterMs ?? 0);
      const { promise, resolve } = deferred<void>();
      const timer = setTimeout(resolve, waitMs);
      const giveUp = overError.bind(null, bounds, last, false);
      await within(bounds, promise, giveUp).finally(() => clearTimeout(timer));
    }
  }

  async #channel(bounds: Bounds, last: EnvCliError | null): Promise<Channel> {
    try {
      return await this.#members.channel(bounds);
    } catch (error) {
      // What a member said explains more than that there is none left to ask.
      if (last !== null && (error as EnvCliError).reason === 'UNREACHABLE') throw overError(bounds, last, false);
      throw error;
    }
  }

  /** Decides on a failed attempt: throws what ends the call, or answers the error after which it goes on. */
  #onFailure(
    error: EnvCliError,
    at: {
      readonly channel: Channel;
      readonly bounds: Bounds;
      readonly last: EnvCliError | null;
      readonly repeatable: Repeatable;
    },
  ): EnvCliError {
    const { channel, bounds, last, repeatable } = at;
    const remedy = remedyOf(error);
    const timedOut = error.reason === 'DEADLINE_EXCEEDED' && !saidByMember(error);
    if (timedOut || isOver(bounds)) {
      const outcomeUnknown = repeatable === 'once' && !saidByMember(error);
      throw overError(bounds, timedOut || error.reason === 'CANCELLED' ? last : error, outcomeUnknown);
    }
    if (remedy === 'same-session' && repeatable === 'once') throw outcomeUnknownAfter(error);
    if (remedy !== 'again' && remedy !== 'elsewhere' && remedy !== 'same-session') throw error;
    if (remedy !== 'again') this.#members.failed(channel);
    return error;
  }
}

/** A change that is not repeatable was sent, and no answer tells what became of it. */
function outcomeUnknownAfter(error: EnvCliError): EnvCliError {
  return new EnvCliError({
    reason: 'OUTCOME_UNKNOWN',
    message: `${error.message}; whether the change was made is not known`,
    outcomeUnknown: true,
    cause: error,
  });
}
