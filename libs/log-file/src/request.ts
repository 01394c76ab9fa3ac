import type { Entry, HardState } from '@env-cli/raft';

import type { Batch, EntryId } from './batch.ts';

/** What was asked of the log and is not on disk yet. */
export interface Request {
  readonly purpose: Batch['purpose'];
  /** Null when it did not change. */
  readonly hardState: HardState | null;
  /** The entry that `entries` follow; the last one of the log when there are none. */
  readonly previous: EntryId;
  readonly entries: readonly Entry[];
  /** What it adds to a batch. */
  readonly bytes: number;
  readonly done: () => void;
}

/** What several requests come to. */
export interface Joined extends Pick<Request, 'purpose' | 'hardState' | 'previous' | 'entries'> {
  /** How many of the requests, from the first on. */
  readonly count: number;
}

/**
 * Joins the first of the waiting requests to one batch of at most `bytesMax`; the first goes in whatever its size.
 *
 * Entries that a later request of the same batch replaces are left out: a batch holds one run of entries. There must be a request.
 */
export function joinRequests(requests: readonly Request[], bytesMax: number): Joined {
  const first = requests[0]!;
  if (first.purpose !== 'append') return { ...first, count: 1 };
  let { hardState, previous, bytes } = first;
  let entries: readonly Entry[] = first.entries;
  let own: Entry[] | null = null;
  let count = 1;
  for (; count < requests.length; count++) {
    const request = requests[count]!;
    bytes += request.bytes;
    if (request.purpose !== 'append' || bytes > bytesMax) break;
    hardState = request.hardState ?? hardState;
    if (request.entries.length === 0) continue;
    const kept = request.previous.index - previous.index;
    if (entries.length === 0 || kept <= 0) {
      ({ previous, entries } = request);
      own = null;
      continue;
    }
    own ??= [...entries];
    own.length = kept;
    for (const entry of request.entries) own.push(entry);
    entries = own;
  }
  return { purpose: first.purpose, hardState, previous, entries, count };
}
