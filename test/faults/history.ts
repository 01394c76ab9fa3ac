import { writeFileSync } from 'node:fs';

/** What a read found in the place of one environment; null: it does not exist. */
export type Seen = { readonly value: string; readonly revision: number } | null;

/** The start and end of an operation on this process's monotonic clock, rounded outwards. */
interface Interval {
  readonly client: number;
  readonly startMicros: number;
  /** Null when no answer came: what happened may have happened at any time since, or never. */
  readonly endMicros: number | null;
}

/** A write of one or more environments, wholly or not at all. */
export interface WriteOperation extends Interval {
  readonly kind: 'write';
  /** The value that each environment gets; no two writes of a run have the same. */
  readonly sets: Readonly<Record<string, string>>;
  /** The revision that must have changed an environment last; 0: it must not exist. */
  readonly at: Readonly<Record<string, number>>;
  readonly outcome: 'done' | 'refused' | 'unknown';
  /** Of a write that was done, as it was answered or as it was found out later; else 0. */
  readonly revision: number;
}

/** A strong read of one or more environments, from one state. */
export interface ReadOperation extends Interval {
  readonly kind: 'read';
  readonly found: Readonly<Record<string, Seen>>;
}

/** One operation as its client saw it. What certainly was not done, and reads that were not answered, are in no history. */
export type Operation = WriteOperation | ReadOperation;

/** Operations of one run: porcupine's JSON lines (porcupine/history.go reads them). */
export class History {
  readonly operations: Operation[] = [];

  add(operation: Operation): void {
    this.operations.push(operation);
  }

  /**
   * The same, but for writes without an answer: those that the cluster kept are done, with their revision, though still at any time
   * since they began; those that it did not keep never happened. An order of this is an order of the history as well, and is found a
   * great deal faster; where there is none, what the cluster kept belies what it answered.
   *
   * `revisionOf`: under which revision a value was kept in an environment; null, it was not.
   */
  resolved(revisionOf: (environment: string, value: string) => number | null): History {
    const resolved = new History();
    for (const one of this.operations) {
      if (one.kind === 'read' || one.outcome !== 'unknown') {
        resolved.add(one);
        continue;
      }
      const [first] = Object.entries(one.sets);
      const revision = first === undefined ? null : revisionOf(...first);
      if (revision !== null) resolved.add({ ...one, outcome: 'done', revision });
    }
    return resolved;
  }

  write(path: string): void {
    writeFileSync(path, this.operations.map((operation) => `${JSON.stringify(operation)}\n`).join(''));
  }
}

/** Now, for the start of an operation: not later than it was. */
export function startMicrosNow(): number {
  return Math.floor(performance.now() * 1000);
}

/** Now, for the end of an operation: not earlier than it was. */
export function endMicrosNow(): number {
  return Math.ceil(performance.now() * 1000);
}
