import type { Command, WriteBody } from './command.ts';
import { refusalAt, tooLarge } from './flaw.ts';
import { defaultLimits, entryLimits } from './limits.ts';
import type { Refusal } from './refusal.ts';

/** Rows of work that the reads of a write's restores count. */
export function restoreRowsOf(body: WriteBody): number {
  let rows = 0;
  for (const { kind } of body.operations) if (kind === 'restore') rows += entryLimits.restoreRows;
  return rows;
}

/** Counts the rows of work of the commands of one entry. */
export class WorkMeter {
  #spent = 0;

  /** Rows of work so far. */
  get spent(): number {
    return this.#spent;
  }

  /** Why so many rows more are not to be had: more than any entry has, or than is left of this one. Null: they are. */
  refusalOf(rows: number): Refusal | null {
    const { commandRowsMax } = entryLimits;
    // One row is kept for the session of each command, so a write alone in its entry may have all but that.
    if (rows >= commandRowsMax) return refusalAt('operations', tooLarge('commandRowsMax', defaultLimits, rows));
    return this.#spent + rows > commandRowsMax ? { code: 'entry-full' } : null;
  }

  spend(rows: number): void {
    this.#spent += rows;
  }
}

/**
 * Rows of work that a command may cost at most, for whoever packs commands into entries. `mirrors` is the number of mirrors of
 * its namespace: each may add a row to each environment that a write changes.
 */
export function commandRows({ body, session }: Pick<Command, 'body' | 'session'>, mirrors: number): number {
  const sessionRows = session === null ? 0 : 1;
  if (body.kind === 'write') {
    const environments = new Set(body.operations.map(({ environment }) => environment)).size;
    return sessionRows + restoreRowsOf(body) + environments * (2 + mirrors);
  }
  const isReport = 'mirror' in body && body.kind !== 'delete-mirror';
  // The delivery, the outbox row, and the mirror's count of them.
  return sessionRows + (isReport ? 3 : 1);
}
