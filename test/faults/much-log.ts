import { type Client, EnvCliError } from '@env-cli/client';

import type { Trial } from './trial.ts';

/** One value of the filler, about as large as values may be. */
const valueBytes = 250 * 1024;
/** What the log keeps behind its newest entry for slow followers, in bytes; see `tailBytesMax` in libs/replica/src/limits.ts. */
const tailBytes = 64 * 1024 * 1024;
/** Beyond that, so that whole segments are done with. */
const beyondBytes = 6 * 1024 * 1024;
/** The filler's writes that are under way at a time. */
const underWay = 4;

/** Grows the log and not the state: by writes that are refused when they are applied. */
export class LogFiller {
  readonly #admin: Client;

  constructor(admin: Client) {
    this.#admin = admin;
  }

  /** Until told to stop, or so many bytes are in the log. */
  async fill(isOver: () => boolean, bytesMax: number): Promise<void> {
    await this.#admin.environments.set('filler', { X: '' }, { createIfAbsent: true });
    const variables = { X: 'x'.repeat(valueBytes) };
    let left = Math.ceil(bytesMax / valueBytes);
    const lane = async (): Promise<void> => {
      while (left-- > 0 && !isOver()) await this.#refused(variables);
    };
    await Promise.all(Array.from({ length: underWay }, lane));
  }

  /** So much that each log lets go of its first entries. */
  async outgrowTail(): Promise<void> {
    await this.fill(() => false, tailBytes + beyondBytes);
  }

  /** Until a member is gone, which is killed when its log lets go of a segment. */
  async untilGone(trial: Trial, id: number): Promise<void> {
    await this.fill(() => trial.cluster.member(id).process === null, 2 * (tailBytes + beyondBytes));
  }

  async #refused(variables: Readonly<Record<string, string>>): Promise<void> {
    const operations = [{ kind: 'set', environment: 'filler', variables }] as const;
    try {
      await this.#admin.environments.write({ operations, conditions: [{ kind: 'absent', environment: 'filler' }] });
    } catch (error) {
      const isExpected = error instanceof EnvCliError && ['CONDITION_FAILED', 'REPLAYED_REFUSAL'].includes(error.reason);
      if (!isExpected) throw error;
      return;
    }
    throw new Error('a write was done although its condition did not hold');
  }
}
