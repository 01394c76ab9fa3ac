import { getEnvironment } from '@env-cli/environments';
import { readChangesAfter, readProgress, type ReadTables, type Revision } from '@env-cli/keyspace';
import { decodeUtf8 } from '@env-cli/support';

import { Violation } from './checks.ts';

/** One environment's change, as the change log tells it. */
interface Happened {
  readonly revision: number;
  readonly environment: string;
  /** What its one variable is since. */
  readonly value: string;
}

export const namespace = 'default';

/**
 * What happened to the environments, in the order of the revisions, as whichever member is first shows it. Every read, watch and acknowledgement
 * is held against it. Revisions order all writes, so a history that agrees with it and with real time is linearizable, for each environment and
 * for writes of several.
 */
export class History {
  /** In the order of (revision, environment's place within it). */
  readonly changes: Happened[] = [];
  readonly #ofEnvironment = new Map<string, Happened[]>();
  readonly #revisions = new Map<string, number>();
  #newest = 0;

  /** The revision at which a value was written; undefined: it was not. */
  revisionOf(value: string): number | undefined {
    return this.#revisions.get(value);
  }

  /** Takes in what a state shows beyond what is known. */
  see(tables: ReadTables, newest: number): void {
    while (this.#newest < newest) {
      const limit = { rowsMax: 1000, bytesMax: 1024 * 1024 };
      const { changes, upTo } = readChangesAfter(tables, this.#newest as Revision, newest as Revision, limit);
      for (const change of changes) {
        for (const { after: cursor } of change.variableChanges())
          if (cursor !== null) this.#add(change.revision, change.name, decodeUtf8(cursor.valueBytes));
      }
      this.#newest = upTo;
    }
  }

  /** Holds a whole state against the history: each environment has what was written to it last, up to the state's revision. */
  checkState(who: string, tables: ReadTables): void {
    const { revision } = readProgress(tables);
    for (const [environment, changes] of this.#ofEnvironment) {
      const wanted = changes.findLast((change) => change.revision <= revision)?.value ?? null;
      const found = valueOf(tables, environment);
      if (found !== wanted) {
        throw new Violation(
          'a read shows the last write',
          `${who} shows ${found} for ${environment} at revision ${revision}, and ${wanted} was written`,
        );
      }
    }
  }

  #add(revision: number, environment: string, value: string): void {
    const earlier = this.#revisions.get(value);
    if (earlier !== undefined && earlier !== revision)
      throw new Violation('a write of a session happens once', `${value} at revisions ${earlier} and ${revision}`);
    this.#revisions.set(value, revision);
    const change = { revision, environment, value };
    this.changes.push(change);
    const known = this.#ofEnvironment.get(environment);
    if (known === undefined) this.#ofEnvironment.set(environment, [change]);
    else known.push(change);
  }
}

function valueOf(tables: ReadTables, name: string): string | null {
  const answer = getEnvironment(tables, { namespace, name, revision: null });
  if (answer.kind !== 'found') return null;
  const cursor = answer.environment.variables();
  return cursor.next() ? decodeUtf8(cursor.valueBytes) : null;
}
