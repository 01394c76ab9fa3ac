import type { AppliedResult } from '@env-cli/replica';
import type { Entry, EntryKind, Index, Term } from '@env-cli/raft';
import type { CommandResult } from '@env-cli/environments';
import type { Revision } from '@env-cli/keyspace';

import type { FlatEntries, FlatResults } from './thread-messages.ts';

const entryKinds = ['noop', 'command', 'configuration'] as const satisfies readonly EntryKind[];

/** Entries in one buffer. Each turn costs the receiving thread one message, whatever it carries. */
export function flattenEntries(entries: readonly Entry[]): FlatEntries {
  const count = entries.length;
  const terms = new Float64Array(count);
  const kinds = new Uint8Array(count);
  const ends = new Uint32Array(count);
  let end = 0;
  for (const [place, entry] of entries.entries()) {
    terms[place] = entry.term;
    kinds[place] = entryKinds.indexOf(entry.kind);
    ends[place] = end += entry.data.length;
  }
  const bytes = new Uint8Array(end);
  for (const [place, entry] of entries.entries()) bytes.set(entry.data, ends[place]! - entry.data.length);
  return { firstIndex: entries[0]?.index ?? 0, terms, kinds, ends, bytes };
}

export function entriesOf({ firstIndex, terms, kinds, ends, bytes }: FlatEntries): Entry[] {
  const entries: Entry[] = [];
  let start = 0;
  for (const [place, end] of ends.entries()) {
    const index = (firstIndex + place) as Index;
    entries.push({ index, term: terms[place]! as Term, kind: entryKinds[kinds[place]!]!, data: bytes.subarray(start, end) });
    start = end;
  }
  return entries;
}

/** What of it is handed over to the other thread. */
export function buffersOf(flat: FlatEntries): ArrayBuffer[] {
  return [flat.terms, flat.kinds, flat.ends, flat.bytes].map((array) => array.buffer as ArrayBuffer);
}

const kindCodes = { applied: 1, unchanged: 2 } as const;

export function flattenResults(results: readonly AppliedResult[]): FlatResults | null {
  const count = results.length;
  if (count === 0) return null;
  const counters = new Float64Array(count);
  const indexes = new Float64Array(count);
  const kinds = new Uint8Array(count);
  const revisions = new Float64Array(count);
  const others: { place: number; result: CommandResult }[] = [];
  for (const [place, { counter, index, result }] of results.entries()) {
    counters[place] = counter;
    indexes[place] = index;
    if (result.kind === 'applied' || result.kind === 'unchanged') {
      kinds[place] = kindCodes[result.kind];
      revisions[place] = result.revision;
    } else {
      others.push({ place, result });
    }
  }
  return { counters, indexes, kinds, revisions, others };
}

/** Calls `each` for every result, in order. */
export function forEachResult(flat: FlatResults, each: (counter: number, index: number, result: CommandResult) => void): void {
  let other = 0;
  for (let place = 0; place < flat.counters.length; place++) {
    const kind = flat.kinds[place];
    const revision = flat.revisions[place]! as Revision;
    const result: CommandResult =
      kind === kindCodes.applied
        ? { kind: 'applied', revision }
        : kind === kindCodes.unchanged
          ? { kind: 'unchanged', revision }
          : flat.others[other++]!.result;
    each(flat.counters[place]!, flat.indexes[place]!, result);
  }
}
