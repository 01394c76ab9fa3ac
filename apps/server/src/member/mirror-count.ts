import { defaultLimits } from '@env-cli/environments';
import type { ReadTables } from '@env-cli/keyspace';

/** Milliseconds for which a count is believed. */
const believedMs = 250;

/**
 * How many mirrors there are, about: each may cost a write one more row for each environment (`commandRows`).
 *
 * Too low a count, of a moment ago, does no harm: an entry that turns out to be too full refuses its last commands (`entry-full`), and
 * whoever sent them sends them again.
 */
export class MirrorCount {
  #count = 0;
  #countedMs = Number.NEGATIVE_INFINITY;

  get count(): number {
    return this.#count;
  }

  /** Counts anew, now and then. Not within a snapshot: they do not nest. */
  refresh(nowMs: number, source: { snapshot<T>(work: (tables: ReadTables) => T): T }): void {
    if (nowMs - this.#countedMs < believedMs) return;
    this.#countedMs = nowMs;
    this.#count = source.snapshot((tables) => tables.range('mirrors', { limit: defaultLimits.mirrorsMax })).length;
  }
}
