import { type Client, EnvCliError } from '@env-cli/client';

import type { Trial } from './trial.ts';

/** One value of the filler, about as large as values may be. */
const valueBytes = 250 * 1024;
/** What is written before it is looked again whether that was enough. */
const portionBytes = 8 * 1024 * 1024;
/** Four times what the log keeps behind its newest entry for slow followers; see `tailBytesMax` in libs/replica/src/limits.ts. */
const logBytesMax = 4 * 64 * 1024 * 1024;
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

  /** Until no member that runs has entries any more that a member lacks whose log ends at `index`. */
  async outgrow(trial: Trial, index: number): Promise<void> {
    for (let bytes = 0; bytes < logBytesMax; bytes += portionBytes) {
      await this.fill(() => false, portionBytes);
      const views = await Promise.all(trial.running.map((id) => trial.viewOf(id)));
      if (views.every(({ firstLogIndex }) => firstLogIndex > index + 1)) return;
    }
    throw new Error(`after ${logBytesMax} bytes some log still holds entry ${index + 1}`);
  }

  /** Until a member is gone, which is killed when its log begins a segment or lets go of one. */
  async untilGone(trial: Trial, id: number): Promise<void> {
    await this.fill(() => trial.cluster.member(id).process === null, logBytesMax);
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
