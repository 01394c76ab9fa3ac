import type { Command } from './command.ts';
import { refusalAt, tooLarge } from './flaw.ts';
import { defaultLimits, entryLimits } from './limits.ts';
import type { Refusal } from './refusal.ts';
import { environmentsOf } from './reseal.ts';

/** Bytes of a record that count as one row more: a hundred environments of 2 MiB are not rewritten by one entry. */
const bytesPerRow = 64 * 1024;

/** Rows of an environment that is read and written with other values: as many as its size can make of it by default. */
const resealedRows = 2 * (1 + (2 * 1024 * 1024) / bytesPerRow);

/** Rows of work that reading or writing a record counts. */
export function rowsOfBytes(bytes: number): number {
  return 1 + Math.floor(bytes / bytesPerRow);
}

/** Counts the rows of work of the commands of one entry. What was worked counts, whatever came of it. */
export class WorkMeter {
  #spent = 0;
  #spentByCommand = 0;

  /** Begins a command. */
  begin(): void {
    this.#spentByCommand = 0;
  }

  /** Why so many rows more are not to be had: more than any entry has for one command, or than is left of this one. Null: they are. */
  refusalOf(rows: number): Refusal | null {
    const { commandRowsMax } = entryLimits;
    const wanted = this.#spentByCommand + rows;
    // One row is kept for the session of each command, so that a write alone in its entry may have all but that.
    if (wanted >= commandRowsMax) return refusalAt('operations', tooLarge('commandRowsMax', defaultLimits, wanted));
    return this.#spent + rows > commandRowsMax ? { code: 'entry-full' } : null;
  }

  /** Spends rows, or says why not. */
  charge(rows: number): Refusal | null {
    const refusal = this.refusalOf(rows);
    if (refusal === null) this.spend(rows);
    return refusal;
  }

  spend(rows: number): void {
    this.#spent += rows;
    this.#spentByCommand += rows;
  }
}

/**
 * Rows of work that a command may cost at most, for whoever packs commands into entries. `mirrors` is the number of mirrors of
 * its namespace: each may add a row to each environment that a write changes. Environments above 64 KiB cost more, which
 * only apply knows: it refuses with `entry-full` what then has no room.
 */
export function commandRows({ body, session }: Pick<Command, 'body' | 'session'>, mirrors: number): number {
  const sessionRows = session === null ? 0 : 1;
  if (body.kind === 'write') {
    const { operations } = body;
    const environments = operations.length === 1 ? 1 : new Set(operations.map(({ environment }) => environment)).size;
    const restores = operations.filter(({ kind }) => kind === 'restore').length;
    return sessionRows + body.conditions.length + restores * entryLimits.restoreRows + environments * (2 + mirrors);
  }
  // Each environment is read and written, at up to `environmentBytesMax` a side.
  if (body.kind === 'reseal') return sessionRows + environmentsOf(body.values) * resealedRows;
  const isReport = 'mirror' in body && body.kind !== 'delete-mirror';
  // The delivery, the outbox row, and the mirror's count of them.
  return sessionRows + (isReport ? 3 : 1);
}
