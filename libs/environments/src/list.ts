import {
  afterPrefix,
  bytesOfBinaryText,
  environmentAt,
  environmentKey,
  type EnvironmentReader,
  keyAfter,
  nameOfKey,
  readEnvironmentRow,
  readLive,
  readProgress,
  type ReadTables,
  type Revision,
  type Row,
} from '@env-cli/keyspace';
import { type LabelSelector, matchesLabels } from '@env-cli/mirroring';

import { refusalOfRevision } from './position.ts';
import type { Refusal } from './refusal.ts';

/** Which environments, and how many of them in one page. */
export interface ListRequest {
  readonly namespace: string;
  /** Only names that begin with this. Empty: all. */
  readonly prefix: string;
  /** Only environments whose labels match. Empty: all. */
  readonly labels: LabelSelector;
  /** The page begins behind this name; null for the first page. */
  readonly after: string | null;
  /** The state that is listed. Later pages pass the revision of the first. Null: the newest. */
  readonly revision: Revision | null;
  readonly rowsMax: number;
  /** Bytes of records after which the page ends; it holds one in any case. */
  readonly bytesMax: number;
  /** Work after which the page ends: a row that is looked at is 1, one that is rebuilt from the changes 20. */
  readonly scanMax: number;
}

/** A page of environments, sorted by name. */
export type ListAnswer =
  | {
      readonly kind: 'page';
      /** The state that is listed. */
      readonly revision: Revision;
      readonly environments: readonly EnvironmentReader[];
      /** `after` of the next page, or null when there is none. A page may hold few environments, or none, and still have a next. */
      readonly next: string | null;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const rebuiltWork = 20;
const firstRowsAtOnce = 8;
const rowsAtOnceMax = 256;

/** Lists environments by name. Bounded by rows, bytes and work, so that no page holds up the thread. */
export function list(tables: ReadTables, request: ListRequest): ListAnswer {
  const position = readProgress(tables);
  const revision = request.revision ?? position.revision;
  const refusal = refusalOfRevision(revision, position);
  if (refusal !== null) return { kind: 'refused', refusal };
  const page = new Page(request);
  for (const row of rowsOf(tables, request, page)) {
    const name = nameOfKey(row.key);
    if (page.isFull) return { kind: 'page', revision, environments: page.environments, next: page.last };
    if (revision === position.revision) {
      page.look(name, readLive(request.namespace, name, row.value), 1);
      continue;
    }
    const read = readEnvironmentRow(request.namespace, name, row.value);
    const isNewest = read.live !== null && read.live.modifyRevision <= revision;
    const environment = isNewest ? read.live : environmentAt(tables, request.namespace, name, read, revision, position.floor);
    page.look(name, environment, isNewest ? 1 : rebuiltWork);
  }
  return { kind: 'page', revision, environments: page.environments, next: null };
}

/** The rows of the request's range in order, some at a time: as many as are likely to fit into the page. */
function* rowsOf(tables: ReadTables, request: ListRequest, page: Page): IterableIterator<Row> {
  const { namespace, prefix, after } = request;
  const first = bytesOfBinaryText(environmentKey(namespace, prefix));
  let from = after === null ? first : keyAfter(bytesOfBinaryText(environmentKey(namespace, after)));
  const to = afterPrefix(namespace, prefix);
  let limit = firstRowsAtOnce;
  let bytes = 0;
  let count = 0;
  for (;;) {
    const rows = tables.range('environments', { from, to, limit });
    yield* rows;
    if (rows.length < limit) return;
    from = keyAfter(rows.at(-1)!.key);
    count += rows.length;
    for (const row of rows) bytes += row.value.length;
    limit = Math.min(rowsAtOnceMax, Math.max(1, Math.floor(page.bytesLeft / (bytes / count))));
  }
}

class Page {
  readonly environments: EnvironmentReader[] = [];
  /** The name that was looked at last. */
  last: string | null;
  readonly #request: ListRequest;
  #bytes = 0;
  #work = 0;

  constructor(request: ListRequest) {
    this.#request = request;
    this.last = request.after;
  }

  get bytesLeft(): number {
    return this.#request.bytesMax - this.#bytes;
  }

  get isFull(): boolean {
    const { rowsMax, scanMax } = this.#request;
    return this.environments.length >= rowsMax || this.bytesLeft <= 0 || this.#work >= scanMax;
  }

  look(name: string, environment: EnvironmentReader | null, work: number): void {
    this.last = name;
    this.#work += work;
    if (environment === null) return;
    if (this.#request.labels.length > 0 && !matchesLabels(this.#request.labels, environment.labels())) return;
    this.environments.push(environment);
    this.#bytes += environment.content.length;
  }
}
