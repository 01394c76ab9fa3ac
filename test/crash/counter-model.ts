import { type ReadTables, type Row, type TableName, tableNames, type Tables } from '@env-cli/keyspace';
import { applyEntry, type CommittedRun, positionOf } from './counter-machine.ts';

/** Rows of all tables that a comparison looks at: more than there ever are. */
const rowsMax = 10_000;

/** Tables in memory that are copied at no great cost. */
class ModelTables implements Tables {
  readonly rows: Map<string, Uint8Array>;

  constructor(rows: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.rows = new Map(rows);
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    return this.rows.get(nameOf(table, key));
  }

  range(): Row[] {
    throw new Error('an entry of these tests reads no range');
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    this.rows.set(nameOf(table, key), value);
  }

  remove(table: TableName, key: Uint8Array): void {
    this.rows.delete(nameOf(table, key));
  }
}

function nameOf(table: TableName, key: Uint8Array): string {
  return `${table} ${Buffer.from(key.buffer, key.byteOffset, key.length).toString('hex')}`;
}

/** What a state must be. Remembers how far it has come: the images of one trace ask for ever later states. */
export class CounterModel {
  #tables = new ModelTables();
  #applied: CommittedRun[] = [];

  /** The first difference between tables and those that the committed entries up to `index` make; null when there is none. */
  differenceFrom(tables: ReadTables, runs: readonly CommittedRun[], index: number): string | null {
    const model = this.#at(runs, index);
    let rows = 0;
    for (const table of tableNames) {
      for (const { key, value } of tables.range(table, { limit: rowsMax })) {
        rows++;
        const name = nameOf(table, key);
        const wanted = model.rows.get(name);
        if (wanted === undefined || Buffer.compare(wanted, value) !== 0) return `the row ${name} is not as after entry ${index}`;
      }
    }
    const { appliedIndex } = positionOf(tables);
    if (rows !== model.rows.size) return `there are ${rows} rows, not ${model.rows.size} as after entry ${index}`;
    return appliedIndex === index ? null : `the applied index is ${appliedIndex}, not ${index}`;
  }

  /** Keeps the state for the next call, but for the last entries: another image may have less. */
  #at(runs: readonly CommittedRun[], index: number): ModelTables {
    const whole = runs.filter(({ to }) => to <= index - 60);
    const known = this.#applied.every(
      (run, at) => run.from === whole[at]?.from && run.to === whole[at].to && run.term === whole[at].term,
    );
    if (!known) {
      this.#tables = new ModelTables();
      this.#applied = [];
    }
    for (const run of whole.slice(this.#applied.length)) {
      apply(this.#tables, run, index);
      this.#applied.push(run);
    }
    const tables = new ModelTables(this.#tables.rows);
    for (const run of runs.slice(whole.length)) apply(tables, run, index);
    return tables;
  }
}

function apply(tables: Tables, { from, to, term }: CommittedRun, index: number): void {
  for (let at = from; at <= Math.min(to, index); at++) applyEntry(tables, at, term);
}
