import {
  bytesOfBinaryText,
  changeAt,
  type ChangePosition,
  type ChangeReader,
  environmentKey,
  readChange,
  readEnvironmentRow,
  readProgress,
  type ReadTables,
  type Revision,
} from '@env-cli/keyspace';

import { refusalOfRevision } from './position.ts';
import type { Refusal } from './refusal.ts';

/** Whose changes, and from where. */
export interface HistoryRequest {
  readonly namespace: string;
  readonly name: string;
  /** The page begins with the newest change at or before this. Null: with the newest. A next page passes `next`. */
  readonly upTo: Revision | null;
  readonly rowsMax: number;
  /** Bytes of changes after which the page ends; it holds one in any case. */
  readonly bytesMax: number;
}

/** Changes of a name, newest first: of all its incarnations, as far as they are kept. */
export type HistoryAnswer =
  | {
      readonly kind: 'page';
      readonly changes: readonly ChangeReader[];
      /** `upTo` of the next page, or null when there is none. */
      readonly next: Revision | null;
      /** Older changes than these were compacted. */
      readonly compacted: boolean;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Reads changes of one name. The first is found in O(log n) reads. */
export function history(tables: ReadTables, request: HistoryRequest): HistoryAnswer {
  const { namespace, name, rowsMax, bytesMax } = request;
  const position = readProgress(tables);
  const upTo = request.upTo ?? position.revision;
  const refusal = refusalOfRevision(upTo, position);
  if (refusal !== null) return { kind: 'refused', refusal };
  const changes: ChangeReader[] = [];
  const bytes = tables.get('environments', bytesOfBinaryText(environmentKey(namespace, name)));
  if (bytes === undefined) return { kind: 'page', changes, next: null, compacted: false };
  const { chain } = readEnvironmentRow(namespace, name, bytes);
  const newest = changeAt(tables, chain, upTo, position.floor);
  if (newest === null || newest === 'compacted') return { kind: 'page', changes, next: null, compacted: newest === 'compacted' };
  let length = 0;
  for (let change = newest; ;) {
    changes.push(change);
    length += change.lengthBytes;
    const previous: ChangePosition = change.previous;
    if (previous.revision <= position.floor) return { kind: 'page', changes, next: null, compacted: previous.revision > 0 };
    if (changes.length >= rowsMax || length >= bytesMax) {
      return { kind: 'page', changes, next: previous.revision, compacted: false };
    }
    change = readChange(tables, previous)!;
  }
}
